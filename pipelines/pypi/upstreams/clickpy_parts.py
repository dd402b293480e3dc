"""The parts of a window that fit into one answer of the server, cut along the key by which its table is sorted.

A server looks up what has some values of the first columns of the key, and reads little else; parts by a hash would
each read all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

COLUMNS = {
    "date": "Date",
    "version": "String",
    "country_code": "String",
    "python_minor": "String",
    "system": "String",
    "filename": "String",
    "installer": "String",
}
"""By which a part is cut, one after the other, with their types: the key after the project, then other columns."""
_ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\b": "\\b", "\f": "\\f"})


@dataclass(frozen=True)
class Value:
    """A value of a column, with the rows that a query for it gives and the downloads that they count."""

    value: str
    counts: int
    downloads: int


@dataclass(frozen=True)
class Part:
    """Consecutive values of a column, among downloads that have the values `fixed` of the columns before it."""

    fixed: Sequence[str]
    values: Sequence[Value]

    @property
    def counts(self) -> int:
        return sum(value.counts for value in self.values)

    @property
    def downloads(self) -> int:
        return sum(value.downloads for value in self.values)

    @property
    def of_days(self) -> dict[str, int]:
        """The downloads of the part on each of its days."""
        if self.fixed:
            return {self.fixed[0]: self.downloads}
        return {value.value: value.downloads for value in self.values}

    @property
    def condition(self) -> str:
        """The part in SQL, whose values are parameters."""
        *equal, (column, kind) = list(COLUMNS.items())[: len(self.fixed) + 1]
        of_fixed = [f"{name} = {{part{n}:{of}}}" for n, (name, of) in enumerate(equal)]
        return " AND ".join([*of_fixed, f"{column} BETWEEN {{first:{kind}}} AND {{last:{kind}}}"])

    @property
    def parameters(self) -> dict[str, str]:
        """The values of the condition, as the server's interface wants them."""
        bounds = {"first": self.values[0].value, "last": self.values[-1].value}
        named = {f"part{n}": value for n, value in enumerate(self.fixed)} | bounds
        return {name: value.translate(_ESCAPED) for name, value in named.items()}

    @property
    def can_be_cut(self) -> bool:
        return len(self.values) > 1 or len(self.fixed) + 1 < len(COLUMNS)

    @property
    def next_column(self) -> str:
        """The column by which a part with a single value can be cut."""
        return list(COLUMNS)[len(self.fixed) + 1]

    def cut(self, most: int) -> Iterator["Part"]:
        """Parts with at most so many rows each, or with a single value."""
        values: list[Value] = []
        for value in self.values:
            if values and sum(each.counts for each in values) + value.counts > most:
                yield Part(self.fixed, values)
                values = []
            values.append(value)
        yield Part(self.fixed, values)
