"""Prints the estimate of a load, and the ledger of queries."""

from dataclasses import asdict
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from pipelines.cli.printing.text import NOTHING_TO_LOAD
from pipelines.costs.budget import Estimate, dollars, gibibytes
from pipelines.costs.ledger import ExtractLedger
from pipelines.pypi.settings import TIB, Settings
from pipelines.pypi.windows import DAY


def show_estimate(console: Console, estimate: Estimate, ledger: ExtractLedger, now: datetime) -> None:
    """Print the most that each project and the whole load can bill, and the budgets.

    Raises:
        BudgetError: the load exceeds a budget; it is raised after the table is printed.

    """
    settings = ledger.settings
    if not estimate.bytes_by_window:
        console.print(NOTHING_TO_LOAD)
        return
    if not estimate.bytes:
        console.print("The upstream reads Parquet files, which is free.")
        return
    table = Table(title="The most that the next load can bill", title_justify="left")
    table.add_column("project", overflow="fold")
    table.add_column("days", overflow="fold")
    for heading in ("bytes", "cost", "share of a free TiB"):
        table.add_column(heading, justify="right", overflow="fold")
    for window, size in estimate.bytes_by_window.items():
        table.add_row(window.project, f"{window.start} to {window.end - DAY}", *_figures(size, settings))
    table.add_section()
    table.add_row("total", "", *_figures(estimate.bytes, settings))
    console.print(table)
    spent = ledger.spent_this_month(now)
    console.print(
        f"Budgets: {dollars(settings.budget_per_run)} a run, {dollars(settings.budget_per_month)} a month. "
        f"Spent in {now:%B}, by the ledger: {dollars(spent)}.",
        highlight=False,
    )
    if share := ledger.billed_share():
        console.print(f"Earlier queries have billed {share:.1%} of their estimates.", highlight=False)
    estimate.require_affordable(ledger, now)


def describe_estimate(estimate: Estimate, ledger: ExtractLedger, now: datetime) -> dict[str, object]:
    """What `show_estimate` prints, for other programs; `end` is exclusive, amounts are US dollars."""
    settings = ledger.settings
    windows = [
        {**asdict(window), "bytes": size, "cost": settings.price_of(size)}
        for window, size in estimate.bytes_by_window.items()
    ]
    return {
        "windows": windows,
        "bytes": estimate.bytes,
        "cost": estimate.cost,
        "budget_per_run": settings.budget_per_run,
        "budget_per_month": settings.budget_per_month,
        "spent_this_month": ledger.spent_this_month(now),
        "billed_share": ledger.billed_share(),
    }


def describe_costs(ledger: ExtractLedger) -> dict[str, object]:
    """What `show_costs` prints, for other programs; `end` is exclusive, costs are US dollars."""
    amounts = ("bytes_estimated", "bytes_billed", "cost", "rows")
    months = ("month", "project", "queries", "failed", "open", *amounts)
    queries = ("started", "project", "start", "end", "status", *amounts)
    return {
        "months": [dict(zip(months, row, strict=True)) for row in ledger.by_month()],
        "queries": [dict(zip(queries, row, strict=True)) for row in ledger.queries()],
    }


def show_costs(console: Console, ledger: ExtractLedger) -> None:
    """Print the ledger: totals by month and project, then each query."""
    months = ledger.by_month()
    if not months:
        console.print("The ledger is empty: no query has been billed.")
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
        "Costs are at `price_per_tib`, before BigQuery's free TiB a month. An open query counts at its estimate,"
    )
    console.print("until the next run asks BigQuery for its bill.")


def _ledger_table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for heading in ("estimated", "billed", "cost", "rows"):
        table.add_column(heading, justify="right", overflow="fold")
    return table


def _amounts(estimated: int, billed: int | None, cost: float, rows: int | None) -> tuple[str, str, str, str]:
    known = "" if billed is None else gibibytes(int(billed)), dollars(cost), "" if rows is None else f"{int(rows):,}"
    return gibibytes(int(estimated)), *known


def _figures(size: int, settings: Settings) -> tuple[str, str, str]:
    return gibibytes(size), dollars(settings.price_of(size)), f"{size / TIB:.1%}"
