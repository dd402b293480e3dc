"""Prints the report of a month: as text, as Markdown to be shared, or as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.cli.printing.text import plain
from pipelines.exports.report import Event, Report

_HEADINGS = {
    "version": "Versions",
    "python": "Pythons",
    "installer": "Installers",
    "system": "Systems",
    "country": "Countries",
}
_NONE = "-"


@dataclass(frozen=True)
class _Block:
    """A heading with sentences, and a table with columns of which all but the first are numbers."""

    heading: str
    texts: Sequence[str] = ()
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


def show_report(console: Console, report: Report) -> None:
    """Print the report for a reader at a terminal."""
    console.print(_title(report), style="bold", markup=False, soft_wrap=True)
    for block in _blocks(report):
        console.print()
        if block.heading:
            console.print(block.heading, style="bold", markup=False)
        for text in block.texts:
            console.print(plain(text), markup=False, soft_wrap=True)
        if block.rows:
            table = Table(box=None, pad_edge=False)
            for place, column in enumerate(block.columns):
                table.add_column(column, justify="right" if place else "left", overflow="fold")
            for row in block.rows:
                table.add_row(*(Text(plain(cell)) for cell in row))
            console.print(table)


def print_markdown(console: Console, report: Report) -> None:
    """Print the report as Markdown, for an issue, a chat or a file."""
    for line in _markdown(report):
        console.print(line, markup=False, soft_wrap=True)


def describe_report(report: Report) -> dict[str, object]:
    """What `show_report` prints, for other programs."""
    return asdict(report) | {
        "month": f"{report.month:%Y-%m}",
        "lens": report.lens.column,
        "counts": [count._asdict() for count in report.counts],
        "shares": [share._asdict() for share in report.shares],
        "events": [event._asdict() for event in report.events],
    }


def _title(report: Report) -> str:
    return f"{report.project} in {report.month:%B %Y}"


def _blocks(report: Report) -> Iterator[_Block]:
    demo = ["Demo data: generated, not real."] if report.is_demo else []
    yield _Block("", [report.sentence, report.note, *demo])
    yield _Block(
        "Downloads",
        columns=("lens", "downloads", "a day, on the month before", "on the year before"),
        rows=[
            (count.lens, _number(count.downloads), _change(count.change), _change(count.change_year))
            for count in report.counts
        ],
    )
    for dimension, heading in _HEADINGS.items():
        shares = [share for share in report.shares if share.dimension == dimension]
        if shares:
            yield _Block(
                f"{heading}, {report.lens.words[0].lower()}{report.lens.words[1:]}",
                columns=(dimension, "downloads", "share", "points on the month before"),
                rows=[
                    (share.label, _number(share.downloads), _percent(share.share), _points(share.change))
                    for share in shares
                ],
            )
    if report.python:
        yield _Block("Dropping a Python", [f"{report.python} (28 days to {_day(report.python_until)})"])
    happened = [f"{_span(event)}: {event.sentence}" for event in report.events]
    yield _Block("What happened", happened or ["Nothing unusual is known of this month."])


def _markdown(report: Report) -> Iterator[str]:
    yield f"# {_title(report)}"
    for block in _blocks(report):
        yield ""
        if block.heading:
            yield f"## {block.heading}"
            yield ""
        for text in block.texts:
            yield f"- {_cell(text)}" if block.heading == "What happened" else _cell(text)
        if block.rows:
            yield f"| {' | '.join(block.columns)} |"
            yield f"|---{'|---:' * (len(block.columns) - 1)}|"
            for row in block.rows:
                yield f"| {' | '.join(map(_cell, row))} |"


def _cell(text: str) -> str:
    """A version is a stranger's text: it must not end a cell or a line, nor be markup."""
    text = plain(text).replace("\n", " ").replace("|", "\\|")
    return text.replace("<", "&lt;").replace("[", "\\[").replace("`", "\\`")


def _span(event: Event) -> str:
    first = _day(event.first_day)
    return first if event.first_day == event.last_day else f"{first} to {_day(event.last_day)}"


def _day(day: date | None) -> str:
    return "" if day is None else f"{day.day} {day:%B %Y}"


def _number(value: int | None) -> str:
    return _NONE if value is None else f"{value:,}"


def _percent(value: float | None) -> str:
    return _NONE if value is None else f"{value:.1%}"


def _change(value: float | None) -> str:
    return _NONE if value is None else f"{value:+.1%}"


def _points(value: float | None) -> str:
    return _NONE if value is None else f"{100 * value:+.1f}"
