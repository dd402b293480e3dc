"""The command line: commands parse and print, the flows are in `pipelines.run`; the Justfile's recipes call it."""

import io
import sys

import typer

from pipelines.cli.commands import checking, history, loading, models, publishing, workflows
from pipelines.cli.notices import notices
from pipelines.errors import InsightsError

app = typer.Typer(
    help="Loads PyPI's download log and publishes its KPIs. Settings: .dlt/config.toml, or the environment "
    "(docs/settings.md).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
for group in (loading, history, models, publishing, checking, workflows):
    app.add_typer(group.app)


def main() -> None:
    """Run the command line; an error becomes one message and exit code 1, one that is not ours also a file."""
    for stream in (sys.stdout, sys.stderr):
        # A character that the terminal's encoding lacks must not end a run.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        with notices():
            app()
    except InsightsError as error:
        from pipelines.cli.printing.terminal import show_error

        show_error(error)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - whatever nobody has foreseen
        from pipelines.cli.printing.unexpected import show_unexpected

        show_unexpected(error)
        sys.exit(1)
