"""Commands that publish the marts: files, badges, the site."""

from datetime import datetime
from typing import Annotated

import typer

from pipelines.choices import Format, Layout
from pipelines.cli.parameters import Json, Port, normalize
from pipelines.lenses import Lens

app = typer.Typer()

To = Annotated[
    str | None, typer.Option(help="A lake's name, or a folder; by default the folder `marts` beside the warehouse.")
]
BadgeLens = Annotated[Lens, typer.Option(help="The lens that the badges count by.")]


@app.command()
def export(
    marts: Annotated[list[str] | None, typer.Argument(help="The marts to write; by default all.")] = None,
    file_format: Annotated[Format, typer.Option("--format", help="The file format.")] = Format.PARQUET,
    to: To = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="CSV: leave text as it is that a spreadsheet would run as a formula.")
    ] = False,
    with_badges: Annotated[bool, typer.Option("--badges", hidden=True)] = False,
    lens: Annotated[Lens, typer.Option(hidden=True)] = Lens.INSTALLERS,
) -> None:
    """Write marts as files for other tools, from the exports of the last run."""
    from pipelines.cli.printing.terminal import open_console
    from pipelines.exports.files import write_marts
    from pipelines.exports.places import resolve_place
    from pipelines.warehouse import resolve_warehouse

    if with_badges:
        # Deprecated spelling of `badges`, kept for one version.
        if marts:
            raise typer.BadParameter("--badges takes no mart.")
        badges(to, lens)
        return
    warehouse = resolve_warehouse(need_token=False)
    place = resolve_place(to, warehouse)
    written = write_marts(warehouse, marts or [], file_format, place, exact=exact)
    open_console().print(f"{place}: {', '.join(written)}", soft_wrap=True)


@app.command()
def badges(to: To = None, lens: BadgeLens = Lens.INSTALLERS) -> None:
    """Write a shields.io badge for the README of each project, from the exports of the last run."""
    from pipelines.cli.printing.terminal import open_console
    from pipelines.exports.badges import write_badges
    from pipelines.exports.places import resolve_place
    from pipelines.warehouse import resolve_warehouse

    warehouse = resolve_warehouse(need_token=False)
    place = resolve_place(to, warehouse)
    written = write_badges(warehouse, lens, place)
    open_console().print(f"{place}/badges: {', '.join(written)}", soft_wrap=True)


@app.command()
def report(
    project: Annotated[str, typer.Argument(parser=normalize, metavar="PROJECT")],
    month: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m"], help="Such as 2026-06; by default the last whole one.")
    ] = None,
    lens: Annotated[Lens, typer.Option(help="The lens of shares and events.")] = Lens.INSTALLERS,
    layout: Annotated[Layout, typer.Option("--format", help="How it is printed.")] = Layout.TEXT,
    as_json: Json = False,
) -> None:
    """Print one month of a project, from the exports of the last run: made to be shared."""
    from pipelines.cli.printing.documents import print_json
    from pipelines.cli.printing.report import describe_report, print_markdown, show_report
    from pipelines.cli.printing.terminal import open_console
    from pipelines.exports.report import read_report
    from pipelines.warehouse import resolve_warehouse

    found = read_report(resolve_warehouse(need_token=False), project, month.date() if month else None, lens)
    if as_json:
        print_json(describe_report(found))
    elif layout is Layout.MARKDOWN:
        print_markdown(open_console(), found)
    else:
        show_report(open_console(), found)


@app.command()
def site() -> None:
    """Export the marts and build the site, without loading."""
    from pipelines.cli.printing.terminal import Terminal
    from pipelines.exports import export as export_marts
    from pipelines.run import build_site
    from pipelines.warehouse.lock import exclusive_warehouse

    terminal = Terminal()
    with exclusive_warehouse() as warehouse:
        terminal.console.print(f"Site: {build_site(export_marts(warehouse), terminal)}")


@app.command()
def serve(port: Port = 3000) -> None:
    """Show the built site at http://127.0.0.1:3000, until Ctrl-C."""
    from pipelines.cli.printing.terminal import open_console
    from pipelines.site.server import serve as serve_site

    serve_site(port, lambda address: open_console().print(f"{address} (Ctrl-C stops it)"))
