"""The cost guard: what a load bills at most, what is spent already, and the budgets that it has to keep to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

from rich.console import Console
from rich.table import Table

from pipelines.console import open_console
from pipelines.errors import BudgetError
from pipelines.pypi.ledger import Outcome, Query
from pipelines.pypi.settings import TIB, Settings
from pipelines.pypi.windows import DAY, Window
from pipelines.warehouse import DATASET, Warehouse

RESULT_LIFE = timedelta(hours=12)
"""How long the rows of a query are read instead of asking again: BigQuery keeps them for about a day
(https://cloud.google.com/bigquery/docs/cached-results), and what is older might miss late downloads."""


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
            f"INSERT INTO {DATASET}.extract_ledger VALUES "
            "(%s, %s, %s, %s, %s, %s, %s, %s, NULL, %s, NULL, NULL, 'open')",
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
            f"UPDATE {DATASET}.extract_ledger SET status = %s, bytes_billed = %s, cost = %s, rows_read = %s, "
            "seconds = EPOCH(%s::TIMESTAMPTZ) - EPOCH(started_at) WHERE job_id = %s",
            outcome,
            bytes_billed,
            self.settings.price_of(bytes_billed),
            rows,
            datetime.now(UTC),
            job_id,
        )

    def unread_queries(self) -> Sequence[Query]:
        rows = self.warehouse.query(
            "SELECT job_id, gcp_project, location, project, start_day, end_day, bytes_estimated FROM extract_ledger "
            "WHERE status = 'open' OR status = 'failed' AND bytes_billed > 0 AND started_at > %s",
            datetime.now(UTC) - RESULT_LIFE,
        )
        return [
            Query(job_id, gcp_project, location, Window(project, start, end), estimated)
            for job_id, gcp_project, location, project, start, end, estimated in rows
        ]

    def spent_this_month(self, now: datetime) -> float:
        """US dollars that the queries of the UTC month have cost; open ones count at their estimate."""
        rows = self.warehouse.query("SELECT SUM(cost) FROM extract_ledger WHERE started_at >= %s", month_of(now))
        return float(rows[0][0] or 0) if rows else 0.0

    def billed_share(self) -> float | None:
        """What queries have billed, as a share of their estimates; `None` before the first."""
        rows = self.warehouse.query(
            "SELECT SUM(bytes_billed) / SUM(bytes_estimated) FROM extract_ledger WHERE status = 'done'"
        )
        return rows[0][0] if rows else None

    def by_month(self) -> list[tuple[Any, ...]]:
        """Month, project, queries, of these failed, of these open, bytes estimated, bytes billed, cost, rows."""
        return self.warehouse.query(
            "SELECT STRFTIME(started_at AT TIME ZONE 'UTC', '%%Y-%%m') AS month, project, COUNT(*), "
            "COUNT(*) FILTER (status = 'failed'), COUNT(*) FILTER (status = 'open'), SUM(bytes_estimated), "
            "SUM(bytes_billed), SUM(cost), SUM(rows_read) FROM extract_ledger GROUP BY ALL ORDER BY ALL"
        )

    def queries(self) -> list[tuple[Any, ...]]:
        """Start, project, first day, day to stop before, status, bytes estimated, bytes billed, cost, rows."""
        return self.warehouse.query(
            "SELECT started_at, project, start_day, end_day, status, bytes_estimated, bytes_billed, cost, rows_read "
            "FROM extract_ledger ORDER BY started_at"
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


def show_estimate(console: Console, estimate: Estimate, ledger: ExtractLedger, now: datetime) -> None:
    """Print what each project bills at most, in all, and beside the budgets."""
    settings = ledger.settings
    if not estimate.bytes_by_window:
        console.print("Nothing to load: each day up to the last settled one is in the warehouse.")
        return
    if not estimate.bytes:
        console.print("The upstream is files: reading them is free.")
        return
    table = Table(title="What the next load bills at most", title_justify="left")
    table.add_column("project")
    table.add_column("days", no_wrap=True)
    for heading in ("bytes", "cost", "of a free TiB"):
        table.add_column(heading, justify="right")
    for window, size in estimate.bytes_by_window.items():
        table.add_row(window.project, f"{window.start} to {window.end - DAY}", *_figures(size, settings))
    table.add_section()
    table.add_row("in all", "", *_figures(estimate.bytes, settings))
    console.print(table)
    spent = ledger.spent_this_month(now)
    console.print(
        f"Budgets: {dollars(settings.budget_per_run)} a run, {dollars(settings.budget_per_month)} a month; "
        f"{now:%B} so far, by the ledger: {dollars(spent)}.",
        highlight=False,
    )
    if share := ledger.billed_share():
        console.print(f"Earlier queries have billed {share:.1%} of their estimates.", highlight=False)
    estimate.require_affordable(ledger, now)


def show_costs(ledger: ExtractLedger) -> None:
    """Print what the ledger has, by month and project, and then each query."""
    console = open_console()
    months = ledger.by_month()
    if not months:
        console.print("No query has been paid for: the ledger is empty.")
        return
    table = _ledger_table("By month (UTC)", "month", "project", "queries", "failed", "open")
    for month, project, queries, failed, open_, *amounts in months:
        table.add_row(month, project, f"{queries:,}", f"{failed:,}", f"{open_:,}", *_amounts(*amounts))
    console.print(table)
    table = _ledger_table("By query", "started (UTC)", "project", "days", "status")
    for started, project, start, end, status, *amounts in ledger.queries():
        table.add_row(
            f"{started.astimezone(UTC):%Y-%m-%d %H:%M}",
            project,
            f"{start} to {end - DAY}",
            status,
            *_amounts(*amounts),
        )
    console.print(table)
    console.print(
        "Costs are at list price, before the TiB that BigQuery gives away each month; an open query counts at"
    )
    console.print("its estimate, until the next run has asked BigQuery.")


def _ledger_table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    for heading in ("estimated", "billed", "cost", "rows"):
        table.add_column(heading, justify="right")
    return table


def _amounts(estimated: int, billed: int | None, cost: float, rows: int | None) -> tuple[str, str, str, str]:
    known = "" if billed is None else gibibytes(int(billed)), dollars(cost), "" if rows is None else f"{int(rows):,}"
    return gibibytes(int(estimated)), *known


def _figures(size: int, settings: Settings) -> tuple[str, str, str]:
    return gibibytes(size), dollars(settings.price_of(size)), f"{size / TIB:.1%}"


def gibibytes(size: int) -> str:
    return f"{size / 2**30:,.2f} GiB"


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
