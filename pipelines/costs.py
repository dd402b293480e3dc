"""The cost guard: what a load bills at most, what is spent already, and the budgets that it has to keep to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Any

from pipelines.errors import BudgetError
from pipelines.pypi.ledger import Outcome, Query
from pipelines.pypi.settings import Settings
from pipelines.pypi.windows import Window
from pipelines.warehouse import Warehouse


@dataclass(frozen=True)
class ExtractLedger:
    """`raw.extract_ledger`: a row for each query, written before it is sent and apart from any load.

    `cost` is in US dollars at the price of the time, before what BigQuery gives away. While a query's `status` is
    `open` its cost is that of the estimate; then it is `done`, or `failed`, which may have been billed too.
    """

    warehouse: Warehouse
    settings: Settings

    def begin(self, query: Query) -> None:
        self.warehouse.execute(
            "INSERT INTO extract_ledger VALUES (%s, %s, %s, %s, %s, %s, %s, %s, NULL, %s, NULL, NULL, 'open')",
            query.job_id,
            query.gcp_project,
            query.location,
            query.window.project,
            query.window.start,
            query.window.end,
            datetime.now(UTC),
            query.bytes_estimated,
            self.settings.price_of(query.bytes_estimated),
        )

    def settle(self, job_id: str, outcome: Outcome, *, bytes_billed: int, rows: int = 0) -> None:
        self.warehouse.execute(
            "UPDATE extract_ledger SET status = %s, bytes_billed = %s, cost = %s, rows_read = %s, "
            "seconds = EPOCH(%s::TIMESTAMPTZ) - EPOCH(started_at) WHERE job_id = %s",
            outcome,
            bytes_billed,
            self.settings.price_of(bytes_billed),
            rows,
            datetime.now(UTC),
            job_id,
        )

    def open_queries(self) -> Sequence[Query]:
        rows = self.warehouse.query(
            "SELECT job_id, gcp_project, location, project, start_day, end_day, bytes_estimated FROM extract_ledger "
            "WHERE status = 'open'"
        )
        return [
            Query(job_id, gcp_project, location, Window(project, start, end), estimated)
            for job_id, gcp_project, location, project, start, end, estimated in rows
        ]

    def spent_this_month(self, now: datetime) -> float:
        """US dollars that the queries of the UTC month have cost; open ones count at their estimate."""
        rows = self.warehouse.query("SELECT SUM(cost) FROM extract_ledger WHERE started_at >= %s", month_of(now))
        return float(rows[0][0] or 0) if rows else 0.0

    def by_month(self) -> list[tuple[Any, ...]]:
        """Month, project, queries, of these failed, of these open, bytes estimated, bytes billed, cost, rows."""
        return self.warehouse.query(
            "SELECT STRFTIME(started_at AT TIME ZONE 'UTC', '%%Y-%%m') AS month, project, COUNT(*), "
            "COUNT(*) FILTER (status = 'failed'), COUNT(*) FILTER (status = 'open'), SUM(bytes_estimated), "
            "SUM(bytes_billed), SUM(cost), SUM(rows_read) FROM extract_ledger GROUP BY ALL ORDER BY ALL"
        )

    def queries(self) -> list[tuple[Any, ...]]:
        """Start, project, first day, day to stop before, status, bytes estimated, bytes billed, cost, rows, seconds."""
        return self.warehouse.query(
            "SELECT started_at, project, start_day, end_day, status, bytes_estimated, bytes_billed, cost, rows_read, "
            "seconds FROM extract_ledger ORDER BY started_at"
        )


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


def month_of(now: datetime) -> datetime:
    """The midnight that starts the UTC month."""
    return now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def dollars(amount: float) -> str:
    """`$12.30`: to the cent, upwards, so that nothing but nothing is shown as $0.00."""
    return f"${ceil(amount * 100) / 100:,.2f}"


def _remedy(setting: str, needed: float) -> str:
    return (
        "Nothing was read or billed. `just estimate` shows it by project. Load fewer days or projects, or raise "
        f"`{setting}` of [sources.pypi] to {needed:.2f} or more (SOURCES__PYPI__{setting.upper()})."
    )
