"""Fills lakes with the days that the warehouse has committed: BigQuery is asked, and billed, once."""

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import pyarrow as pa
from duckdb import DuckDBPyConnection

from pipelines.errors import LakeError, LakeOutageError, WarehouseError
from pipelines.lake import DOWNLOADS, QUARANTINE, Lake
from pipelines.lake.files import BATCH_ROWS, BROKEN_SCHEMA, DOWNLOADS_SCHEMA, Day, File
from pipelines.warehouse import COMMITTED_DAYS, DATASET, Warehouse

CHUNK_ROWS, CHUNK_DAYS = 2_000_000, 500
"""What is written before the manifest is: it bounds the disk that a load package takes, and what a kill costs."""

_LATEST = f"""
    SELECT project, day, MAX_BY(accepted, _dlt_load_id), MAX_BY(quarantined, _dlt_load_id),
        MAX_BY(origin, _dlt_load_id), MAX(_dlt_load_id)
    FROM ({COMMITTED_DAYS}) GROUP BY project, day ORDER BY day, project
"""

OnDays = Callable[[str], None]


def fill(lake: Lake, warehouse: Warehouse, on_days: OnDays = lambda _days: None) -> int:
    """Write the days of the warehouse that the lake lacks or has from another load; return how many.

    The lake's manifest is what the lake has acknowledged, so an outage leaves nothing but days that are still to write.
    Days that only the lake has are left alone.

    Raises:
        LakeError: the lake cannot be written; the next call goes on where this one ended.
        WarehouseError: the warehouse has not the rows that it has counted.

    """
    complete = {day.place: day for day in lake.manifest()}
    loaded = loaded_days(warehouse)
    refuse_mixing(lake, [*complete.values(), *loaded])
    pending = [day for day in loaded if complete.get(day.place) != day]
    if not pending:
        return 0
    stale = [complete.pop(day.place, None) for day in pending]
    if any(stale):
        # While a day is replaced, it is not counted as complete.
        lake.publish(complete.values(), warehouse.ledger())
    broken = set(lake.places(QUARANTINE))
    done = 0
    for days in _chunks(pending):
        _write(lake, warehouse, days, broken)
        complete |= {day.place: day for day in days}
        lake.publish(complete.values(), warehouse.ledger())
        done += len(days)
        on_days(f"{done} of {len(pending)} days")
    return done


def require_fillable(lake: Lake, warehouse: Warehouse) -> None:
    """Raise `LakeError` where the settings are wrong about the lake, before a load is billed; an outage is no error."""
    try:
        lake.require_reachable()
        held = lake.manifest()
    except LakeOutageError:
        return
    loaded = loaded_days(warehouse)
    refuse_mixing(lake, [*held, *loaded])
    if held and not loaded:
        what = f"The lake {lake.name!r} holds {len(held):,} days, and the warehouse none: loading may bill them again."
        remedy = (
            f"`just rebuild --from {lake.name}` loads them from the lake. For a new start, set another `bucket_url`."
        )
        raise LakeError(what, remedy=remedy)


def refuse_mixing(lake: Lake, days: Sequence[Day]) -> None:
    """Demo data is never kept beside real downloads."""
    origins = {day.origin for day in days}
    if "demo" in origins and len(origins) > 1:
        what = (
            f"The lake {lake.name!r} and the warehouse do not hold the same kind of data: {', '.join(sorted(origins))}."
        )
        remedy = f"Set `bucket_url` of [destination.{lake.name}] to another folder or bucket."
        raise LakeError(what, remedy=remedy)


def forget(project: str, lake: Lake, warehouse: Warehouse) -> None:
    """Remove all of a project, first from the manifest.

    Raises:
        LakeError: the lake cannot be written; the same call does the rest.

    """
    held = lake.manifest()
    left = [day for day in held if day.project != project]
    if left != held:
        lake.publish(left, warehouse.ledger())
    for table in (DOWNLOADS, QUARANTINE):
        lake.remove(table, f"day=*/{project}")


def loaded_days(warehouse: Warehouse) -> list[Day]:
    """The warehouse's days, each as the latest committed load has left it."""
    return [Day(*row) for row in warehouse.query(_LATEST)]


def _write(lake: Lake, warehouse: Warehouse, days: Sequence[Day], broken: set[str]) -> None:
    """Write the days' files, also those of days without rows: an earlier one may lie there."""
    with warehouse.client() as client:
        connection = cast("DuckDBPyConnection", client.native_connection)
        written = lake.write(
            [
                *(File(DOWNLOADS, day.place, DOWNLOADS_SCHEMA, _rows(connection, DOWNLOADS, day)) for day in days),
                *(
                    File(QUARANTINE, day.place, BROKEN_SCHEMA, _rows(connection, QUARANTINE, day))
                    for day in days
                    if day.quarantined or day.place in broken
                ),
            ]
        )
    for day in days:
        for table, expected in ((DOWNLOADS, day.accepted), (QUARANTINE, day.quarantined)):
            found = written.get(f"{table}/{day.place}", 0)
            if found != expected:
                what = f"raw.{table} has {found:,} rows of {day.project} on {day.day}; its load counted {expected:,}."
                raise WarehouseError(what, remedy="Something else has written it: `just backfill` loads the day again.")


def _rows(connection: DuckDBPyConnection, table: str, day: Day) -> Iterator[pa.RecordBatch]:
    schema = DOWNLOADS_SCHEMA if table == DOWNLOADS else BROKEN_SCHEMA
    columns = ", ".join(f'"{name}"' for name in schema.names)
    sql = f"SELECT {columns} FROM {DATASET}.{table} WHERE project = ? AND day = ?"
    yield from connection.execute(sql, [day.project, day.day]).to_arrow_reader(BATCH_ROWS)


def _chunks(days: Sequence[Day]) -> Iterator[list[Day]]:
    chunk: list[Day] = []
    rows = 0
    for day in days:
        if chunk and (len(chunk) == CHUNK_DAYS or rows + day.accepted > CHUNK_ROWS):
            yield chunk
            chunk, rows = [], 0
        chunk.append(day)
        rows += day.accepted
    yield chunk
