"""Prints the rows that failed the contract, by project and reason, with examples."""

import textwrap
from itertools import groupby
from operator import attrgetter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.cli.printing.text import plain
from pipelines.warehouse.quarantine import Quarantine

WIDTH = 100
"""Columns of an output that is not a terminal; long rows are folded."""


def show_quarantine(console: Console, found: Quarantine) -> None:
    """Print the number of failed rows by project and reason, and the examples of each."""
    total = sum(found.read.values())
    if not found.reasons:
        console.print(f"The quarantine is empty: all {total:,} rows passed the contract.")
        return
    console.print(f"{found.rows:,} of {total:,} rows are in quarantine. A row with several reasons counts for each.\n")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("project", overflow="fold")
    table.add_column("reason", overflow="fold")
    for heading in ("rows", "share", "first day", "last day"):
        table.add_column(heading, justify="right", overflow="fold")
    for project, message, count, first, last in found.reasons:
        share = f"{count / found.read[project]:.4%}"
        table.add_row(project, Text(plain(message)), f"{count:,}", share, str(first), str(last))
    console.print(table)
    for (project, message), examples in groupby(found.examples, attrgetter("project", "message")):
        console.print(Text.assemble("\n", (f"{project}: ", "bold"), plain(message)), overflow="fold")
        for example in examples:
            console.print(Text(f"  {example.day}{plain(example.line.removeprefix(message))}"), overflow="fold")
            console.print(Text(_indented(plain(example.content), console.width)))


def describe_quarantine(found: Quarantine) -> dict[str, object]:
    """What `show_quarantine` prints, for other programs; `read` counts all rows by project."""
    return {
        "read": found.read,
        "rows": found.rows,
        "reasons": [reason._asdict() for reason in found.reasons],
        "examples": [example._asdict() for example in found.examples],
    }


def _indented(text: str, width: int) -> str:
    return textwrap.fill(text, width, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
