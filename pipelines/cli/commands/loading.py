"""Commands that load, and that show what loading costs."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.parameters import Day, DayToStopBefore, Site, normalize

if TYPE_CHECKING:
    from pipelines.pypi.settings import Settings
    from pipelines.pypi.windows import Backfill

app = typer.Typer()


@app.command()
def run(site: Site = True) -> None:
    """Load the days that are missing, compute the KPIs, export them and build the site.

    Without settings of yours it runs on generated demo data. It loads no day twice, so run it as often as you like.
    """
    from pipelines import run as flow
    from pipelines.cli.printing.terminal import Terminal
    from pipelines.pypi.settings import resolve_settings
    from pipelines.warehouse import resolve_warehouse

    flow.run(resolve_settings(), resolve_warehouse(), Terminal(), with_site=site)


@app.command()
def backfill(
    start: Day,
    end: DayToStopBefore,
    project: Annotated[
        str | None, typer.Argument(parser=normalize, help="All of the settings, if none is named.")
    ] = None,
    site: Site = True,
) -> None:
    """Load the days from START to before END, also where they are loaded already.

    They replace what is there, as whole days. The next run goes on where the last one ended.
    """
    from pipelines import run as flow
    from pipelines.cli.printing.terminal import Terminal
    from pipelines.pypi.settings import resolve_settings
    from pipelines.warehouse import resolve_warehouse

    settings = resolve_settings()
    days = _backfill(settings, start, end, project)
    flow.run(settings, resolve_warehouse(), Terminal(), days, with_site=site)


@app.command()
def estimate(
    start: Annotated[datetime | None, typer.Argument(formats=["%Y-%m-%d"], help="First day of a backfill.")] = None,
    end: Annotated[datetime | None, typer.Argument(formats=["%Y-%m-%d"], help="Day to stop before.")] = None,
    project: Annotated[str | None, typer.Argument(parser=normalize, help="Only this project.")] = None,
) -> None:
    """Show what the next run, or a backfill, bills at most; no row is read, and nothing is billed."""
    from pipelines.cli.printing.costs import show_estimate
    from pipelines.cli.printing.terminal import Terminal
    from pipelines.load.plan import LoadRequest
    from pipelines.load.plan import estimate as estimate_load
    from pipelines.pypi.settings import resolve_settings
    from pipelines.run import make_demo_data
    from pipelines.warehouse import resolve_warehouse

    if start and not end:
        raise typer.BadParameter("START needs END, the day to stop before.")
    settings, terminal = resolve_settings(), Terminal()
    make_demo_data(settings, terminal)
    days = _backfill(settings, start, end, project) if start and end else None
    request = LoadRequest(settings, resolve_warehouse(), datetime.now(UTC), days)
    show_estimate(terminal.console, estimate_load(request), request.ledger, request.now)


@app.command()
def costs() -> None:
    """Show the ledger: what each query was to bill, what it billed, and its outcome."""
    from pipelines.cli.printing.costs import show_costs
    from pipelines.cli.printing.terminal import open_console
    from pipelines.costs.ledger import ExtractLedger
    from pipelines.pypi.settings import resolve_settings
    from pipelines.warehouse import resolve_warehouse

    show_costs(open_console(), ExtractLedger(resolve_warehouse(), resolve_settings()))


@app.command()
def quarantine(
    project: Annotated[str | None, typer.Option(parser=normalize, help="Only this project.")] = None,
    examples: Annotated[int, typer.Option(min=0, help="Rows to show for each reason.")] = 3,
) -> None:
    """Show the rows that failed the contract: counts by reason, and examples."""
    from pipelines.cli.printing.quarantine import WIDTH, show_quarantine
    from pipelines.cli.printing.terminal import open_console
    from pipelines.warehouse import resolve_warehouse
    from pipelines.warehouse.quarantine import read_quarantine

    show_quarantine(open_console(WIDTH), read_quarantine(resolve_warehouse(), project, examples))


def _backfill(settings: "Settings", start: datetime, end: datetime, project: str | None) -> "Backfill":
    from pipelines.pypi.windows import Backfill

    return Backfill([project] if project else settings.projects, start.date(), end.date())
