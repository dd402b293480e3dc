"""A lake under test, read by what other people use: nothing of the project's own."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds

from pipelines.lake import Lake
from pipelines.lake.settings import resolve_lakes
from pipelines.lake.sync import sync_lake
from pipelines.pypi import columns
from pipelines.warehouse import bookkeeping
from tests.support.installation import Installation, Row

COLUMNS = ", ".join(["day", *(f'"{leaf.column}"' for leaf in columns.ROWS.leaves)])
ROWS = f"SELECT {COLUMNS} FROM raw.file_downloads ORDER BY ALL"
BROKEN = "SELECT day, project, reason, content FROM raw.quarantine ORDER BY ALL"
HIVE = ds.partitioning(pa.schema([("day", pa.date32())]), flavor="hive")


def open_lake(project: Installation) -> Lake:
    """The one lake of the environment."""
    with project.warehouse() as warehouse:
        [lake] = resolve_lakes(warehouse)
        return lake


def folder_of(lake: Lake, table: str) -> str:
    """The table's folder, as the lake's store takes it."""
    return lake.path(table, "x").removesuffix("/x.parquet")


def fill_lake(project: Installation) -> int:
    """The number of days that were written."""
    with project.warehouse() as warehouse:
        return sync_lake(open_lake(project), warehouse)


def assert_agree(project: Installation) -> None:
    """The lake has the rows of the warehouse, broken ones too, and its manifest what the warehouse has counted."""
    lake = open_lake(project)
    assert project.query(ROWS) == read_by_duckdb(lake)
    broken = read_by_duckdb(lake, "quarantine", "day, project, reason, content") if lake.keys("quarantine") else []
    assert project.query(BROKEN) == broken
    with project.warehouse() as warehouse:
        assert bookkeeping.committed_days(warehouse) == sorted(lake.manifest(), key=lambda day: (day.day, day.project))


def read_by_duckdb(lake: Lake, table: str = "file_downloads", columns: str = COLUMNS) -> list[Row]:
    """Sorted rows of the table, by DuckDB over fsspec."""
    with lake_reader(lake, table) as (connection, rows):
        return connection.execute(f"SELECT {columns} FROM {rows} ORDER BY ALL").fetchall()


@contextmanager
def lake_reader(lake: Lake, table: str = "file_downloads") -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """A DuckDB that reads the lake over fsspec, and the table as it stands in FROM."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register_filesystem(lake.store)
        pattern = f"{lake.store.unstrip_protocol(folder_of(lake, table))}/*/*.parquet"
        yield connection, f"read_parquet('{pattern}', hive_partitioning = true)"


def read_by_pyarrow(lake: Lake) -> list[Row]:
    """Sorted rows of the downloads, by PyArrow."""
    dataset = ds.dataset(folder_of(lake, "file_downloads"), filesystem=lake.store, partitioning=HIVE, format="parquet")
    return _sorted(dataset.to_table())


def read_by_polars(lake: Lake, **storage: str) -> list[Row]:
    """Sorted rows of the downloads, by Polars' own reader."""
    url = lake.store.unstrip_protocol(folder_of(lake, "file_downloads")).removeprefix("file://")
    # In a process of its own: a thread of Polars that outlives the read has crashed processes of the tests.
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return _sorted(process.submit(scan_by_polars, f"{url}/*/*.parquet", storage).result())


def scan_by_polars(pattern: str, storage: dict[str, str]) -> pa.Table:
    """The rows of a lake's files, with the columns of their folders."""
    return pl.scan_parquet(pattern, hive_partitioning=True, storage_options=storage or None).collect().to_arrow()


def _sorted(rows: pa.Table) -> list[Row]:  # noqa: ARG001 - DuckDB finds it by its name
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(f"SELECT {COLUMNS} FROM rows ORDER BY ALL").fetchall()
