"""The cost guard: compares the estimate of a load, and the spending of the month, with the budgets."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import ceil

from pipelines.costs.ledger import ExtractLedger
from pipelines.errors import BudgetError
from pipelines.pypi.settings import Settings
from pipelines.pypi.windows import Window


@dataclass(frozen=True)
class Estimate:
    """The most bytes that reading each window can bill, and their price."""

    bytes_by_window: Mapping[Window, int]
    settings: Settings

    @property
    def bytes(self) -> int:
        return sum(self.bytes_by_window.values())

    @property
    def cost(self) -> float:
        """US dollars, before BigQuery's free tier."""
        return self.settings.price_of(self.bytes)

    def require_affordable(self, ledger: ExtractLedger, now: datetime) -> None:
        """Raise `BudgetError`, with the figures, if the estimate exceeds the budget of a run or of the month."""
        settings = self.settings
        if self.cost > settings.budget_per_run:
            what = f"The load costs at most {dollars(self.cost)}; a run may cost {exactly(settings.budget_per_run)}."
            raise BudgetError(what, remedy=_remedy("budget_per_run", self.cost))
        spent = ledger.spent_this_month(now)
        if self.cost and spent + self.cost > settings.budget_per_month:
            what = (
                f"The load costs at most {dollars(self.cost)}, and the queries of {now:%B} have cost {dollars(spent)}; "
                f"a month may cost {exactly(settings.budget_per_month)}."
            )
            raise BudgetError(what, remedy=_remedy("budget_per_month", spent + self.cost))


def gibibytes(size: int) -> str:
    return f"{size / 2**30:,.2f} GiB"


def dollars(amount: float) -> str:
    """`$12.30`: rounded up to the cent, so that only zero is shown as $0.00."""
    return f"${round_up(amount):,.2f}"


def round_up(amount: float) -> float:
    """The amount in whole cents, never less than it: advice that is rounded down would be refused again."""
    return ceil(amount * 100) / 100


def exactly(amount: float) -> str:
    """`$6.25`, or `$0.00001`: a limit as it is set."""
    return f"${amount:,.2f}" if round(amount, 2) == amount else f"${Decimal(str(amount)):f}"


def _remedy(setting: str, needed: float) -> str:
    return (
        "Nothing was read or billed. `just estimate` shows the cost by project. Load fewer days or projects, or raise "
        f"`{setting}` of [sources.pypi] to {round_up(needed):.2f} or more (SOURCES__PYPI__{setting.upper()})."
    )
