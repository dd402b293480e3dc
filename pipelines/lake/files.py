"""What a lake's files hold."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.pypi.columns import COMMITTED_DAYS_SCHEMA, LEAVES, QUARANTINE_SCHEMA, ROW_SCHEMA
from pipelines.pypi.days import CommittedDay

BATCH_ROWS = 122_880
"""Rows of a row group: enough for good compression, few enough to read a part of a file."""
_KEY = b"place"

DOWNLOADS_SCHEMA = pa.schema([ROW_SCHEMA.field(leaf.column) for leaf in LEAVES])
"""`file_downloads`: the contract's leaves. The day is in the path, of which readers make a column."""

BROKEN_SCHEMA = pa.schema([QUARANTINE_SCHEMA.field(name) for name in ("project", "reason", "content")])
"""`quarantine`: the rows that broke the contract."""

MANIFEST_SCHEMA = COMMITTED_DAYS_SCHEMA
"""`manifest`: the days that are complete, as the warehouse had committed them when it wrote them."""


def key_of(day: CommittedDay) -> str:
    """The key of a day's files, the same in each table: their path in it, in Hive's form, without a suffix."""
    return f"day={day.day}/{day.project}"


@dataclass(frozen=True)
class ParquetFile:
    """A file to write: its table, its key, and its rows, which are read when it is written."""

    table: str
    key: str
    schema: pa.Schema
    rows: Iterator[pa.RecordBatch]

    def write(self, path: Path) -> int:
        """Write it at `path`, in batches; return the number of its rows."""
        count = 0
        with pq.ParquetWriter(path, self.schema, compression="zstd") as writer:
            for batch in self.rows:
                writer.write_table(pa.Table.from_batches([batch]).cast(self.schema))
                count += batch.num_rows
            writer.add_key_value_metadata({_KEY: self.key})
        return count


def read_key(path: Path) -> str:
    """The key of a file that `ParquetFile.write` has written."""
    return str(pq.read_metadata(path).metadata[_KEY].decode())
