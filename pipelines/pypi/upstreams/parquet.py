"""Downloads from Parquet files with BigQuery's nested schema: exports, archives, demo and test data."""

from collections import Counter
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cached_property
from typing import NoReturn

import duckdb
import pyarrow as pa
from packaging.utils import canonicalize_name
from sqlglot import exp, parse_one

from pipelines.duckdb_imports import without_pandas
from pipelines.errors import UnknownProjectError
from pipelines.pypi.columns import GRAINS, WINDOW_DAY
from pipelines.pypi.files import FileDay, SourceFile
from pipelines.pypi.query import END, PROJECT, START, downloads_query
from pipelines.pypi.upstreams.free import FreeUpstream
from pipelines.pypi.upstreams.parquet_files import find_files, literal, translate_file_errors
from pipelines.pypi.upstreams.schema import lacking_fields, unknown_fields
from pipelines.pypi.windows import DAY, Window

BATCH_ROWS = 25_000
DEMO_MARK = b"duckdb_evidence_insights.demo"
"""The key in the metadata of a Parquet file that says that its rows are generated."""
_FILE = "file"
_END_OF_TIME = date(9999, 12, 31)
"""Later timestamps, which Parquet can hold and Python cannot, are read as the day before it."""


class ParquetUpstream(FreeUpstream):
    """A file, a folder (searched at any depth) or a glob of Parquet files; rows after the day of `now` are wrong."""

    remarks: Sequence[str] = ()

    def __init__(self, path: str, timestamp_column: str, now: datetime) -> None:
        self.path = path
        self.timestamp_column = timestamp_column
        self._tomorrow = now.astimezone(UTC).date() + DAY
        self._entries: dict[str, list[FileDay]] = {}

    @property
    def origin(self) -> str:
        return "demo" if DEMO_MARK in (next(iter(self._schemas.values())).metadata or {}) else "parquet"

    @property
    def time(self) -> datetime | None:
        """`None`: files have no clock."""
        return None

    def check(self, projects: Sequence[str], known: Collection[FileDay] = ()) -> list[str]:
        schemas = ((file.path, dict(_flatten(schema))) for file, schema in self._schemas.items())
        remedy = "Export it with the schema of file_downloads; see docs/settings.md."
        unknown = unknown_fields(schemas, self.timestamp_column, _fits, remedy=remedy)
        self._search(projects, known)
        if not any(entry.rows for project in projects for entry in self._entries[project]):
            self._refuse(projects)
        return unknown

    def file_days(self, project: str) -> dict[FileDay, date | None]:
        if project not in self._entries:
            self._search([project], ())
        entries = self._entries[project]
        last: dict[SourceFile, date] = {}
        for entry in entries:
            if entry.day and entry.day < self._tomorrow:
                last[entry.file] = max(entry.day, last.get(entry.file, entry.day))
        return {
            entry: last.get(entry.file) if entry.day and entry.day >= self._tomorrow else entry.day for entry in entries
        }

    def available_until(self, project: str, end: date | None) -> date:
        days = [*filter(None, self.file_days(project).values())]
        if end is None:
            return max(days) + DAY if days else date.min
        # Whoever sets an end says that the files are complete up to it, but a file holds no day after it was written.
        written = max(datetime.fromtimestamp(file.modified / 1e9, UTC).date() for file in self._schemas)
        return min(end, max(written, *(day + DAY for day in days)) if days else written)

    def count_without_day(self, project: str) -> int:
        return sum(entry.rows for entry, day in self.file_days(project).items() if day is None)

    def count_days(self, project: str, start: date, end: date) -> Mapping[date, int]:
        counts: Counter[date] = Counter()
        for entry, day in self.file_days(project).items():
            if day and start <= day < end:
                counts[day] += entry.rows
        return counts

    def read(self, window: Window) -> Generator[pa.Table, None, None]:
        held = {entry: day for entry, day in self.file_days(window.project).items() if day and day in window}
        for file, spelling in dict.fromkeys(
            (entry.file, entry.spelling) for entry, day in held.items() if entry.day == day
        ):
            yield from self._read(file, spelling, window)
        future = Window(window.project, self._tomorrow, _END_OF_TIME, window.grain)
        for (file, spelling), day in {
            (entry.file, entry.spelling): day for entry, day in held.items() if entry.day != day
        }.items():
            for rows in self._read(file, spelling, future):
                yield rows.append_column(WINDOW_DAY, pa.repeat(pa.scalar(day, WINDOW_DAY.type), rows.num_rows))

    def _read(self, file: SourceFile, spelling: str, window: Window) -> Generator[pa.Table, None, None]:
        """The rows of the window in a file that spells the window's project so."""
        start, end = window.bounds
        table = _TABLE if end.date() < _END_OF_TIME else self._clipped
        lacking = lacking_fields(dict(_flatten(self._schemas[file])))
        query = downloads_query(window.grain, table, self.timestamp_column, lacking)
        with translate_file_errors(file.path):
            found = self._execute(query.sql("duckdb"), file, {PROJECT: spelling, START: start, END: end})
            batches = found.to_arrow_reader(BATCH_ROWS)
        while True:
            with translate_file_errors(file.path):
                batch = next(batches, None)
            if batch is None:
                return
            rows = pa.Table.from_batches([batch]).cast(GRAINS[window.grain].source_schema)
            if spelling != window.project:
                names = pa.repeat(pa.scalar(window.project, pa.string()), rows.num_rows)
                rows = rows.set_column(rows.column_names.index("project"), "project", names)
            yield rows

    def _search(self, projects: Sequence[str], known: Collection[FileDay]) -> None:
        """Find out what each file holds of the projects, without reading it if that is `known`."""
        searched = {(entry.file, entry.project) for entry in known if entry.day is None}
        held = [entry for entry in known if (entry.file, entry.project) in searched]
        for file in self._schemas:
            if missing := [project for project in projects if (file, project) not in searched]:
                held += self._count(file, missing)
        for project in projects:
            self._entries[project] = [
                entry for entry in held if entry.project == project and entry.file in self._schemas
            ]

    def _count(self, file: SourceFile, projects: Sequence[str]) -> list[FileDay]:
        with translate_file_errors(file.path):
            found = self._execute(_COUNT.format(timestamp=self._timestamp), file, {"projects": projects}).fetchall()
        entries = [FileDay(file, canonicalize_name(spelling), spelling, day, rows) for spelling, day, rows in found]
        with_rows = {entry.project for entry in entries if entry.day is None}
        return entries + [FileDay(file, project, project, None, 0) for project in projects if project not in with_rows]

    def _refuse(self, projects: Sequence[str]) -> NoReturn:
        listing = "SELECT DISTINCT project FROM read_parquet($file, hive_partitioning = false) ORDER BY 1 LIMIT 20"
        names: set[str] = set()
        for file in self._schemas:
            with translate_file_errors(file.path):
                names |= {str(name) for (name,) in self._execute(listing, file).fetchall()}
        what = f"No download of the project {' or '.join(map(repr, projects))} in {self.path!r}."
        remedy = f"Check `projects` of [sources.pypi]; the files hold, among others: {', '.join(sorted(names)[:20])}."
        raise UnknownProjectError(what, remedy=remedy)

    def _execute(
        self, sql: str, file: SourceFile, parameters: Mapping[str, object] | None = None
    ) -> duckdb.DuckDBPyConnection:
        """Run a query over a file, beside those whose rows are still to be read."""
        with without_pandas():
            return self._database.cursor().execute(sql, {_FILE: literal(file.path), **(parameters or {})})

    @property
    def _timestamp(self) -> str:
        return exp.to_identifier(self.timestamp_column, quoted=True).sql("duckdb")

    @property
    def _clipped(self) -> exp.Expr:
        name, latest = self._timestamp, "TIMESTAMPTZ '9999-12-30'"
        clipped = f"CASE WHEN {name} > {latest} THEN {latest} ELSE {name} END AS {name}"
        return parse_one(f"(SELECT * REPLACE ({clipped}) FROM {_TABLE.sql('duckdb')})", dialect="duckdb")

    @cached_property
    def _schemas(self) -> dict[SourceFile, pa.Schema]:
        return find_files(self.path)

    @cached_property
    def _database(self) -> duckdb.DuckDBPyConnection:
        database = duckdb.connect()
        # Not as an option of connect(): there it would look for an extension that is built in.
        database.execute("SET GLOBAL TimeZone = 'UTC'")
        # Others would read ahead of Python, which cannot keep up, and spin until it has.
        database.execute("SET threads = 1")
        return database


