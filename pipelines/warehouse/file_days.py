"""`raw.upstream_files`: what each Parquet file upstream holds by project and day, and which days come from it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import pyarrow as pa

from pipelines.pypi.files import FileDay, SourceFile
from pipelines.warehouse import DATASET, Warehouse, bookkeeping

_SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("size", pa.int64()),
        ("modified", pa.int64()),
        ("digest", pa.string()),
        ("project", pa.string()),
        ("spelling", pa.string()),
        ("timestamp_day", pa.date32()),
        ("row_count", pa.int64()),
        ("loaded_day", pa.date32()),
    ]
)


class FileRecord(NamedTuple):
    """The files of a project when it was last loaded: what they held, and those that each day was loaded from."""

    known: list[FileDay]
    sources: dict[date, list[FileDay]]


def read_file_record(warehouse: Warehouse, project: str) -> FileRecord:
    """The record of a project; an empty one before its first load from files."""
    record = FileRecord([], {})
    for path, size, modified, digest, *entry, loaded_day in _rows(warehouse, project):
        held = FileDay(SourceFile(path, size, modified, digest), *entry)
        record.known.append(held)
        if loaded_day:
            record.sources.setdefault(loaded_day, []).append(held)
    return record


def write_file_record(
    warehouse: Warehouse, project: str, found: Iterable[FileDay], sources: Mapping[date, Sequence[FileDay]]
) -> None:
    """Record the files that were `found`, and the `sources` of each loaded day, which may be gone by now."""
    loaded = {entry: day for day, entries in sources.items() for entry in entries}
    rows = sorted(
        (
            (*vars(entry.file).values(), entry.project, entry.spelling, entry.day, entry.rows, loaded.get(entry))
            for entry in {*found, *loaded}
        ),
        key=str,
    )
    if rows == sorted(_rows(warehouse, project), key=str):
        return
    table = pa.table([*map(list, zip(*rows, strict=True))], schema=_SCHEMA)
    bookkeeping.ensure_tables(warehouse)
    with warehouse.transaction() as client:
        client.execute_sql(f"DELETE FROM {DATASET}.upstream_files WHERE project = ?", project)
        connection = client.native_connection
        connection.register("found_files", table)
        connection.execute(f"INSERT INTO {DATASET}.upstream_files BY NAME FROM found_files")
        connection.unregister("found_files")


def _rows(warehouse: Warehouse, project: str) -> list[tuple[Any, ...]]:
    columns = ", ".join(_SCHEMA.names)
    return warehouse.query(f"SELECT {columns} FROM upstream_files WHERE project = ?", project)
