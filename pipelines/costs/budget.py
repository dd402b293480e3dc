"""The cost guard: what a load bills at most, what is spent already, and the budgets that it has to keep to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from pipelines.costs.ledger import ExtractLedger
from pipelines.errors import BudgetError
from pipelines.pypi.settings import Settings
from pipelines.pypi.windows import Window


@dataclass(frozen=True)
class Estimate:
    """Bytes that reading each window bills at most, and what they cost."""

    bytes_by_window: Mapping[Window, int]
    settings: Settings

    @property
    def bytes(self) -> int:
        return sum(self.bytes_by_window.values())

    @property
    def cost(self) -> float:
        """US dollars, before what BigQuery gives away."""
        return self.settings.price_of(self.bytes)

    def require_affordable(self, ledger: ExtractLedger, now: datetime) -> None:
        """Raise `BudgetError`, with the figures, if it does not fit into the budgets of a run and of the month."""
        settings = self.settings
        if self.cost > settings.budget_per_run:
            what = f"The load costs at most {dollars(self.cost)}; a run may cost {dollars(settings.budget_per_run)}."
            raise BudgetError(what, remedy=_remedy("budget_per_run", self.cost))
        spent = ledger.spent_this_month(now)
        if self.cost and spent + self.cost > settings.budget_per_month:
            what = (
                f"The load costs at most {dollars(self.cost)}, and the ledger has {dollars(spent)} for {now:%B}; "
                f"a month may cost {dollars(settings.budget_per_month)}."
            )
            raise BudgetError(what, remedy=_remedy("budget_per_month", spent + self.cost))


def gibibytes(size: int) -> str:
    return f"{size / 2**30:,.2f} GiB"


def dollars(amount: float) -> str:
    """`$12.30`: to the cent, upwards, so that nothing but nothing is shown as $0.00."""
    return f"${ceil(amount * 100) / 100:,.2f}"


def _remedy(setting: str, needed: float) -> str:
    return (
        "Nothing was read or billed. `just estimate` shows it by project. Load fewer days or projects, or raise "
        f"`{setting}` of [sources.pypi] to {needed:.2f} or more (SOURCES__PYPI__{setting.upper()})."
    )
