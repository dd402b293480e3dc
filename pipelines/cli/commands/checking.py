"""Commands that inspect the installation and dlt's state, and change nothing."""

from typing import Annotated

import typer

from pipelines.cli.parameters import Port

app = typer.Typer()


@app.command()
def doctor() -> None:
    """Check tools, settings, warehouse, upstream and lakes; print a remedy for each failure, and change nothing."""
    from pipelines.cli.printing.doctor import show_findings
    from pipelines.cli.printing.terminal import open_console
    from pipelines.doctor import diagnose

    if not show_findings(open_console(), diagnose()):
        raise typer.Exit(1)


@app.command()
def dashboard(
    port: Port = 2718,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
) -> None:
    """Open dlt's dashboard of the pipeline: its last run, its tables, its state."""
    from pipelines.dlt_dashboard import serve
    from pipelines.warehouse import resolve_warehouse

    serve(resolve_warehouse(), port, open_browser=browser)
