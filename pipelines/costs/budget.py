"""The cost guard: compares what a load will cost, and has cost, with the budgets of a run and of the month."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import ceil

from pipelines.costs.forecast import Estimate, Forecast, WindowCost, days_to_probe, likely_bytes
from pipelines.costs.ledger import ExtractLedger
from pipelines.errors import BudgetError
from pipelines.pypi.settings import Settings
from pipelines.pypi.windows import Window

RUNAWAY = 10
"""A query that bills so many times its expectation has read more than its project."""


@dataclass(frozen=True)
class Guard:
    """Holds a run that began at `started` to the budgets, before each query and after it."""

    ledger: ExtractLedger
    now: datetime
    started: datetime

    @property
    def settings(self) -> Settings:
        return self.ledger.settings

    def probe(self, forecast: Forecast, estimate: Estimate) -> None:
        """Ask what is unknown about the estimate's projects, unless a price does not matter or the bound decides.

        Raises:
            BudgetError: a probe can bill more than `budget_per_probe`, or the month has nothing left.

        """
        if self.settings.guard == "bound":
            return
        for day in days_to_probe(estimate):
            # Each further probe of a table that is not clustered would bill its whole bound.
            if forecast.unclustered:
                return
            self._require_affordable_probe(day, self.settings.price_of(forecast.upstream.estimate_probe(day)))
            forecast.probe(day)

    def require_affordable(self, estimate: Estimate, *, unclustered: bool = False) -> None:
        """Raise `BudgetError`, with the figures, unless the load fits the budgets of the run and of the month.

        Compared is what it will probably cost, times `budget_margin`; by `guard` "bound" the most that it can cost.
        """
        settings = self.settings
        needed, what = self._needed(estimate)
        if unclustered:
            what += " The probe has read most of its day: the table does not seem to be clustered by project."
        if needed > settings.budget_per_run:
            what += f" A run may cost {exactly(settings.budget_per_run)}."
            raise BudgetError(what, remedy=_remedy("budget_per_run", needed))
        spent = self.ledger.spent_this_month(self.now)
        if needed and spent + needed > settings.budget_per_month:
            what += (
                f" The queries of {self.now:%B} have cost {dollars(spent)}, and a month may cost "
                f"{exactly(settings.budget_per_month)}."
            )
            raise BudgetError(what, remedy=_remedy("budget_per_month", spent + needed))

    def require_next(self, cost: WindowCost) -> None:
        """Raise `BudgetError` unless the bills of the run, and those of the month, leave room for one more query."""
        settings = self.settings
        if not (size := cost.at_most if settings.guard == "bound" else likely_bytes(cost)):
            return
        following = settings.price_of(size)
        next_one = f"the next query ({cost.window}) is expected to cost {dollars(following)}"
        spent = self.ledger.spent_since(self.started)
        if spent + following > settings.budget_per_run:
            limit = f"a run may cost {exactly(settings.budget_per_run)}"
            what = f"The run has cost {dollars(spent)} so far, {next_one}, and {limit}."
            raise BudgetError(what, remedy=_remedy_of_stopped("budget_per_run", spent + following))
        spent = self.ledger.spent_this_month(self.now)
        if spent + following > settings.budget_per_month:
            limit = f"a month may cost {exactly(settings.budget_per_month)}"
            what = f"The queries of {self.now:%B} have cost {dollars(spent)} so far, {next_one}, and {limit}."
            raise BudgetError(what, remedy=_remedy_of_stopped("budget_per_month", spent + following))

    def check_bill(self, cost: WindowCost) -> None:
        """Raise `BudgetError` if the window's query has billed many times what was expected."""
        billed = self.ledger.billed_since(self.started, cost.window)
        if cost.expected and billed > RUNAWAY * cost.expected:
            what = (
                f"The query of {cost.window} has billed {gibibytes(billed)}, and {gibibytes(cost.expected)} were "
                "expected: the table no longer seems to be clustered by project."
            )
            remedy = "Check `table` of [sources.pypi]. `just estimate` shows what the next days would cost now."
            raise BudgetError(what, remedy=remedy)

    def _require_affordable_probe(self, day: Window, price: float) -> None:
        settings = self.settings
        what = f"To find out what {day.project} costs, a probe of {day.start} can bill at most {dollars(price)}."
        if price > settings.budget_per_probe:
            what += f" A probe may cost {exactly(settings.budget_per_probe)}."
            raise BudgetError(what, remedy=_remedy("budget_per_probe", price))
        spent = self.ledger.spent_this_month(self.now)
        if price and spent >= settings.budget_per_month:
            what += f" The queries of {self.now:%B} have used up the month's {exactly(settings.budget_per_month)}."
            raise BudgetError(what, remedy=_remedy("budget_per_month", spent + price))

    def _needed(self, estimate: Estimate) -> tuple[float, str]:
        """US dollars that the budgets must have, and how they come about."""
        settings, at_most = self.settings, f"at most {dollars(estimate.at_most)}"
        needed = estimate.likely * settings.budget_margin
        if settings.guard == "bound" or needed >= estimate.at_most:
            return estimate.at_most, f"The load costs {at_most}."
        what = f"The load is expected to cost {dollars(estimate.likely)}, {at_most}. With `budget_margin` "
        return needed, f"{what}({settings.budget_margin:g}) it needs a budget of {dollars(needed)}."


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
        "Nothing was loaded. `just estimate` shows the cost by project. Load fewer days or projects, or raise "
        f"{_setting(setting, needed)}"
    )


def _remedy_of_stopped(setting: str, needed: float) -> str:
    return f"What is loaded stays, and the next run goes on from there. Raise {_setting(setting, needed)}"


def _setting(setting: str, needed: float) -> str:
    return f"`{setting}` of [sources.pypi] to {round_up(needed):.2f} or more (SOURCES__PYPI__{setting.upper()})."
