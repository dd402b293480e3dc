"""Prints the estimate of a load, and the ledger of queries."""

from dataclasses import asdict
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from pipelines.cli.printing.text import NOTHING_TO_LOAD
from pipelines.costs.budget import Guard, dollars, exactly, gibibytes
from pipelines.costs.forecast import Estimate
from pipelines.costs.ledger import ExtractLedger
from pipelines.pypi.settings import Settings
from pipelines.pypi.windows import DAY


def show_estimate(console: Console, estimate: Estimate, ledger: ExtractLedger, now: datetime) -> None:
    """Print what each project and the whole load is expected to bill, and at most; and the budgets.

    Raises:
        BudgetError: the load exceeds a budget; it is raised after the table is printed.

    """
    settings = ledger.settings
    if not estimate.windows:
        console.print(NOTHING_TO_LOAD)
        return
    if not estimate.at_most:
        console.print("This upstream bills nothing.")
        return
    table = Table(title="What the next load will bill", title_justify="left")
    table.add_column("project", overflow="fold")
    table.add_column("days", overflow="fold")
    for heading in ("expected", "", "at most", ""):
        table.add_column(heading, justify="right", overflow="fold")
    for cost in estimate.windows:
        days = f"{cost.window.start} to {cost.window.end - DAY}"
        table.add_row(cost.window.project, days, *_figures(cost.expected, settings), *_figures(cost.at_most, settings))
    table.add_section()
    expected = None if estimate.expected is None else sum(cost.expected or 0 for cost in estimate.windows)
    at_most = sum(cost.at_most for cost in estimate.windows)
    table.add_row("total", "", *_figures(expected, settings), *_figures(at_most, settings))
    console.print(table)
    spent = ledger.spent_this_month(now)
    console.print(
        f"Budgets: {exactly(settings.budget_per_run)} a run, {exactly(settings.budget_per_month)} a month. "
        f"Spent in {now:%B}, by the ledger: {dollars(spent)}.",
        highlight=False,
    )
    if estimate.expected is None and settings.guard == "expected":
        probe = dollars(settings.price_of(estimate.probe_bytes))
        console.print(
            "What is expected is unknown before the first query of a project. `just estimate --probe` and `just run` "
            f"find it out by counting one day, which bills at most {probe}.",
            highlight=False,
            soft_wrap=True,
        )
    require_affordable(estimate, ledger, now)


def require_affordable(estimate: Estimate, ledger: ExtractLedger, now: datetime) -> None:
    """Raise `BudgetError` if the load exceeds a budget, as far as is known what it will cost."""
    if estimate.expected is not None or ledger.settings.guard == "bound":
        Guard(ledger, now, now).require_affordable(estimate)


def describe_estimate(estimate: Estimate, ledger: ExtractLedger, now: datetime) -> dict[str, object]:
    """What `show_estimate` prints, for other programs; `end` is exclusive, amounts are US dollars."""
    settings = ledger.settings
    windows = [
        {
            **asdict(cost.window),
            "bytes_expected": cost.expected,
            "bytes_at_most": cost.at_most,
            "expected": None if cost.expected is None else settings.price_of(cost.expected),
            "at_most": settings.price_of(cost.at_most),
        }
        for cost in estimate.windows
    ]
    return {
        "windows": windows,
        "expected": estimate.expected,
        "at_most": estimate.at_most,
        "probe_at_most": settings.price_of(estimate.probe_bytes),
        "budget_per_run": settings.budget_per_run,
        "budget_per_month": settings.budget_per_month,
        "spent_this_month": ledger.spent_this_month(now),
    }


def describe_costs(ledger: ExtractLedger) -> dict[str, object]:
    """What `show_costs` prints, for other programs; `end` is exclusive, costs are US dollars."""
    amounts = ("bytes_at_most", "bytes_expected", "bytes_billed", "cost", "rows")
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
        "Costs are at `price_per_tib`, before BigQuery's free TiB a month. An open query counts at the most that it "
        "can bill, until the next run asks BigQuery for its bill.",
        soft_wrap=True,
    )


def _ledger_table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for heading in ("at most", "expected", "billed", "cost", "rows"):
        table.add_column(heading, justify="right", overflow="fold")
    return table


def _amounts(
    at_most: int, expected: int | None, billed: int | None, cost: float, rows: int | None
) -> tuple[str, str, str, str, str]:
    sizes = tuple("" if size is None else gibibytes(int(size)) for size in (at_most, expected, billed))
    return (*sizes, dollars(cost), "" if rows is None else f"{int(rows):,}")  # type: ignore[return-value]


def _figures(size: int | None, settings: Settings) -> tuple[str, str]:
    return ("unknown", "") if size is None else (gibibytes(size), dollars(settings.price_of(size)))
