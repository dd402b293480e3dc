"""Commands that workflows on GitHub call between the others: `publish restore`, `publish save` and so on."""

import os
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()
publish = typer.Typer(help="Keep the state of a daily run on a branch, and tell how it went: docs/publish.md.")
app.add_typer(publish, name="publish")

Folder = Annotated[Path, typer.Argument(help="The folder that has what the commands printed, a file each.")]


@publish.command()
def restore() -> None:
    """Load the warehouse from the state that the last run has saved, without asking upstream."""
    from pipelines import run as flow
    from pipelines.cli.printing.terminal import Terminal
    from pipelines.lake.settings import resolve_state
    from pipelines.pypi.settings import resolve_settings
    from pipelines.warehouse import resolve_warehouse

    settings, warehouse, terminal = resolve_settings(), resolve_warehouse(), Terminal()
    days = flow.restore_state(settings, warehouse, resolve_state(warehouse), terminal)
    if days is None:
        what = "There is no saved state: this is the first run, or the state was removed."
        terminal.console.print(f"{what} The run loads all days from {settings.start} on from {settings.address}.")


@publish.command()
def save() -> None:
    """Save the lake as the state of the next run."""
    from pipelines.cli.printing.terminal import Terminal
    from pipelines.lake.branch import BRANCH, save_lake
    from pipelines.lake.settings import resolve_state
    from pipelines.warehouse import resolve_warehouse

    lake = resolve_state(resolve_warehouse(need_token=False))
    with Terminal().step("Save the state") as update:
        saved = lake.is_folder and save_lake(lake)
        update(f"branch {BRANCH}" if saved else "unchanged" if lake.is_folder else "the bucket has it")


@publish.command()
def report(folder: Folder) -> None:
    """Print what the commands of a run printed, as one Markdown page."""
    from pipelines.cli.printing.workflows import read_report

    typer.echo(read_report(folder))


@publish.command()
def tell(
    folder: Folder,
    results: Annotated[str, typer.Option(help="How the jobs ended, in GitHub's words.")],
    unusual: Annotated[str, typer.Option(help="`true` if there are unusual days.")] = "",
) -> None:
    """Open or update the one issue if a job failed, or if there are unusual days; else close it."""
    from pipelines.cli.printing.workflows import read_report
    from pipelines.github import Repository

    repository = Repository.of_workflow()
    failed = set(results.split()) != {"success"}
    run = f"{os.environ.get('GITHUB_SERVER_URL')}/{repository.name}/actions/runs/{os.environ.get('GITHUB_RUN_ID')}"
    if failed or unusual == "true":
        title = "The daily run failed" if failed else "Unusual days"
        lost = "The site shows the last good run. " if failed else ""
        body = f"{lost}This issue is updated by each run, and closed by one without such news: {run}\n\n"
        typer.echo(f"{title}: {repository.tell_issue(title, body + read_report(folder))}")
    else:
        closed = repository.close_issue(f"The run went well, and found no unusual day: {run}")
        typer.echo(f"Closed: {closed}" if closed else "Nothing to tell.")


@publish.command()
def comment(
    file: Annotated[Path, typer.Argument(help="A file with Markdown.")],
    number: Annotated[int, typer.Option(help="The number of the pull request.")],
) -> None:
    """Write the one comment of a pull request, or replace it."""
    from pipelines.github import Repository

    typer.echo(Repository.of_workflow().tell_comment(number, file.read_text(encoding="utf-8")))
