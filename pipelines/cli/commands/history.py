"""Commands that change stored data: restore the warehouse, rewrite lakes, remove a project or a demo."""

from datetime import date, datetime
from typing import Annotated

import typer

from pipelines.cli.parameters import Site, Yes, normalize

app = typer.Typer()


@app.command()
def restore(lake: Annotated[str, typer.Argument(help="The lake's name.")], site: Site = True) -> None:
    """Load the warehouse from a lake, without BigQuery."""
    from pipelines import run as flow
    from pipelines.cli.printing.terminal import Terminal
    from pipelines.lake.settings import lake_named, resolve_lakes
    from pipelines.pypi.settings import resolve_settings
    from pipelines.warehouse import resolve_warehouse

    settings, warehouse, terminal = resolve_settings(), resolve_warehouse(), Terminal()
    source = lake_named(lake, resolve_lakes(warehouse))
    published = flow.restore(settings, warehouse, source, terminal, with_site=site)
    terminal.console.print(f"Restored from {source.url}. Site: {published.site or 'not built (--no-site)'}")


@app.command()
def sync() -> None:
    """Rewrite all lakes from the warehouse, and delete their other days."""
    from pipelines import run as flow
    from pipelines.cli.printing.terminal import Terminal
    from pipelines.warehouse.lock import exclusive_warehouse

    with exclusive_warehouse() as warehouse:
        flow.sync(warehouse, Terminal())


@app.command(hidden=True)
def rebuild(source: Annotated[str, typer.Option("--from")], site: Site = True) -> None:
    """Deprecated, kept for one version: use `restore LAKE`, or `sync` for `--from warehouse`."""
    if source == "warehouse":
        sync()
    else:
        restore(source, site=site)


@app.command()
def forget(
    project: Annotated[str | None, typer.Argument(parser=normalize)] = None,
    start: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="Remove the days from this one on.")
    ] = None,
    yes: Yes = False,
    site: Site = True,
) -> None:
    """Remove a project, which the settings no longer name, from warehouse, lakes, KPIs, exports and site.

    With --from, remove the days from that one on, of the project or of all: the next run loads them again where
    upstream has them.
    """
    from pipelines import run as flow
    from pipelines.cli.printing.terminal import Terminal
    from pipelines.load.forget import projects_with_days, require_forgettable
    from pipelines.pypi.settings import resolve_settings
    from pipelines.warehouse.lock import exclusive_warehouse

    if not (project or start):
        raise typer.BadParameter("Name a project, or a day with --from.")
    settings, terminal = resolve_settings(), Terminal()
    with exclusive_warehouse() as warehouse:
        if start:
            days = projects_with_days(start.date(), project, warehouse)
            names, what = [*days], f"{sum(days.values())} days of {', '.join(days)} from {start.date()} on"
        elif project:
            require_forgettable(project, settings, warehouse)
            names, what = [project], f"all downloads of {project}"
        billed = " Loading them again is billed again." if settings.upstream == "bigquery" else ""
        if not yes:
            typer.confirm(f"Remove {what}?{billed}", abort=True)
        first = start.date() if start else date.min
        published = flow.forget(names, settings, warehouse, terminal, start=first, with_site=site)
    terminal.console.print(f"Forgotten: {what}. Site: {published.site or 'not built (--no-site)'}")


@app.command()
def reset(yes: Yes = False) -> None:
    """Delete a demo warehouse, so that real downloads can be loaded; real downloads and the ledger stay."""
    from pipelines import run as flow
    from pipelines.cli.printing.terminal import open_console
    from pipelines.warehouse import resolve_warehouse

    warehouse, console = resolve_warehouse(), open_console()
    if not warehouse.exists or warehouse.file is None:
        console.print(f"There is no warehouse file to remove; the warehouse is {warehouse}.", markup=False)
        return
    flow.require_demo(warehouse)
    if not yes:
        what = f"{warehouse.file}, and beside it dlt's working folder, the exports, and the folder of marts and badges"
        typer.confirm(f"Remove {what}?", abort=True)
    kept = flow.reset(warehouse)
    ledger = f" The ledger stays: its {kept:,} queries are paid for, and count in the budget of their month."
    console.print(f"Removed.{ledger if kept else ''}")