# A folder named `country_code=FR` must not override the rows.
_TABLE = exp.func(
    "read_parquet",
    exp.Parameter(this=exp.var(_FILE)),
    exp.PropertyEQ(this=exp.var("hive_partitioning"), expression=exp.false()),
)
# PEP 503, as `canonicalize_name`; a day is clipped to those that Python knows.
_COUNT = """
    SELECT
        project,
        CASE
            WHEN {timestamp} < TIMESTAMPTZ '1970-01-01' THEN DATE '1970-01-01'
            WHEN {timestamp} > TIMESTAMPTZ '9999-12-30' THEN DATE '9999-12-30'
            ELSE {timestamp}::DATE
        END AS day,
        COUNT(*)
    FROM read_parquet($file, hive_partitioning = false)
    WHERE LIST_CONTAINS($projects, REGEXP_REPLACE(LOWER(project), '[-_.]+', '-', 'g'))
    GROUP BY ALL ORDER BY ALL
"""


def _flatten(fields: pa.Schema | pa.StructType, prefix: str = "") -> Iterator[tuple[str, pa.DataType]]:
    """The types of the leaves by their dotted paths."""
    for field in fields:
        if pa.types.is_struct(field.type):
            yield from _flatten(field.type, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, field.type


def _fits(found: pa.DataType, wanted: pa.DataType) -> bool:
    if pa.types.is_timestamp(wanted):
        return bool(pa.types.is_timestamp(found) and found.tz is not None)
    if pa.types.is_string(wanted):
        return bool(pa.types.is_string(found) or pa.types.is_large_string(found))
    return bool(found == wanted)
