"""Where commands print, and how they show progress and errors."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from pipelines.cli.printing.text import plain
from pipelines.errors import InsightsError
from pipelines.progress import Update
from pipelines.redaction import without_secrets

if TYPE_CHECKING:
    from pipelines.run import RunReport

WIDTH = 120
"""Columns of an output that is not a terminal."""


def open_console(width: int = WIDTH, *, stderr: bool = False) -> Console:
    """A console as wide as the terminal, or of `width` columns if the output is not a terminal."""
    return Console(width=None if Console(stderr=stderr).is_terminal else width, highlight=False, stderr=stderr)


class Terminal:
    """Shows a run's progress: a spinner in a terminal, lines elsewhere, or nothing if it is to be quiet."""

    def __init__(self, *, stderr: bool = False, quiet: bool = False) -> None:
        self.console = open_console(stderr=stderr)
        self.console.quiet = quiet

    def step(self, title: str) -> AbstractContextManager[Update]:
        return _step(self.console, title)

    def report(self, report: "RunReport") -> None:
        from pipelines.cli.printing.summary import show_summary

        show_summary(self.console, report)


@contextmanager
def _step(console: Console, title: str) -> Iterator[Update]:
    started = monotonic()
    last = ""

    def update(text: str) -> None:
        nonlocal last
        last = text
        if console.is_terminal:
            status.update(f"{title}: {text}")

    ascii_only = console.options.ascii_only
    with console.status(f"{title} ...", spinner="line" if ascii_only else "dots") as status:
        if not console.is_terminal:
            console.print(f"{title} ...")
        try:
            yield update
        except Exception as error:
            error.add_note(title)
            raise
    seconds = f"{monotonic() - started:.1f} s"
    mark = "ok" if ascii_only else "✓"
    console.print(f"[green]{mark}[/] {title}{': ' + last if last else ''} [dim]({seconds})[/]", highlight=False)


def show_error(error: InsightsError) -> None:
    """Print what happened, and the remedy, to standard error."""
    what, remedy = (plain(without_secrets(text)) for text in (error.what, error.remedy))
    message = Text.assemble(("Error: ", "red"), what, "\n", (remedy, "bold"))
    Console(stderr=True, soft_wrap=True).print(message)
