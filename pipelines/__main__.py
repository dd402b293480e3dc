"""The command line; the Justfile's recipes call it."""

import shutil
import sys
from datetime import UTC, date, datetime
from typing import Annotated

import typer
from packaging.utils import canonicalize_name
from rich.console import Console
from rich.text import Text

from pipelines import site as evidence
from pipelines import summary
from pipelines.alerts import FOUND, Severity
from pipelines.alerts import show as show_alerts
from pipelines.badges import write_badges
from pipelines.costs import ExtractLedger, show_costs, show_estimate
from pipelines.demo import FOLDER, awaits_demo, write_demo
from pipelines.destinations import WAREHOUSE, find_lake, find_place, open_lakes
from pipelines.errors import InsightsError
from pipelines.export import Export, export
from pipelines.files import Format, write_marts
from pipelines.fill import fill, require_fillable
from pipelines.forget import forget as forget_project
from pipelines.forget import require_forgettable
from pipelines.lens import Lens
from pipelines.load import estimate as estimate_load
from pipelines.load import load
from pipelines.lock import only_run
from pipelines.plain import plain
from pipelines.progress import Update, step
from pipelines.pypi import OnRows
from pipelines.pypi.settings import Settings, resolve_settings
from pipelines.pypi.windows import Backfill, Window
from pipelines.rebuild import rebuild as rebuild_warehouse
from pipelines.rebuild import refill
from pipelines.warehouse import Warehouse, find_warehouse, open_warehouse

app = typer.Typer(
    help="PyPI's download log as numbers to trust. Settings: .dlt/config.toml, or the environment (docs/settings.md).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
console = Console()


Site = Annotated[bool, typer.Option(help="Build the Evidence site where a mart or a page has changed.")]
Port = Annotated[int, typer.Option(help="Port on this machine.", min=1, max=65535)]
Day = Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"])]


@app.command()
def run(site: Site = True) -> None:  # noqa: FBT002 - a flag
    """Load the days that are missing, compute the KPIs, export them and build the site.

    Without settings of yours it runs on generated demo data. It loads no day twice, so run it as often as you like.
    """
    _run(resolve_settings(), None, site=site)


@app.command()
def backfill(
    start: Day,
    end: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="The day to stop before.")],
    project: Annotated[str | None, typer.Argument(help="All of the settings, if none is named.")] = None,
    site: Site = True,  # noqa: FBT002 - a flag
) -> None:
    """Load the days from START to before END, also where they are loaded already.

    They replace what is there, as whole days. The next run goes on where the last one ended.
    """
    settings = resolve_settings()
    _run(settings, _backfill(settings, start, end, project), site=site)


@app.command()
def estimate(
    start: Annotated[datetime | None, typer.Argument(formats=["%Y-%m-%d"], help="First day of a backfill.")] = None,
    end: Annotated[datetime | None, typer.Argument(formats=["%Y-%m-%d"], help="Day to stop before.")] = None,
    project: Annotated[str | None, typer.Argument(help="Only this project.")] = None,
) -> None:
    """Show what the next run, or a backfill, bills at most; no row is read, and nothing is billed."""
    settings = resolve_settings()
    warehouse = open_warehouse()
    _ensure_demo(settings)
    now = datetime.now(UTC)
    if start and not end:
        raise typer.BadParameter("START needs END, the day to stop before.")
    backfill = _backfill(settings, start, end, project) if start and end else None
    ledger = ExtractLedger(warehouse, settings)
    show_estimate(console, estimate_load(settings, warehouse, now, backfill), ledger, now)


@app.command()
def costs() -> None:
    """Show the ledger: what each query was to bill, what it billed, and what became of it."""
    show_costs(ExtractLedger(open_warehouse(), resolve_settings()))


@app.command()
def forget(
    project: str,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,  # noqa: FBT002 - a flag
    site: Site = True,  # noqa: FBT002 - a flag
) -> None:
    """Remove a project that the settings no longer name from the warehouse, the KPIs, the exports and the site."""
    import pipelines.transform  # noqa: F401 - before any SQL is generated, as in `_run`

    settings = resolve_settings()
    warehouse = open_warehouse()
    lakes = open_lakes(warehouse)
    warehouse.require_existing()
    with only_run(warehouse):
        name = require_forgettable(project, settings, warehouse)
        if not yes and not typer.confirm(f"Remove all downloads of {name}? To load them again is billed again."):
            return
        with step(console, f"Forget {name}"):
            forget_project(name, settings, warehouse, lakes)
        _, where = _show(warehouse, site=site)
    console.print(f"Forgotten: {name}. Site: {where}")


