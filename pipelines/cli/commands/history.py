"""Commands that change stored data: restore the warehouse, rewrite lakes, remove a project or a demo."""

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
    project: Annotated[str, typer.Argument(parser=normalize)],
    yes: Yes = False,
    site: Site = True,
) -> None:
    """Remove a project, which the settings no longer name, from warehouse, lakes, KPIs, exports and site."""
    from pipelines import run as flow
    from pipelines.cli.printing.terminal import Terminal
    from pipelines.load.forget import require_forgettable
    from pipelines.pypi.settings import resolve_settings
    from pipelines.warehouse.lock import exclusive_warehouse

    settings, terminal = resolve_settings(), Terminal()
    with exclusive_warehouse() as warehouse:
        require_forgettable(project, settings, warehouse)
        billed = " Loading them again is billed again." if settings.upstream == "bigquery" else ""
        if not yes:
            typer.confirm(f"Remove all downloads of {project}?{billed}", abort=True)
        published = flow.forget(project, settings, warehouse, terminal, with_site=site)
    terminal.console.print(f"Forgotten: {project}. Site: {published.site or 'not built (--no-site)'}")


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
