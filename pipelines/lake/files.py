"""The files of a lake: their schemas and their keys."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.pypi.columns import COMMITTED_DAYS_SCHEMA, GRAINS, QUARANTINE_SCHEMA
from pipelines.pypi.days import CommittedDay

BATCH_ROWS = 122_880
"""Rows of a row group: enough for good compression, few enough to read a part of a file."""
_KEY_METADATA = b"key"
"""The entry of a file's Parquet metadata that holds its key."""

QUARANTINE = "quarantine"
DOWNLOADS = tuple(grain.table for grain in GRAINS.values())
"""The tables of downloads, one for each grain: a day is in one of them."""
SCHEMAS: dict[str, pa.Schema] = {
    **{
        grain.table: pa.schema([grain.row_schema.field(leaf.column) for leaf in grain.leaves if leaf.column != "day"])
        for grain in GRAINS.values()
    },
    QUARANTINE: pa.schema([QUARANTINE_SCHEMA.field(name) for name in ("project", "reason", "content", "log_rows")]),
}
"""The columns of the files by day: the contract's leaves, or the rows that failed it.

The day is in the path, from which readers derive a column."""

MANIFEST_SCHEMA = COMMITTED_DAYS_SCHEMA
"""`manifest`: the complete days, as the warehouse had committed them when they were written."""


def key_of(day: CommittedDay) -> str:
    """The key of a day's files in each table: their path below the table's folder, in Hive's form, without suffix."""
    return f"day={day.day}/{day.project}"


def table_of(day: CommittedDay) -> str:
    """The table that has the downloads of the day."""
    return GRAINS[day.grain].table


@dataclass(frozen=True)
class ParquetFile:
    """A file to write; its `rows` are read only while it is written."""

    table: str
    key: str
    schema: pa.Schema
    rows: Iterator[pa.RecordBatch]

    def write(self, path: Path) -> int:
        """Write the file to `path` in batches; return the number of rows of the log that it stands for."""
        count = 0
        with pq.ParquetWriter(path, self.schema, compression="zstd") as writer:
            for batch in self.rows:
                rows = pa.Table.from_batches([batch]).cast(self.schema)
                writer.write_table(rows)
                count += count_log_rows(rows)
            writer.add_key_value_metadata({_KEY_METADATA: self.key})
        return count


def count_log_rows(rows: pa.Table) -> int:
    """The number of rows of the log that the rows stand for: one each, where they do not say."""
    if "log_rows" not in rows.column_names:
        return int(rows.num_rows)
    import pyarrow.compute as pc

    return int(pc.sum(pc.coalesce(rows.column("log_rows"), 1)).as_py() or 0)


def read_key(path: Path) -> str:
    """The key of a file that `ParquetFile.write` has written."""
    return str(pq.read_metadata(path).metadata[_KEY_METADATA].decode())
