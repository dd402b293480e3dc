"""Commands about the KPI models: review a change, run audits, report anomalies."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from pipelines.choices import Severity
from pipelines.cli.parameters import EXIT_FOUND, Json
from pipelines.lenses import Lens

MAX_DAYS = 36_500

app = typer.Typer()


@app.command()
def plan(
    diff: Annotated[bool, typer.Option("--diff", help="Also compare the rows of the marts.")] = False,
) -> None:
    """Show SQLMesh's plan for changed models, without applying it."""
    from pipelines.cli.printing.terminal import open_console
    from pipelines.transform.context import WIDTH
    from pipelines.transform.review import show_plan
    from pipelines.warehouse.lock import exclusive_warehouse

    with exclusive_warehouse() as warehouse:
        show_plan(open_console(WIDTH), warehouse, diff=diff)


@app.command()
def audit() -> None:
    """Run all audits over the whole history."""
    from pipelines.cli.printing.terminal import open_console
    from pipelines.transform.plan import run_audits
    from pipelines.warehouse.lock import exclusive_warehouse

    with exclusive_warehouse() as warehouse:
        run_audits(warehouse, open_console(), datetime.now(UTC))


@app.command()
def alerts(
    severity: Annotated[Severity, typer.Option(help="Lowest severity to report.")] = Severity.WARNING,
    days: Annotated[
        int, typer.Option(min=1, max=MAX_DAYS, help="Number of days to check, up to the last in the data.")
    ] = 7,
    lens: Annotated[Lens, typer.Option(help="The lens to count by.")] = Lens.INSTALLERS,
    as_json: Json = False,
) -> None:
    """Print the anomalies of the last days as Markdown; exit with 3 if there are any, for scheduled jobs."""
    from pipelines.cli.printing.alerts import describe_anomalies, show_anomalies
    from pipelines.cli.printing.documents import print_json
    from pipelines.cli.printing.terminal import open_console
    from pipelines.transform.anomalies import find_anomalies
    from pipelines.warehouse import resolve_warehouse

    found = find_anomalies(resolve_warehouse(), severity, days, lens)
    if as_json:
        print_json(describe_anomalies(found))
    else:
        show_anomalies(open_console(), found)
    if found.rows:
        raise typer.Exit(EXIT_FOUND)
