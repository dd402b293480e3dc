"""Downloads from ClickHouse's public copy of the table (ClickPy), as counts of days; free, without an account.

The copy has no time of day, no CPU and no distribution. An empty text in it stands for NULL, as `ci` 'unknown' does.
Its server limits each query; a window is read in parts that fit, and the sum of each is compared with a count.
"""

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cached_property
from string import ascii_lowercase, digits

import pyarrow as pa
from packaging.utils import canonicalize_name

from pipelines.errors import SchemaError, SourceError, UnknownProjectError
from pipelines.pypi.columns import COUNTS
from pipelines.pypi.files import FileDay
from pipelines.pypi.settings import FIRST_DAY, Settings
from pipelines.pypi.upstreams.clickhouse_client import (
    OTHER_SCHEMA_REMEDY,
    REMEDY,
    ClickHouseClient,
    Server,
    TooLargeError,
)
from pipelines.pypi.upstreams.clickpy_parts import Part, Value
from pipelines.pypi.upstreams.free import FreeUpstream
from pipelines.pypi.windows import DAY, Window

BUSY_PROJECT = "pip"
"""It has downloads on each day, so that a day without any is not in the copy yet."""
SPANS = 30
"""In so many spans of time a query looks for a project's last day: each costs the server a block of rows."""
MAX_COUNTS = 250_000
"""Rows that a query asks for where the server has no limit: their memory is ours."""
MAX_NAME_TO_GUESS = 40
"""Letters; each makes an address longer, in which the names that may have been meant are sent."""
MAX_NAMES = 250
"""Names that one query looks for."""
LEAST_SHARE = 0.5
"""Of the busy project's downloads of the day before: a last day with fewer is still being filled."""

TYPES = {
    "date": "Date",
    "country_code": "String",
    "project": "String",
    "type": "String",
    "installer": "String",
    "python_minor": "String",
    "system": "String",
    "version": "String",
    "libc": "Tuple(lib String, version String)",
    "ci": "Enum8('false' = 0, 'true' = 1, 'unknown' = 2)",
    "filename": "String",
}
"""The columns that are read, with their types without `LowCardinality`, which is a way to store them."""

_OF_DAYS = "date >= {start:Date} AND date < {end:Date}"
_COPIED = {
    "day": "toDate32(t.date)",
    "country_code": "nullIf(toString(t.country_code), '')",
    "project": "t.project",
    "file__filename": "nullIf(t.filename, '')",
    "file__project": "t.project",
    "file__version": "nullIf(t.version, '')",
    "file__type": "nullIf(toString(t.type), '')",
    "details__installer__name": "nullIf(toString(t.installer), '')",
    "details__python": "nullIf(toString(t.python_minor), '')",
    "details__distro__libc__lib": "nullIf(toString(t.libc.lib), '')",
    "details__distro__libc__version": "nullIf(toString(t.libc.version), '')",
    "details__system__name": "nullIf(toString(t.system), '')",
    "details__ci": "CAST(if(t.ci = 'unknown', NULL, t.ci = 'true') AS Nullable(Bool))",
    "log_rows": "toInt64(t.log_rows)",
}
"""The columns of the contract that the copy has; the others are NULL."""
_DIMENSIONS = "date, country_code, project, filename, version, type, installer, python_minor, libc, system, ci"
# Columns are named in an inner query: ClickHouse takes a name in WHERE for an alias of the result first.
_COUNTS = """
    SELECT {columns}
    FROM (
        SELECT {dimensions}, count() AS log_rows FROM {table}
        WHERE project = {{project:String}} AND {of_part} GROUP BY {dimensions}
    ) AS t
"""
_VALUES = """
    SELECT toString({column}) AS value, toInt64({counts}) AS counts, toInt64(count()) AS downloads
    FROM {table} WHERE project = {{project:String}} AND {of_part} GROUP BY {column} ORDER BY {column}
"""
_ESTIMATE = "uniq(filename, country_code, installer, python_minor, libc, system, ci)"
_TOTALS = """
    SELECT toDate32(date) AS day, toInt64(count()) AS log_rows, toInt64(countIf(filename = '')) AS unnamed
    FROM {table} WHERE project = {{project:String}} AND {of_part} GROUP BY date ORDER BY date
"""


