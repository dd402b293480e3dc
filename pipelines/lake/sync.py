"""Syncs lakes with the days that the warehouse has committed: BigQuery is asked, and billed, once."""

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
from duckdb import DuckDBPyConnection

from pipelines.errors import LakeError, LakeOutageError, WarehouseError
from pipelines.lake import DOWNLOADS, QUARANTINE, Lake
from pipelines.lake.files import BATCH_ROWS, BROKEN_SCHEMA, DOWNLOADS_SCHEMA, ParquetFile, key_of
from pipelines.load.recovery import finish_pending
from pipelines.pypi.days import CommittedDay
from pipelines.warehouse import DATASET, Warehouse, bookkeeping

CHUNK_ROWS, CHUNK_DAYS = 2_000_000, 500
"""What is written before the manifest is: it bounds the disk that a load package takes, and what a kill costs."""

OnDays = Callable[[str], None]


def sync_lake(lake: Lake, warehouse: Warehouse, on_days: OnDays = lambda _days: None) -> int:
    """Write the days of the warehouse that the lake lacks or has from another load; return how many.

    The manifest records what the lake has, so an outage leaves nothing but days that are still to write. Days that only
    the lake has are left alone.

    Raises:
        LakeError: the lake cannot be written; the next call goes on where this one ended.
        WarehouseError: the warehouse lacks rows that its load counted.

    """
    complete = {key_of(day): day for day in lake.manifest()}
    loaded = bookkeeping.committed_days(warehouse)
    refuse_mixing(lake, [*complete.values(), *loaded])
    pending = [day for day in loaded if complete.get(key_of(day)) != day]
    if not pending:
        return 0
    stale = [complete.pop(key_of(day), None) for day in pending]
    if any(stale):
        # While a day is replaced, it is not counted as complete.
        lake.publish(complete.values(), bookkeeping.read_ledger(warehouse))
    broken = set(lake.keys(QUARANTINE))
    done = 0
    for days in _chunks(pending):
        _write(lake, warehouse, days, broken)
        complete |= {key_of(day): day for day in days}
        lake.publish(complete.values(), bookkeeping.read_ledger(warehouse))
        done += len(days)
        on_days(f"{done} of {len(pending)} days")
    return done


def rewrite_lake(lake: Lake, warehouse: Warehouse) -> int:
    """Write all days of the warehouse again, and remove everything else from the lake; return how many days.

    Raises:
        LakeError: the lake cannot be written; the next run goes on where this one ended.
        WarehouseError: the warehouse holds nothing, and the lake might be all that is left.

    """
    finish_pending(warehouse)
    kept = {key_of(day) for day in bookkeeping.committed_days(warehouse)}
    if not kept:
        what = f"The warehouse holds no loaded day: the lake {lake.name!r} would be emptied."
        raise WarehouseError(what, remedy=f"`just restore {lake.name}` loads the warehouse from the lake.")
    lake.publish([], bookkeeping.read_ledger(warehouse))
    days = sync_lake(lake, warehouse)
    for table in (DOWNLOADS, QUARANTINE):
        lake.remove(table, "day=*/*", keep=kept)
    return days


def check_lake(lake: Lake, warehouse: Warehouse) -> None:
    """Raise `LakeError` where the settings are wrong about the lake, before a load is billed; an outage is no error."""
    try:
        lake.require_reachable()
        held = lake.manifest()
    except LakeOutageError:
        return
    loaded = bookkeeping.committed_days(warehouse)
    refuse_mixing(lake, [*held, *loaded])
    if held and not loaded:
        what = f"The lake {lake.name!r} holds {len(held):,} days, and the warehouse none: loading may bill them again."
        remedy = f"`just restore {lake.name}` loads them from the lake. For a new start, set another `bucket_url`."
        raise LakeError(what, remedy=remedy)


def refuse_mixing(lake: Lake, days: Sequence[CommittedDay]) -> None:
    """Demo data is never kept beside real downloads."""
    origins = {day.origin for day in days}
    if "demo" in origins and len(origins) > 1:
        what = (
            f"The lake {lake.name!r} and the warehouse do not hold the same kind of data: {', '.join(sorted(origins))}."
        )
        remedy = f"Set `bucket_url` of [destination.{lake.name}] to another folder or bucket."
        raise LakeError(what, remedy=remedy)


def forget_in_lake(project: str, lake: Lake, warehouse: Warehouse) -> None:
    """Remove all of a project, first from the manifest.

    Raises:
        LakeError: the lake cannot be written; the same call does the rest.

    """
    held = lake.manifest()
    left = [day for day in held if day.project != project]
    if left != held:
        lake.publish(left, bookkeeping.read_ledger(warehouse))
    for table in (DOWNLOADS, QUARANTINE):
        lake.remove(table, f"day=*/{project}")


def _write(lake: Lake, warehouse: Warehouse, days: Sequence[CommittedDay], broken: set[str]) -> None:
    """Write the days' files, also those of days without rows: an earlier one may lie there."""
    with warehouse.connection() as connection:
        written = lake.write(
            [
                *(
                    ParquetFile(DOWNLOADS, key_of(day), DOWNLOADS_SCHEMA, _rows(connection, DOWNLOADS, day))
                    for day in days
                ),
                *(
                    ParquetFile(QUARANTINE, key_of(day), BROKEN_SCHEMA, _rows(connection, QUARANTINE, day))
                    for day in days
                    if day.quarantined or key_of(day) in broken
                ),
            ]
        )
    for day in days:
        for table, expected in ((DOWNLOADS, day.accepted), (QUARANTINE, day.quarantined)):
            found = written.get(f"{table}/{key_of(day)}", 0)
            if found != expected:
                what = f"raw.{table} has {found:,} rows of {day.project} on {day.day}; its load counted {expected:,}."
                raise WarehouseError(what, remedy="Something else has written it: `just backfill` loads the day again.")


def _rows(connection: DuckDBPyConnection, table: str, day: CommittedDay) -> Iterator[pa.RecordBatch]:
    schema = DOWNLOADS_SCHEMA if table == DOWNLOADS else BROKEN_SCHEMA
    columns = ", ".join(f'"{name}"' for name in schema.names)
    sql = f"SELECT {columns} FROM {DATASET}.{table} WHERE project = ? AND day = ?"
    yield from connection.execute(sql, [day.project, day.day]).to_arrow_reader(BATCH_ROWS)


def _chunks(days: Sequence[CommittedDay]) -> Iterator[list[CommittedDay]]:
    chunk: list[CommittedDay] = []
    rows = 0
    for day in days:
        if chunk and (len(chunk) == CHUNK_DAYS or rows + day.accepted > CHUNK_ROWS):
            yield chunk
            chunk, rows = [], 0
        chunk.append(day)
        rows += day.accepted
    yield chunk
