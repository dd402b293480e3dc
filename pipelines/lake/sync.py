"""Syncs lakes with the committed days of the warehouse, so that BigQuery bills a day only once."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date

import pyarrow as pa
from duckdb import DuckDBPyConnection

from pipelines.errors import LakeError, LakeOutageError, WarehouseError
from pipelines.lake import Lake
from pipelines.lake.files import BATCH_ROWS, DOWNLOADS, QUARANTINE, SCHEMAS, ParquetFile, key_of, table_of
from pipelines.load.recovery import finish_pending
from pipelines.pypi.days import CommittedDay
from pipelines.warehouse import DATASET, Warehouse, bookkeeping
from pipelines.warehouse.releases import copy_releases

MAX_CHUNK_ROWS, MAX_CHUNK_DAYS = 2_000_000, 500
"""The most that is written between two manifests: it bounds the disk space of a load package, and the work that is lost
when the process dies."""

OnDays = Callable[[str], None]


def sync_lake(lake: Lake, warehouse: Warehouse, on_days: OnDays = lambda _days: None) -> int:
    """Write the days of the warehouse that the lake lacks or has from another load; return their number.

    The manifest lists the complete days, so the first sync after an outage writes the days that are missing. Days that
    only the lake has are kept.

    Raises:
        LakeError: the lake cannot be written; the next call continues where this one ended.
        WarehouseError: the warehouse lacks rows that its load counted.

    """
    complete = {key_of(day): day for day in lake.manifest()}
    loaded = bookkeeping.committed_days(warehouse)
    require_same_origin(lake, [*complete.values(), *loaded])
    pending = [day for day in loaded if complete.get(key_of(day)) != day]
    if not pending:
        if _release_digests(lake.releases()) != _release_digests(copy_releases(warehouse)):
            _publish(lake, complete.values(), warehouse)
        return 0
    stale = [complete.pop(key_of(day), None) for day in pending]
    if any(stale):
        # A day is not listed as complete while it is replaced.
        _publish(lake, complete.values(), warehouse)
    present = {table: set(lake.keys(table)) for table in SCHEMAS}
    done = 0
    for days in _chunks(pending):
        _write(lake, warehouse, days, present[QUARANTINE])
        for day in days:
            for table in DOWNLOADS:
                if table != table_of(day) and key_of(day) in present[table]:
                    lake.remove(table, key_of(day))
        complete |= {key_of(day): day for day in days}
        _publish(lake, complete.values(), warehouse)
        done += len(days)
        on_days(f"{done} of {len(pending)} days")
    return done


def rewrite_lake(lake: Lake, warehouse: Warehouse) -> int:
    """Write all days of the warehouse again, and remove all other days from the lake; return the number of days.

    Raises:
        LakeError: the lake cannot be written; the next run continues where this one ended.
        WarehouseError: the warehouse is empty, and the lake might be the only copy.

    """
    finish_pending(warehouse)
    committed = bookkeeping.committed_days(warehouse)
    if not committed:
        what = f"The warehouse holds no loaded day: the lake {lake.name!r} would be emptied."
        raise WarehouseError(what, remedy=f"`just restore {lake.name}` loads the warehouse from the lake.")
    _publish(lake, [], warehouse)
    days = sync_lake(lake, warehouse)
    for table in SCHEMAS:
        kept = {key_of(day) for day in committed if table in (QUARANTINE, table_of(day))}
        lake.remove(table, "day=*/*", keep=kept)
    return days


def check_lake(lake: Lake, warehouse: Warehouse) -> None:
    """Raise `LakeError` if the lake's settings are wrong, before a load is billed; an outage is no error."""
    try:
        lake.require_reachable()
        held = lake.manifest()
    except LakeOutageError:
        return
    loaded = bookkeeping.committed_days(warehouse)
    require_same_origin(lake, [*held, *loaded])
    if held and not loaded:
        of = " of demo data" if any(day.origin == "demo" for day in held) else ""
        what = f"The lake {lake.name!r} holds {len(held):,} days{of}, and the warehouse none"
        if of:
            remedy = f"For real downloads set another `bucket_url` of [destination.{lake.name}], or empty the lake."
            raise LakeError(f"{what}.", remedy=f"{remedy} `just restore {lake.name}` loads the demo data again.")
        what += ": loading may bill them again."
        remedy = f"`just restore {lake.name}` loads them from the lake. To start over, set another `bucket_url`."
        raise LakeError(what, remedy=remedy)