class ClickpyUpstream(FreeUpstream):
    """Reads the table of a ClickHouse server with the public copy's schema."""

    origin = "clickpy"

    def __init__(self, settings: Settings, now: datetime) -> None:
        self.table = settings.clickpy.table
        self.remarks: list[str] = []
        self._url = settings.clickpy.url
        self._client = ClickHouseClient(settings.clickpy)
        self._projects = settings.projects
        self._settled = settings.settled_until(now)
        self._most = 0
        self._totals: dict[str, dict[date, int]] = {}
        self._unnamed: dict[str, list[date]] = {}

    @property
    def time(self) -> datetime | None:
        return self._server.time

    def check(self, projects: Sequence[str], known: Collection[FileDay] = ()) -> list[str]:
        del known
        unknown_columns = self._unknown_columns
        if not any(map(self._has_rows, projects)):
            what = f"{self._url} has no download of {' or '.join(projects)}."
            near = [name for project in projects for name in self._near(project)]
            question = f"Did you mean {' or '.join(near)}? " if near else ""
            raise UnknownProjectError(what, remedy=f"{question}Check the name. A new project is there in a day or two.")
        return unknown_columns

    def file_days(self, project: str) -> Mapping[FileDay, date | None]:
        """Nothing: the copy has no files."""
        del project
        return {}

    def available_until(self, project: str, end: date | None) -> date | None:
        """The day after the last complete one: of a busy project, or of the tracked ones where it is not there.

        By the key: the whole table's last day would take a scan. A project without downloads is not behind.
        """
        del project, end
        return self._available_until

    def count_without_day(self, project: str) -> int:
        """0: each row of the copy has its day."""
        del project
        return 0

    def count_days(self, project: str, start: date, end: date) -> Mapping[date, int]:
        """The downloads of each day, by a query that is not that of the counts."""
        window = Window(project, start, end)
        known = self._totals.setdefault(project, {})
        if not known.keys() >= set(window.days):
            tables = list(self._by_day(_TOTALS, window))
            known |= dict.fromkeys(window.days, 0)
            rows = [row for table in tables for row in table.to_pylist()]
            known |= {row["day"]: row["log_rows"] for row in rows}
            unnamed = self._unnamed.setdefault(window.project, [])
            unnamed += [row["day"] for row in rows if row["unnamed"] > row["log_rows"] * LEAST_SHARE]
        return {day: known[day] for day in window.days if known[day]}

    def read(self, window: Window) -> Generator[pa.Table, None, None]:
        """Yield the window's counts in the parts that fit; what has been read is not read again when one does not."""
        totals = self.count_days(window.project, window.start, window.end)
        self._require_names(window)
        limit = self._server.max_result_rows or MAX_COUNTS
        self._most = self._most or limit
        waiting = [self._days(window, totals)] if totals else []
        while waiting:
            part = waiting.pop()
            if part.counts > self._most and part.can_be_cut:
                waiting += reversed(self._cut(window.project, part))
                continue
            try:
                counts = self._counts(window.project, part)
            except TooLargeError:
                if not part.can_be_cut:
                    raise
                self._most = part.counts // 2
                waiting.append(part)
                continue
            # What fitted is remembered for the days to come; they may be larger again.
            self._most = min(limit, self._most + self._most // 4 + 1)
            yield counts

    @cached_property
    def _server(self) -> Server:
        return self._client.require_settings()

    @cached_property
    def _unknown_columns(self) -> list[str]:
        """The columns that are not read, of a table that has all that are."""
        _ = self._server
        described = self._client.query(f"DESCRIBE TABLE {self.table}")
        found = {row["name"]: _plain(row["type"]) for row in described.select(["name", "type"]).to_pylist()}
        faults = [
            f"lacks the column {name}" if name not in found else f"has {name} as {found[name]}"
            for name, kind in TYPES.items()
            if found.get(name) != kind
        ]
        if faults:
            what = f"The table {self.table} of {self._url} {', '.join(faults)}. Nothing was read."
            raise SchemaError(what, remedy=OTHER_SCHEMA_REMEDY)
        return sorted(found.keys() - TYPES.keys())

    def _has_rows(self, project: str) -> bool:
        sql = f"SELECT 1 AS found FROM {self.table} WHERE project = {{project:String}} LIMIT 1"
        return bool(self._client.query(sql, {"project": project}).num_rows)

    def _near(self, project: str) -> list[str]:
        """The projects in the copy whose names a slip would turn into this one."""
        if len(project) > MAX_NAME_TO_GUESS:
            return []
        near = self._existing(_slips(project))
        longer = [] if near else _longer(project)
        for first in range(0, len(longer), MAX_NAMES):
            near += self._existing(longer[first : first + MAX_NAMES])
        return sorted(near)

    def _existing(self, names: Sequence[str]) -> list[str]:
        """Those of the names that have a download; of each a block of rows is read at most."""
        one = "(SELECT project FROM {table} WHERE project = {{names:Array(String)}}[{n}] LIMIT 1)"
        each = " UNION ALL ".join(one.format(table=self.table, n=n) for n in range(1, len(names) + 1))
        quoted = ", ".join(f"'{name}'" for name in names)
        found = self._client.query(f"SELECT project FROM ({each})", {"names": f"[{quoted}]"})
        return [str(row["project"]) for row in found.to_pylist()]

    @cached_property
    def _available_until(self) -> date | None:
        until = self._busy_until or max((day + DAY for day in map(self._last_day, self._projects) if day), default=None)
        if until and until < self._settled:
            self.remarks.append(
                f"The copy at {self._url} ends on {until - DAY}; run again later for the days after it."
            )
        return until

    @cached_property
    def _busy_until(self) -> date | None:
        """The day after the busy project's last one, or that day itself while it is being filled."""
        last = self._last_day(BUSY_PROJECT)
        if last is None:
            return None
        totals = self.count_days(BUSY_PROJECT, last - DAY, last + DAY)
        filling = totals.get(last, 0) < totals.get(last - DAY, 0) * LEAST_SHARE
        return last if filling else last + DAY

    def _last_day(self, project: str) -> date | None:
        """The project's last day in the copy: of the last 30 days, or after a long stall of spans that hold them."""
        end = self._server.time.date() + DAY
        for step in (DAY, SPANS * DAY, SPANS**2 * DAY):
            start = self._newest(project, _spans(end, step))
            while start and step > DAY:
                end, step = start + step, step // SPANS  # noqa: PLW2901 - into the span that was found
                start = self._newest(project, _spans(end, step))
            if start:
                return start
        return None

    def _newest(self, project: str, spans: list[tuple[date, date]]) -> date | None:
        """The start of the newest span with a row of the project; of each span a block of rows is read at most."""
        one = "(SELECT {{start{n}:Date}} AS day FROM {table} WHERE project = {{project:String}} {of_span} LIMIT 1)"
        of_span = "AND date >= {{start{n}:Date}} AND date < {{end{n}:Date}}"
        each = " UNION ALL ".join(
            one.format(n=n, table=self.table, of_span=of_span.format(n=n)) for n in range(len(spans))
        )
        bounds = {
            f"{name}{n}": day for n, span in enumerate(spans) for name, day in zip(("start", "end"), span, strict=True)
        }
        newest = f"SELECT toDate32(day) AS day FROM ({each}) ORDER BY day DESC LIMIT 1"
        found = self._client.query(newest, bounds | {"project": project}).to_pylist()
        return found[0]["day"] if found else None

    def _by_day(self, sql: str, window: Window, **texts: str) -> Iterator[pa.Table]:
        """A row for each day, of half the window at a time where the whole exceeds a limit."""
        try:
            days = {"start": window.start, "end": window.end}
            table = self._query(sql, window.project, days, of_part=_OF_DAYS, **texts)
        except TooLargeError:
            if len(window.days) == 1:
                raise
            middle = window.start + len(window.days) // 2 * DAY
            yield from self._by_day(sql, replace(window, end=middle), **texts)
            yield from self._by_day(sql, replace(window, start=middle), **texts)
        else:
            yield table

    def _require_names(self, window: Window) -> None:
        """Raise `SourceError` if most files of a day have no name: the column is younger than the day.

        Single ones fail the contract, and are quarantined within the tolerance.
        """
        days = sorted({*self._unnamed.get(window.project, ())} & {*window.days})
        if days:
            what = (
                f"{self._url} has no file names of {window.project} on {len(days)} days from {days[0]} to {days[-1]}, "
                "and the contract needs them."
            )
            raise SourceError(what, remedy=f"Load from {days[-1] + DAY} on, and earlier days from BigQuery.")

    def _days(self, window: Window, totals: Mapping[date, int]) -> Part:
        """The window as one part, with an estimate of each day's counts where all downloads could be too many."""
        bounds = Part([], [Value(day.isoformat(), total, total) for day, total in totals.items()])
        if bounds.counts <= self._most:
            return bounds
        try:
            tables = list(self._by_day(_VALUES, window, column="date", counts=_ESTIMATE))
        except TooLargeError:
            # There are no more counts than downloads; less than a day can be estimated.
            return bounds
        part = Part([], [Value(**row) for table in tables for row in table.to_pylist()])
        self._require_sums(window.project, part.of_days, {day.isoformat(): total for day, total in totals.items()})
        return part

    def _cut(self, project: str, part: Part) -> list[Part]:
        """Smaller parts of the part: by its values, or those of its only value by the next column."""
        if len(part.values) == 1:
            texts = {"of_part": part.condition, "column": part.next_column}
            try:
                table = self._query(_VALUES, project, part.parameters, counts=_ESTIMATE, **texts)
            except TooLargeError:
                table = self._query(_VALUES, project, part.parameters, counts="count()", **texts)
            inner = Part([*part.fixed, part.values[0].value], [Value(**row) for row in table.to_pylist()])
            self._require_sums(project, inner.of_days, part.of_days)
            part = inner
        return list(part.cut(self._most))

    def _counts(self, project: str, part: Part) -> pa.Table:
        """The counts of the part; their sums are those that were counted before."""
        counts = self._query(_COUNTS, project, part.parameters, of_part=part.condition).cast(COUNTS.source_schema)
        sums = counts.group_by("day").aggregate([("log_rows", "sum")]).to_pylist()
        self._require_sums(project, {row["day"].isoformat(): row["log_rows_sum"] for row in sums}, part.of_days)
        return counts

    def _require_sums(self, project: str, sums: Mapping[str, int], totals: Mapping[str, int]) -> None:
        """Compare the downloads of each day, or of a part of it, with what another query has counted.

        Raises:
            TooLargeError: there are fewer: the answer is a part.
            SourceError: there are more.

        """
        for day in sorted(sums.keys() | totals.keys()):
            gave, total = sums.get(day, 0), totals.get(day, 0)
            if gave != total:
                what = f"{self._url} gave {gave:,} of {total:,} downloads of {project} on {day}."
                error = TooLargeError if gave < total else SourceError
                raise error(what, remedy=f"The copy may be changing. {REMEDY}")

    def _query(self, sql: str, project: str, parameters: Mapping[str, object], **texts: str) -> pa.Table:
        columns = ", ".join(
            f"{_COPIED.get(name, 'CAST(NULL AS Nullable(String))')} AS {name}" for name in COUNTS.source_schema.names
        )
        texts |= {"table": self.table, "columns": columns, "dimensions": _DIMENSIONS}
        return self._client.query(sql.format(**texts), {"project": project, **parameters})


def _spans(end: date, step: timedelta) -> list[tuple[date, date]]:
    """The last spans of a step each before `end`, the newest first; none before the first download on record."""
    return [(end - (n + 1) * step, end - n * step) for n in range(SPANS) if end - n * step > FIRST_DAY]


def _slips(name: str) -> list[str]:
    """The normalized names of which `name` has a letter more, or two swapped, one of two, or another form or prefix."""
    dropped = [name[:n] + name[n + 1 :] for n in range(len(name))]
    doubled = [name[:n] + name[n] + name[n:] for n in range(len(name))]
    swapped = [name[:n] + name[n + 1] + name[n] + name[n + 2 :] for n in range(len(name) - 1)]
    other = [
        name.replace("-", ""),
        f"py{name}",
        f"python-{name}",
        name.removeprefix("py"),
        name.removeprefix("python-"),
    ]
    return sorted({each for each in dropped + doubled + swapped + other if each.strip("-")} - {name})


def _longer(name: str) -> list[str]:
    """The normalized names of which `name` lacks a letter, a digit or a dash."""
    letters = f"{ascii_lowercase}{digits}-"
    longer = {name[:n] + letter + name[n:] for n in range(len(name) + 1) for letter in letters}
    return sorted(each for each in longer if canonicalize_name(each) == each.strip("-") == each)


def _plain(kind: str) -> str:
    """The type on one line, without `LowCardinality`."""
    line = " ".join(kind.split()).replace("( ", "(")
    while "LowCardinality(" in line:
        before, _, after = line.partition("LowCardinality(")
        line = before + after.replace(")", "", 1)
    return line
