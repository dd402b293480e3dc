"""Prints what failed the contract, by project and reason, with examples: rows of the log, and files of releases."""

import textwrap
from itertools import groupby, islice
from operator import attrgetter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.cli.printing.text import plain
from pipelines.warehouse.quarantine import Quarantine

WIDTH = 100
"""Columns of an output that is not a terminal; long rows are folded."""


def show_quarantine(console: Console, found: Quarantine, examples: int) -> None:
    """Print the number of failed rows by project and reason, and the examples of each; then the files of releases."""
    _show_rows(console, found)
    if found.files:
        contents = {(file.project, file.content) for file in found.files}
        console.print(f"\n{len(contents):,} files of releases are in quarantine, as the index lists them now.")
    for (project, message), files in groupby(found.files, attrgetter("project", "message")):
        listed = list(files)
        heading = Text.assemble("\n", (f"{project}: ", "bold"), f"{plain(message)}, {len(listed):,} files")
        console.print(heading, overflow="fold")
        for file in islice(listed, examples):
            console.print(Text(f"  {plain(file.line.removeprefix(message)).strip()}"), overflow="fold")
            console.print(Text(_indented(plain(file.content), console.width)))


def _show_rows(console: Console, found: Quarantine) -> None:
    total = sum(found.read.values())
    if not found.reasons:
        empty = "No row is in quarantine" if found.files else "The quarantine is empty"
        console.print(f"{empty}: all {total:,} rows passed the contract.")
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
        "files": [file._asdict() for file in found.files],
    }


def _indented(text: str, width: int) -> str:
    return textwrap.fill(text, width, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
