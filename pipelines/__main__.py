"""The command line; the Justfile's recipes call it."""

import shutil
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from pipelines import site as evidence
from pipelines import summary
from pipelines.demo import FOLDER, awaits_demo, write_demo
from pipelines.errors import InsightsError
from pipelines.export import Export, export
from pipelines.load import load
from pipelines.lock import only_run
from pipelines.progress import step
from pipelines.pypi.settings import Settings, resolve_settings
from pipelines.pypi.windows import Window
from pipelines.warehouse import open_warehouse

app = typer.Typer(
    help="PyPI's download log as numbers to trust. Settings: .dlt/config.toml, or the environment (docs/settings.md).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
console = Console()


@app.command()
def run(
    site: Annotated[bool, typer.Option(help="Build the Evidence site where a mart or a page has changed.")] = True,  # noqa: FBT002 - a flag
) -> None:
    """Load the days that are missing, compute the KPIs, export them and build the site.

    Without settings of yours it runs on generated demo data. It loads no day twice, so run it as often as you like.
    """
    # Before any SQL is generated: SQLMesh extends SQLGlot's dialects, and one that has been used keeps its old self.
    from pipelines.transform import transform

    settings = resolve_settings()
    warehouse = open_warehouse()
    _ensure_demo(settings)
    warehouse.require_writable()
    with only_run(warehouse):
        with step(console, "Load") as update:
            rows = 0

            def count(window: Window, batch: int) -> None:
                nonlocal rows
                rows += batch
                update(f"{window}, {rows:,} rows")

            report = load(settings, warehouse, datetime.now(UTC), count)
            update(f"{report.accepted:,} rows")
        with step(console, "Compute the KPIs") as update:
            recomputed = transform(warehouse)
            update(f"{len(recomputed)} days recomputed")
        with step(console, "Export the marts") as update:
            exported = export(warehouse)
            update(f"{exported.folder}" if exported.changed else "unchanged")
        where = _build(exported) if site else "not built (--no-site)"
    summary.show(console, report, recomputed, warehouse, where)


@app.command()
def plan() -> None:
    """Show what a changed model would change: SQLMesh's plan for review, applied by nothing here."""
    from pipelines.transform import show_plan

    warehouse = open_warehouse()
    warehouse.require_existing()
    with only_run(warehouse):
        show_plan(warehouse)


@app.command()
def audit() -> None:
    """Run all audits over the whole history."""
    from pipelines.transform import audit as run_audits

    warehouse = open_warehouse()
    warehouse.require_existing()
    with only_run(warehouse):
        run_audits(warehouse, datetime.now(UTC))


@app.command()
def site() -> None:
    """Export the marts and build the site, without loading."""
    warehouse = open_warehouse()
    warehouse.require_existing()
    with only_run(warehouse):
        console.print(f"Site: {_build(export(warehouse))}")


@app.command()
def serve(port: Annotated[int, typer.Option(help="Port on this machine.")] = 3000) -> None:
    """Show the built site at http://127.0.0.1:3000, until Ctrl-C."""
    console.print(f"http://127.0.0.1:{port} (Ctrl-C stops it)")
    evidence.serve(port)


@app.command()
def dashboard(
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 2718,
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
        console.print("There is no warehouse file to remove.")
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
        message = Text.assemble(("Error: ", "red"), error.what, "\n", (error.remedy, "bold"))
        Console(stderr=True, soft_wrap=True).print(message)
        sys.exit(1)


if __name__ == "__main__":
    main()
