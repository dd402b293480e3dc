"""The files of a lake: their schemas and their keys."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.pypi.columns import COMMITTED_DAYS_SCHEMA, LEAVES, QUARANTINE_SCHEMA, ROW_SCHEMA
from pipelines.pypi.days import CommittedDay

BATCH_ROWS = 122_880
"""Rows of a row group: enough for good compression, few enough to read a part of a file."""
_KEY_METADATA = b"key"
"""The entry of a file's Parquet metadata that holds its key."""

DOWNLOADS_SCHEMA = pa.schema([ROW_SCHEMA.field(leaf.column) for leaf in LEAVES])
"""`file_downloads`: the contract's leaves. The day is in the path, from which readers derive a column."""

FAILED_ROWS_SCHEMA = pa.schema([QUARANTINE_SCHEMA.field(name) for name in ("project", "reason", "content")])
"""`quarantine`: the rows that failed the contract."""

MANIFEST_SCHEMA = COMMITTED_DAYS_SCHEMA
"""`manifest`: the complete days, as the warehouse had committed them when they were written."""


def key_of(day: CommittedDay) -> str:
    """The key of a day's files in each table: their path below the table's folder, in Hive's form, without suffix."""
    return f"day={day.day}/{day.project}"


@dataclass(frozen=True)
class ParquetFile:
    """A file to write; its `rows` are read only while it is written."""

    table: str
    key: str
    schema: pa.Schema
    rows: Iterator[pa.RecordBatch]

    def write(self, path: Path) -> int:
        """Write the file to `path` in batches; return its number of rows."""
        count = 0
        with pq.ParquetWriter(path, self.schema, compression="zstd") as writer:
            for batch in self.rows:
                writer.write_table(pa.Table.from_batches([batch]).cast(self.schema))
                count += batch.num_rows
            writer.add_key_value_metadata({_KEY_METADATA: self.key})
        return count


def read_key(path: Path) -> str:
    """The key of a file that `ParquetFile.write` has written."""
    return str(pq.read_metadata(path).metadata[_KEY_METADATA].decode())
