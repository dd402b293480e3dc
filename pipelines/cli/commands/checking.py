"""Commands that inspect the installation and dlt's state, and change nothing."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from pipelines.cli.parameters import EXIT_FOUND, Json, Port, normalize

app = typer.Typer()


@app.command()
def doctor(
    as_json: Json = False,
    report: Annotated[bool, typer.Option("--report", help="Print Markdown for a bug report, without secrets.")] = False,
) -> None:
    """Check tools, settings, warehouse, upstream and lakes; print a remedy for each failure, and change nothing."""
    from pipelines.cli.printing.doctor import report_findings, show_findings
    from pipelines.cli.printing.documents import print_json
    from pipelines.cli.printing.terminal import open_console
    from pipelines.doctor import Outcome, diagnose

    if as_json:
        findings = list(diagnose())
        print_json([asdict(finding) for finding in findings])
        passed = all(finding.outcome is not Outcome.FAILED for finding in findings)
    elif report:
        typer.echo(report_findings(diagnose()))
        passed = True
    else:
        passed = show_findings(open_console(), diagnose())
    if not passed:
        raise typer.Exit(1)


@app.command()
def verify(
    projects: Annotated[
        list[str] | None, typer.Argument(parser=normalize, help="By default all projects that are loaded.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare the loaded daily totals with ClickHouse's public copy of the log, and change nothing.

    It works for downloads from any source. Exit with 3 if a day differs, with 1 if nothing could be compared.
    """
    from pipelines.cli.printing.documents import print_json
    from pipelines.cli.printing.terminal import Terminal, open_console
    from pipelines.cli.printing.verification import describe_verification, show_verification
    from pipelines.load.verification import verify as compare
    from pipelines.pypi.settings import resolve_settings
    from pipelines.warehouse import resolve_warehouse

    settings, terminal = resolve_settings(), Terminal(stderr=True)
    with terminal.step("Compare with the public copy") as update:
        found = compare(resolve_warehouse(), settings, projects or [], datetime.now(UTC), update)
    if as_json:
        print_json(describe_verification(found))
    else:
        show_verification(open_console(), found)
    if found.differences:
        raise typer.Exit(EXIT_FOUND)
    if not any(found.projects.values()):
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