@app.command()
def rebuild(
    source: Annotated[str, typer.Option("--from", help="A lake, or `warehouse` to write all lakes anew.")],
    site: Site = True,  # noqa: FBT002 - a flag
) -> None:
    """Load the warehouse from a lake, without BigQuery; or write the lakes anew from the warehouse."""
    import pipelines.transform  # noqa: F401 - before any SQL is generated, as in `_run`

    settings = resolve_settings()
    warehouse = open_warehouse()
    lakes = open_lakes(warehouse)
    if source == WAREHOUSE:
        warehouse.require_existing()
        with only_run(warehouse):
            for lake in lakes:
                with step(console, f"Write {lake.name} anew") as update:
                    update(f"{refill(lake, warehouse)} days")
        return
    lake = find_lake(source, lakes)
    with only_run(warehouse):
        with step(console, f"Load from {lake.name}") as update:
            days = rebuild_warehouse(warehouse, lake, _counter(update))
            warehouse.track(settings.projects)
            update(f"{days} days")
        _, where = _show(warehouse, site=site)
    console.print(f"Rebuilt from {lake.url}. Site: {where}")


@app.command()
def plan(
    diff: Annotated[bool, typer.Option("--diff", help="Compare the rows of the marts, too.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Show what a changed model would change: SQLMesh's plan for review, applied by nothing here."""
    from pipelines.review import show_plan

    warehouse = open_warehouse()
    warehouse.require_existing()
    with only_run(warehouse):
        show_plan(warehouse, diff=diff)


@app.command()
def audit() -> None:
    """Run all audits over the whole history."""
    from pipelines.transform import audit as run_audits

    warehouse = open_warehouse()
    warehouse.require_existing()
    with only_run(warehouse):
        run_audits(warehouse, datetime.now(UTC))


@app.command()
def alerts(
    severity: Annotated[Severity, typer.Option(help="The least severe to tell.")] = Severity.WARNING,
    days: Annotated[int, typer.Option(min=1, help="The last days in the data to look at.")] = 7,
    lens: Annotated[Lens, typer.Option(help="The downloads to look at.")] = Lens.INSTALLERS,
) -> None:
    """Print the anomalies of the last days as Markdown; exit with 3 if there is any, for use in a scheduled job."""
    if show_alerts(open_warehouse(), severity, days, lens):
        raise typer.Exit(FOUND)


@app.command()
def quarantine(
    project: Annotated[str | None, typer.Option(help="Only this project.")] = None,
    examples: Annotated[int, typer.Option(min=0, help="Rows to show for each reason.")] = 3,
) -> None:
    """Show the rows that break the contract: counts by reason, and examples."""
    from pipelines.quarantine import show

    show(open_warehouse(), project, examples)


@app.command()
def site() -> None:
    """Export the marts and build the site, without loading."""
    warehouse = open_warehouse()
    warehouse.require_existing()
    with only_run(warehouse):
        console.print(f"Site: {_build(export(warehouse))}")


@app.command(name="export")
def export_files(
    marts: Annotated[list[str] | None, typer.Argument(help="All, if none is named.")] = None,
    written_as: Annotated[Format, typer.Option("--format", help="How each mart is written.")] = Format.PARQUET,
    to: Annotated[
        str | None, typer.Option(help="A lake's name, or a folder; without it, the one beside the warehouse.")
    ] = None,
    badges: Annotated[bool, typer.Option("--badges", help="A shields.io badge of each project, and no mart.")] = False,  # noqa: FBT002 - a flag
    lens: Annotated[Lens, typer.Option(help="Which downloads the badges count.")] = Lens.INSTALLERS,
) -> None:
    """Write marts as files for other tools, or badges for READMEs, from what the last run has exported."""
    if badges and marts:
        raise typer.BadParameter("A badge is not of a mart: name none with --badges.")
    warehouse = find_warehouse()
    place = find_place(to, warehouse)
    if badges:
        console.print(f"{place}/badges: {', '.join(write_badges(warehouse, lens, place))}", soft_wrap=True)
    else:
        console.print(f"{place}: {', '.join(write_marts(warehouse, marts or [], written_as, place))}", soft_wrap=True)


@app.command()
def serve(port: Port = 3000) -> None:
    """Show the built site at http://127.0.0.1:3000, until Ctrl-C."""
    console.print(f"http://127.0.0.1:{port} (Ctrl-C stops it)")
    evidence.serve(port)


@app.command()
def dashboard(
    port: Port = 2718,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,  # noqa: FBT002 - a flag
) -> None:
    """Open dlt's own dashboard of the pipeline: its last run, its tables, its state."""
    from pipelines.dashboard import serve as serve_dashboard

    serve_dashboard(open_warehouse(), port, open_browser=browser)


@app.command()
def doctor() -> None:
    """Check tools, settings, warehouse and upstream; print what to do about each failure, and change nothing."""
    from pipelines.doctor import diagnose, show

    if not show(console, diagnose()):
        raise typer.Exit(1)


@app.command()
def reset(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Remove a warehouse of demo data, to make room for real downloads; real data it does not touch."""
    warehouse = open_warehouse()
    if not warehouse.exists or warehouse.file is None:
        console.print(f"There is no warehouse file to remove; the warehouse is {warehouse}.", markup=False)
        return
    if warehouse.origins() - {"demo"}:
        raise typer.BadParameter(f"{warehouse.file} holds real downloads; remove it yourself if you mean it.")
    if not yes and not typer.confirm(f"Remove {warehouse.file} and what belongs to it?"):
        return
    with only_run(warehouse):
        for path in (warehouse.folder / "dlt", warehouse.folder / "exports"):
            shutil.rmtree(path, ignore_errors=True)
        warehouse.file.unlink()
        console.print("Removed.")


def _backfill(settings: Settings, start: datetime, end: datetime, project: str | None) -> Backfill:
    projects = [canonicalize_name(project)] if project else settings.projects
    return Backfill(projects, start.date(), end.date())


def _run(settings: Settings, backfill: Backfill | None, *, site: bool) -> None:
    """Load what is missing, or the backfill, and bring all that follows from it up to date."""
    # Before any SQL is generated: SQLMesh extends SQLGlot's dialects, and one that has been used keeps its old self.
    import pipelines.transform  # noqa: F401

    warehouse = open_warehouse()
    _ensure_demo(settings)
    warehouse.require_writable()
    lakes = open_lakes(warehouse)
    with only_run(warehouse):
        for lake in lakes:
            require_fillable(lake, warehouse)
        with step(console, "Load") as update:
            report = load(settings, warehouse, datetime.now(UTC), _counter(update), backfill)
            update(f"{report.accepted:,} rows")
        recomputed, where = _show(warehouse, site=site)
        summary.show(console, report, recomputed, warehouse, where)
        # Last: what a lake's outage delays is only the lake.
        for lake in lakes:
            with step(console, f"Fill {lake.name}") as update:
                update(f"{fill(lake, warehouse, update)} days written to {lake.url}")


def _counter(update: Update) -> OnRows:
    """Tells how many rows are read, and of which window."""
    rows = 0

    def count(window: Window, batch: int) -> None:
        nonlocal rows
        rows += batch
        update(f"{window}, {rows:,} rows")

    return count


def _show(warehouse: Warehouse, *, site: bool) -> tuple[list[date], str]:
    """Compute the KPIs, export and build; return the days that were recomputed, and where the site is."""
    from pipelines.transform import transform

    with step(console, "Compute the KPIs") as update:
        recomputed = transform(warehouse)
        update(f"{len(recomputed)} days recomputed")
    with step(console, "Export the marts") as update:
        exported = export(warehouse)
        update(f"{exported.folder}" if exported.changed else "unchanged")
    return recomputed, _build(exported) if site else "not built (--no-site)"


def _ensure_demo(settings: Settings) -> None:
    if awaits_demo(settings):
        with step(console, "Generate the demo data"):
            write_demo(FOLDER)


def _build(exported: Export) -> str:
    with step(console, "Build the site") as update:
        if not evidence.build(exported):
            update("unchanged")
    return str(evidence.BUILD)


def main() -> None:
    """Run the command line; an error of ours is one message and exit code 1."""
    try:
        app()
    except InsightsError as error:
        message = Text.assemble(("Error: ", "red"), plain(error.what), "\n", (error.remedy, "bold"))
        Console(stderr=True, soft_wrap=True).print(message)
        sys.exit(1)


if __name__ == "__main__":
    main()
