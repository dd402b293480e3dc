"""What a lake's files hold."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.pypi.columns import LEAVES, QUARANTINE_SCHEMA, ROW_SCHEMA

BATCH_ROWS = 122_880
"""Rows of a row group: enough for good compression, few enough to read a part of a file."""
_PLACE = b"place"

DOWNLOADS_SCHEMA = pa.schema([ROW_SCHEMA.field(leaf.column) for leaf in LEAVES])
"""`file_downloads`: the contract's leaves. The day is in the path, of which readers make a column."""

BROKEN_SCHEMA = pa.schema([QUARANTINE_SCHEMA.field(name) for name in ("project", "reason", "content")])
"""`quarantine`: the rows that broke the contract."""

MANIFEST_SCHEMA = pa.schema(
    [
        pa.field("project", pa.string(), nullable=False),
        pa.field("day", pa.date32(), nullable=False),
        pa.field("accepted", pa.int64(), nullable=False),
        pa.field("quarantined", pa.int64(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("load_id", pa.string(), nullable=False),
    ]
)
"""`manifest`: the days that are complete, their rows of each kind, whence they came, and which load they are of."""


@dataclass(frozen=True)
class Day:
    """A project's day as a load of the warehouse has left it, with its numbers of rows."""

    project: str
    day: date
    accepted: int
    quarantined: int
    origin: str
    load_id: str

    @property
    def place(self) -> str:
        """Where its files are in their tables, in Hive's form."""
        return f"day={self.day}/{self.project}"


@dataclass(frozen=True)
class File:
    """A file to be: its table, its place in it, and its rows, which are read when it is written."""

    table: str
    place: str
    schema: pa.Schema
    rows: Iterator[pa.RecordBatch]

    def write(self, path: Path) -> int:
        """Write it at `path`, in batches; return the number of its rows."""
        count = 0
        with pq.ParquetWriter(path, self.schema, compression="zstd") as writer:
            for batch in self.rows:
                writer.write_table(pa.Table.from_batches([batch]).cast(self.schema))
                count += batch.num_rows
            writer.add_key_value_metadata({_PLACE: self.place})
        return count


def place_of(path: Path) -> str:
    """The place that a written file is meant for."""
    return str(pq.read_metadata(path).metadata[_PLACE].decode())
