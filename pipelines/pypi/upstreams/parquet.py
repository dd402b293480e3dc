"""Downloads from Parquet files with BigQuery's nested schema: exports, archives, demo and test data."""

import glob
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from pipelines.duckdb_imports import without_pandas
from pipelines.errors import SourceError, UnknownProjectError
from pipelines.pypi.billed_queries import Probe
from pipelines.pypi.columns import GRAINS
from pipelines.pypi.query import END, PROJECT, START, count_window, downloads_query
from pipelines.pypi.upstreams.schema import unknown_fields
from pipelines.pypi.windows import DAY, Window

BATCH_ROWS = 25_000
DEMO_MARK = b"duckdb_evidence_insights.demo"
"""The key in the metadata of a Parquet file that says that its rows are generated."""
_FILES = "files"


class ParquetUpstream:
    """A file, a folder (searched at any depth) or a glob of Parquet files."""

    remarks: Sequence[str] = ()

    def __init__(self, path: str, timestamp_column: str) -> None:
        self.path = path
        self.timestamp_column = timestamp_column

    @cached_property
    def files(self) -> list[str]:
        """The files, in the order of their names.

        Raises:
            SourceError: there is none.

        """
        path = Path(self.path)
        found = path.rglob("*.parquet") if path.is_dir() else map(Path, glob.glob(self.path, recursive=True))  # noqa: PTH207 - pathlib's glob takes no absolute pattern
        files = sorted(str(file) for file in found if file.is_file())
        if not files:
            what = f"No Parquet file at {self.path!r}."
            raise SourceError(
                what, remedy="Set `parquet_path` of [sources.pypi] to a file, a folder or a glob that exists."
            )
        return files

    @property
    def origin(self) -> str:
        return "demo" if DEMO_MARK in (pq.read_schema(self.files[0]).metadata or {}) else "parquet"

    def check(self, projects: list[str]) -> list[str]:
        schemas = ((file, _read_schema(file)) for file in self.files)
        remedy = "Export it with the schema of file_downloads; see docs/settings.md."
        unknown = unknown_fields(schemas, self.timestamp_column, _fits, remedy=remedy)
        for project in projects:
            self._check_project(project)
        return unknown

    def available_until(self) -> date | None:
        query = exp.select(exp.Max(this=_column(self.timestamp_column))).from_(_TABLE)
        row = self._execute(query).fetchone()
        return row[0].date() + DAY if row and row[0] else None

    def count_without_timestamp(self, project: str) -> int:
        query = (
            exp.select(exp.Count(this=exp.Star()))
            .from_(_TABLE)
            .where(
                _column("project").eq(exp.Parameter(this=exp.var(PROJECT))),
                _column(self.timestamp_column).is_(exp.null()),
            )
        )
        row = self._execute(query, {PROJECT: project}).fetchone()
        return int(row[0]) if row else 0

    def estimate(self, window: Window) -> int:
        """0: files are free."""
        del window
        return 0

    def estimate_probe(self, window: Window) -> int:
        """0: files are free."""
        del window
        return 0

    def probe(self, window: Window) -> Probe:
        """Count the window's rows; there is no table of which the project could have a share."""
        return Probe(window, sum(self.count_days(window.project, window.start, window.end).values()), 1)

    def count_days(self, project: str, start: date, end: date) -> Mapping[date, int]:
        window = Window(project, start, end)
        day = exp.cast(_column(self.timestamp_column), "date")
        counted = count_window(_TABLE, self.timestamp_column).select(exp.alias_(day, "day")).group_by(day.copy())
        first, last = window.bounds
        rows = self._execute(counted, {PROJECT: project, START: first, END: last}).fetchall()
        return {day: count for count, day in rows}

    def settle_open_queries(self) -> Sequence[Window]:
        """None: files are read for free."""
        return ()

    def read(self, window: Window) -> Generator[pa.Table, None, None]:
        start, end = window.bounds
        downloads = self._execute(
            downloads_query(window.grain, _TABLE, self.timestamp_column),
            {PROJECT: window.project, START: start, END: end},
        )
        for batch in downloads.to_arrow_reader(BATCH_ROWS):
            yield pa.Table.from_batches([batch]).cast(GRAINS[window.grain].source_schema)

    def _check_project(self, project: str) -> None:
        query = (
            exp.select("1").from_(_TABLE).where(_column("project").eq(exp.Parameter(this=exp.var(PROJECT)))).limit(1)
        )
        if self._execute(query, {PROJECT: project}).fetchone():
            return
        listing = exp.select("project").distinct().from_(_TABLE).order_by("project").limit(20)
        known = [str(row[0]) for row in self._execute(listing).fetchall()]
        what = f"No download of the project {project!r} in {self.path!r}."
        remedy = f"Check `projects` of [sources.pypi]; the files hold, among others: {', '.join(known)}."
        raise UnknownProjectError(what, remedy=remedy)

    def _execute(self, query: exp.Select, parameters: Mapping[str, object] | None = None) -> duckdb.DuckDBPyConnection:
        """Run a query over the files, beside those whose rows are still to be read."""
        with without_pandas():
            return self._database.cursor().execute(query.sql("duckdb"), {_FILES: self.files, **(parameters or {})})

    @cached_property
    def _database(self) -> duckdb.DuckDBPyConnection:
        database = duckdb.connect()
        # Not as an option of connect(): there it would look for an extension that is built in.
        database.execute("SET GLOBAL TimeZone = 'UTC'")
        # Others would read ahead of Python, which cannot keep up, and spin until it has.
        database.execute("SET threads = 1")
        return database


# By name: exports of different years may order their columns differently.
_TABLE = exp.func(
    "read_parquet",
    exp.Parameter(this=exp.var(_FILES)),
    exp.PropertyEQ(this=exp.var("union_by_name"), expression=exp.true()),
)


def _column(name: str) -> exp.Column:
    return exp.column(exp.to_identifier(name, quoted=True))


def _read_schema(file: str) -> dict[str, pa.DataType]:
    """The types of the file's leaves by their dotted paths."""
    try:
        return dict(_flatten(pq.read_schema(file)))
    except pa.ArrowInvalid as error:
        what = f"{file} is not a Parquet file: {error}"
        raise SourceError(
            what, remedy="Remove it from `parquet_path` of [sources.pypi], or export it again."
        ) from error


def _flatten(fields: pa.Schema | pa.StructType, prefix: str = "") -> Iterator[tuple[str, pa.DataType]]:
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
