"""What the cards of a page show, and whether each number of it is one of the marts."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from playwright.sync_api import Page

from pipelines.lenses import Lens

NONE, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
COLLECT = """
() => {
    const text = (element) => element.innerText.trim();
    const cells = (row) => [...row.children].map(text);
    const contents = (row) => [...row.children].map(({ textContent }) => textContent);
    const titled = (day) => [text(day.parentElement.previousElementSibling), ...day.title.split(': ')];
    return [...document.querySelectorAll('section.card')].map((card) => ({
        title: text(card.querySelector('h2')),
        caption: text(card.querySelector('.caption')),
        labels: [...card.querySelectorAll('.chart')].map((chart) => chart.getAttribute('aria-label')),
        sql: card.querySelector('pre code')?.textContent ?? '',
        columns: [...card.querySelectorAll('.plain thead th')].map(text),
        rows: [...card.querySelectorAll('.plain tbody tr')].map(contents),
        shown: [
            ...[...card.querySelectorAll('[data-table] > tbody > tr, li:is([data-table] > *)')].map(cells),
            ...[...card.querySelectorAll('.days > i')].map(titled)
        ]
    }));
}
"""
_OPEN = '(what) => document.querySelectorAll(`.tools button[aria-label^="${what}: "]`).forEach((tool) => tool.click())'
_STATIC = re.compile(r"\d+ projects")
"""A number of names that stand in one line."""


@dataclass(frozen=True)
class Card:
    """A card of a page: its title, its table as text, and what a reader sees."""

    title: str
    caption: str
    labels: Sequence[str]
    sql: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    shown: Sequence[Sequence[str]]


@dataclass
class Mart:
    """The rows of a card's SQL."""

    columns: Sequence[str]
    rows: Sequence[dict[str, Any]]
    words: dict[tuple[int, str], set[str]] = field(default_factory=dict)

    def of(self, lens: Lens, period: str) -> list[dict[str, Any]]:
        """The rows of the lens and the period, where they have one."""
        return [
            row
            for row in self.rows
            if row.get("lens", "") in {"", lens.column} and row.get("period", period) in {"", period}
        ]


def open_tools(page: Page, what: str) -> None:
    """Open the table or the SQL of each card."""
    page.evaluate(_OPEN, what)


def collect(page: Page) -> list[Card]:
    return [Card(**card) for card in page.evaluate(COLLECT)]


def differences(card: Card, mart: Mart, lens: Lens, period: str, names: set[str]) -> Iterator[str]:
    """What the card shows, by that lens and period, and the rows of its SQL do not have; `names` its chart may mark."""
    if unknown := {*card.columns} - {*mart.columns}:
        yield f"{card.title}: its table has columns that its SQL has not: {unknown}"
        return
    # Where rows have a lens, a column has none.
    lenses = set() if "lens" in mart.columns else {lens_of(column) for column in card.columns} - {None}
    if lenses and lens not in lenses and "whatever the lens" not in card.caption and "any lens" not in card.title:
        yield f"{card.title}: its table is of another lens"
    rows = {tuple(as_text(row[column]) for column in card.columns): row for row in mart.of(lens, period)}
    drawn = [rows.get(tuple(row)) for row in card.rows]
    for text, row in zip(card.rows, drawn, strict=True):
        if row is None:
            yield f"{card.title}: the mart has no row {text}"
    known = [row for row in drawn if row is not None]
    words = [_words(row, None if len(lenses) > 1 or lens not in lenses else lens) for row in known]
    data = set().union(*words)
    for cells in card.shown:
        # A word that is no value of any row is one of the page itself.
        wanted = [cell for cell in map(_plain, cells) if re.search(r"\d", cell) or cell in data]
        if not any(all(cell in has or tokens(cell) <= has for cell in wanted) for has in words) and wanted:
            yield f"{card.title}: shows {cells}"
    for label in card.labels:
        if missing := tokens(label) - data - names - tokens(card.caption) - tokens(card.title) - {"7"}:
            yield f"{card.title}: {label!r} names {missing}"


def lens_of(column: str) -> Lens | None:
    """The lens by which a column counts; `None` of a column that counts nothing."""
    return max((lens for lens in Lens if column.endswith(lens.column)), key=lambda lens: len(lens.column), default=None)


def as_text(value: object) -> str:
    """A value as JavaScript writes it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        if value.is_integer():
            return str(int(value))
        return format(Decimal(repr(value)), "f") if abs(value) >= 1e-6 else re.sub(r"e-0(\d)", r"e-\1", repr(value))
    return str(value)


def _words(row: dict[str, Any], lens: Lens | None) -> set[str]:
    """Whatever a page may write for the values of a row: of the columns of the lens, and of those that have none."""
    found: set[str] = set()
    for column, value in row.items():
        if lens is None or lens_of(column) in {None, lens}:
            found.update(_written(value))
    return found | {token for text in found for token in tokens(text)}


def _written(value: object) -> Iterator[str]:
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, date):
        long, short = f"{value:%B}", f"{value:%b}"
        yield from (f"{value.day} {long} {value.year}", f"{value.day} {short}", f"{value.day} {long}")
        yield from (f"{long} {value.year}", f"{short} {value.year}")
    elif isinstance(value, int | float):
        yield from (number(value), percent(value), percent(value, 0), percent(value, 2), percent(value, 3))
        yield from (change(value), points(value), f"{'+' if value > 0 else ''}{number(value)}")
    else:
        yield str(value)


def _plain(cell: str) -> str:
    text = re.sub(r"[▲▼●]", "", cell).strip()
    return "" if _STATIC.fullmatch(text) else text


def tokens(text: str) -> set[str]:
    """The words of a text that have a digit."""
    return {token for word in text.split() if re.search(r"\d", token := word.strip(".,;:()·"))}


def number(value: float | None) -> str:
    if value is None:
        return NONE
    if abs(value) >= 1e6:
        for unit, name in ((1e9, "B"), (1e6, "M")):
            if abs(value) >= unit:
                return f"{float(f'{value / unit:.3g}'):g}{name}".replace("-", MINUS)
    return f"{_rounded(value, 0):,}".replace("-", MINUS)


def percent(value: float | None, digits: int = 1) -> str:
    if value is None:
        return NONE
    if 0 < 100 * value < 0.5 * 10**-digits:
        return f"<{10**-digits}%"
    return f"{_rounded(100 * value, digits)}%".replace("-", MINUS)


def change(value: float | None) -> str:
    if value is None:
        return NONE
    return f"{_signed(value)}%"


def points(value: float) -> str:
    return "steady" if _signed(value) == "0.0" else _signed(value)


def _signed(value: float) -> str:
    text = str(_rounded(abs(100 * value), 1))
    return text if text == "0.0" else f"{'+' if value > 0 else MINUS}{text}"


def _rounded(value: float, digits: int) -> Decimal:
    """Halves away from zero of what the number is in binary, as JavaScript does."""
    return Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
