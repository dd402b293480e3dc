"""Commands that load, and that show costs and quarantined rows."""

from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.parameters import Day, EndDay, Json, Quiet, Site, normalize

if TYPE_CHECKING:
    from pipelines.pypi.settings import Settings
    from pipelines.pypi.windows import Backfill

app = typer.Typer()


@app.command()
def run(site: Site = True, quiet: Quiet = False) -> None:
    """Load the missing days, compute the KPIs, export them and build the site.

    With the default settings it loads generated demo data. A day that is loaded is not billed again, so you can run
    the command at any time.
    """
    from pipelines import run as flow
    from pipelines.cli.printing.terminal import Terminal
    from pipelines.pypi.settings import resolve_settings
    from pipelines.warehouse import resolve_warehouse

    flow.run(resolve_settings(), resolve_warehouse(), Terminal(quiet=quiet), with_site=site)


@app.command(name="try")
def try_(
    packages: Annotated[list[str], typer.Argument(parser=normalize, help="Names on PyPI.")],
    days: Annotated[int, typer.Option(min=1, max=3650, help="How many days.")] = 90,
    start: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The first day, instead of --days.")
    ] = None,
    end: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Exclusive; by default yesterday.")] = None,
    site: Site = True,
) -> None:
    """Load real downloads of packages from ClickHouse's public copy: no account, no settings, no costs.

    The numbers are in a warehouse of their own, data/try/warehouse.duckdb. The copy is a gift: be sparing with days of
    packages with millions of downloads a day.
    """
    from pipelines import run as flow
    from pipelines.cli.printing.terminal import Terminal
    from pipelines.pypi.windows import DAY

    until = end.date() if end else datetime.now(UTC).date() - DAY
    first = start.date() if start else until - days * DAY
    if first >= until:
        raise typer.BadParameter("--end is exclusive, and must come after --start.")
    terminal = Terminal()
    flow.try_packages(flow.try_settings(packages, first, until), terminal, with_site=site)
    terminal.console.print(f"The numbers are in {flow.TRY_FOLDER / 'warehouse.duckdb'}.", soft_wrap=True)


@app.command()
def backfill(
    start: Day,
    end: EndDay,
    project: Annotated[
        str | None, typer.Argument(parser=normalize, help="By default all projects of the settings.")
    ] = None,
    site: Site = True,
    quiet: Quiet = False,
) -> None:
    """Load the days from START to before END, even if they are loaded already.

    Whole days are replaced. The next run continues where the last run ended.
    """
    from pipelines import run as flow
    from pipelines.cli.printing.terminal import Terminal
    from pipelines.pypi.settings import resolve_settings
    from pipelines.warehouse import resolve_warehouse

    settings = resolve_settings()
    days = _backfill(settings, start, end, project)
    flow.run(settings, resolve_warehouse(), Terminal(quiet=quiet), days, with_site=site)


@app.command()
def estimate(
    start: Annotated[datetime | None, typer.Argument(formats=["%Y-%m-%d"], help="First day of a backfill.")] = None,
    end: Annotated[datetime | None, typer.Argument(formats=["%Y-%m-%d"], help="Exclusive.")] = None,
    project: Annotated[str | None, typer.Argument(parser=normalize, help="Only this project.")] = None,
    probe: Annotated[bool, typer.Option("--probe", help="Ask BigQuery what is unknown, which is billed.")] = False,
    as_json: Json = False,
) -> None:
    """Show what the next run, or a backfill, is expected to bill, and at most; without `--probe` it bills nothing."""
    from pipelines.cli.printing.costs import describe_estimate, require_affordable, show_estimate
    from pipelines.cli.printing.documents import print_json
    from pipelines.cli.printing.terminal import Terminal
    from pipelines.load.plan import LoadRequest
    from pipelines.load.plan import estimate as estimate_load
    from pipelines.pypi.settings import resolve_settings
    from pipelines.run import make_demo_data
    from pipelines.warehouse import resolve_warehouse
    from pipelines.warehouse.lock import exclusive_run

    if start and not end:
        raise typer.BadParameter("START needs END, which is exclusive.")
    settings, terminal = resolve_settings(), Terminal(stderr=as_json)
    make_demo_data(settings, terminal)
    days = _backfill(settings, start, end, project) if start and end else None
    request = LoadRequest(settings, resolve_warehouse(), datetime.now(UTC), days)
    with exclusive_run(request.warehouse) if probe else nullcontext():
        estimated = estimate_load(request, probe=probe)
    if as_json:
        print_json(describe_estimate(estimated, request.ledger, request.now))
        require_affordable(estimated, request.ledger, request.now)
    else:
        show_estimate(terminal.console, estimated, request.ledger, request.now)


@app.command()
def costs(as_json: Json = False) -> None:
    """Show the ledger: what each query was expected to bill, at most, its bill and outcome."""
    from pipelines.cli.printing.costs import describe_costs, show_costs
    from pipelines.cli.printing.documents import print_json
    from pipelines.cli.printing.terminal import open_console
    from pipelines.costs.ledger import ExtractLedger
    from pipelines.pypi.settings import resolve_settings
    from pipelines.warehouse import resolve_warehouse

    ledger = ExtractLedger(resolve_warehouse(), resolve_settings())
    if as_json:
        print_json(describe_costs(ledger))
    else:
        show_costs(open_console(), ledger)


@app.command()
def quarantine(
    project: Annotated[str | None, typer.Option(parser=normalize, help="Only this project.")] = None,
    examples: Annotated[int, typer.Option(min=0, max=1000, help="Rows to show for each reason.")] = 3,
    as_json: Json = False,
) -> None:
    """Show the rows, and the files of releases, that failed the contract: counts by reason, and examples."""
    from pipelines.cli.printing.documents import print_json
    from pipelines.cli.printing.quarantine import WIDTH, describe_quarantine, show_quarantine
    from pipelines.cli.printing.terminal import open_console
    from pipelines.warehouse import resolve_warehouse
    from pipelines.warehouse.quarantine import read_quarantine

    found = read_quarantine(resolve_warehouse(), project, examples)
    if as_json:
        print_json(describe_quarantine(found))
    else:
        show_quarantine(open_console(WIDTH), found, examples)


def _backfill(settings: "Settings", start: datetime, end: datetime, project: str | None) -> "Backfill":
    from pipelines.pypi.windows import Backfill

    return Backfill([project] if project else settings.projects, start.date(), end.date())
