"""Commands about the KPI models: what a change would change, whether audits pass, which days are unusual."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from pipelines.choices import Severity
from pipelines.lenses import Lens

EXIT_FOUND = 3
"""Exit code where there is an anomaly; 1 is an error of ours, 2 one of the command's arguments."""

app = typer.Typer()


@app.command()
def plan(
    diff: Annotated[bool, typer.Option("--diff", help="Compare the rows of the marts, too.")] = False,
) -> None:
    """Show what a changed model would change: SQLMesh's plan for review, which is not applied."""
    from pipelines.cli.printing.terminal import open_console
    from pipelines.transform.context import WIDTH
    from pipelines.transform.review import show_plan
    from pipelines.warehouse.lock import exclusive_warehouse

    with exclusive_warehouse() as warehouse:
        show_plan(open_console(WIDTH), warehouse, diff=diff)


@app.command()
def audit() -> None:
    """Run all audits over the whole history."""
    from pipelines.transform.plan import run_audits
    from pipelines.warehouse.lock import exclusive_warehouse

    with exclusive_warehouse() as warehouse:
        run_audits(warehouse, datetime.now(UTC))


@app.command()
def alerts(
    severity: Annotated[Severity, typer.Option(help="Lowest severity to report.")] = Severity.WARNING,
    days: Annotated[int, typer.Option(min=1, help="The last days in the data to look at.")] = 7,
    lens: Annotated[Lens, typer.Option(help="The downloads to look at.")] = Lens.INSTALLERS,
) -> None:
    """Print the anomalies of the last days as Markdown; exit with 3 if there is any, for use in a scheduled job."""
    from pipelines.cli.printing.alerts import show_anomalies
    from pipelines.cli.printing.terminal import open_console
    from pipelines.transform.anomalies import find_anomalies
    from pipelines.warehouse import resolve_warehouse

    found = find_anomalies(resolve_warehouse(), severity, days, lens)
    show_anomalies(open_console(), found)
    if found.rows:
        raise typer.Exit(EXIT_FOUND)