def require_same_origin(lake: Lake, days: Sequence[CommittedDay]) -> None:
    """Raise `LakeError` if demo data and real downloads would be mixed in the `days` of lake and warehouse."""
    origins = {day.origin for day in days}
    if "demo" in origins and len(origins) > 1:
        what = (
            f"The lake {lake.name!r} and the warehouse do not hold the same kind of data: {', '.join(sorted(origins))}."
        )
        remedy = f"Set `bucket_url` of [destination.{lake.name}] to another folder or bucket."
        raise LakeError(what, remedy=remedy)


def forget_in_lake(projects: Collection[str], lake: Lake, warehouse: Warehouse, start: date = date.min) -> None:
    """Remove all days of the projects from `start` on, first from the manifest.

    Raises:
        LakeError: the lake cannot be written; calling it again does the rest.

    """
    held = lake.manifest()
    left = [day for day in held if day.project not in projects or day.day < start]
    releases = lake.releases() if start == date.min else None
    if releases:
        import pyarrow.compute as pc

        releases = releases.filter(pc.invert(pc.is_in(releases.column("project"), pa.array(projects))))
    if left != held or releases is not None:
        lake.publish(left, bookkeeping.read_ledger(warehouse), releases)
    for table in SCHEMAS:
        for project in projects:
            kept = {key_of(day) for day in left if day.project == project}
            lake.remove(table, f"day=*/{project}", keep=kept)


def _publish(lake: Lake, days: Collection[CommittedDay], warehouse: Warehouse) -> None:
    """Replace the manifest and the copies, of the releases only where the warehouse knows some."""
    lake.publish(days, bookkeeping.read_ledger(warehouse), copy_releases(warehouse) or None)


def _release_digests(copy: pa.Table | None) -> set[tuple[str, str]]:
    """What a copy of the releases has of each project; when the index has confirmed it is no change."""
    return set(zip(*(copy.column(name).to_pylist() for name in ("project", "digest")), strict=True)) if copy else set()


def _write(lake: Lake, warehouse: Warehouse, days: Sequence[CommittedDay], quarantine_keys: set[str]) -> None:
    """Write the files of the days, also of days without rows, where an earlier file may exist."""
    with warehouse.connection() as connection:
        written = lake.write(
            [
                *(_file(connection, table_of(day), day) for day in days),
                *(
                    _file(connection, QUARANTINE, day)
                    for day in days
                    if day.quarantined or key_of(day) in quarantine_keys
                ),
            ]
        )
    for day in days:
        for table, expected in ((table_of(day), day.accepted), (QUARANTINE, day.quarantined)):
            found = written.get(f"{table}/{key_of(day)}", 0)
            if found != expected:
                what = f"raw.{table} has {found:,} rows of {day.project} on {day.day}; its load counted {expected:,}."
                remedy = "Another program has changed the table: `just backfill` loads the day again."
                raise WarehouseError(what, remedy=remedy)


def _file(connection: DuckDBPyConnection, table: str, day: CommittedDay) -> ParquetFile:
    return ParquetFile(table, key_of(day), SCHEMAS[table], _rows(connection, table, day))


def _rows(connection: DuckDBPyConnection, table: str, day: CommittedDay) -> Iterator[pa.RecordBatch]:
    present = {name for name, *_ in connection.execute(f"DESCRIBE {DATASET}.{table}").fetchall()}
    # A field that the contract has gained has no column before the next load; those fields are texts.
    columns = ", ".join(f'"{name}"' if name in present else f'NULL::TEXT AS "{name}"' for name in SCHEMAS[table].names)
    sql = f"SELECT {columns} FROM {DATASET}.{table} WHERE project = ? AND day = ?"
    yield from connection.execute(sql, [day.project, day.day]).to_arrow_reader(BATCH_ROWS)


def _chunks(days: Sequence[CommittedDay]) -> Iterator[list[CommittedDay]]:
    chunk: list[CommittedDay] = []
    rows = 0
    for day in days:
        if chunk and (len(chunk) == MAX_CHUNK_DAYS or rows + day.accepted > MAX_CHUNK_ROWS):
            yield chunk
            chunk, rows = [], 0
        chunk.append(day)
        rows += day.accepted
    yield chunk
