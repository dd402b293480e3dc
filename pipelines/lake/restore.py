"""Loads the warehouse from a lake; BigQuery is not asked."""

from dataclasses import replace

from pipelines.errors import LakeError
from pipelines.lake import Lake
from pipelines.lake.files import key_of
from pipelines.lake.reader import LakeReader
from pipelines.lake.sync import refuse_mixing
from pipelines.load import load_windows
from pipelines.load.recovery import finish_pending
from pipelines.pypi.days import CommittedDay
from pipelines.pypi.source import OnRows
from pipelines.warehouse import Warehouse, bookkeeping


def restore_warehouse(warehouse: Warehouse, lake: Lake, on_rows: OnRows = lambda _window, _rows: None) -> int:
    """Load the days that the warehouse lacks, or has from an earlier load than the lake; return how many.

    Days that the warehouse has from a later load are left alone: the lake is still to get them.

    Raises:
        LakeError: the lake cannot be read, holds nothing, or not what its manifest says.
        WarehouseError: the warehouse cannot be written.

    """
    held = lake.manifest()
    if not held:
        what = f"The lake {lake.name!r} holds no complete day: there is no manifest in it."
        raise LakeError(what, remedy=f"Check `bucket_url` of [destination.{lake.name}].")
    finish_pending(warehouse)
    loaded = {key_of(day): day for day in bookkeeping.committed_days(warehouse)}
    refuse_mixing(lake, [*held, *loaded.values()])
    wanted = [day for day in held if key_of(day) not in loaded or loaded[key_of(day)].load_id < day.load_id]
    for origin in sorted({day.origin for day in wanted}):
        reader = LakeReader(lake, wanted, origin)
        # What was tolerated once is so now.
        load_windows(reader.windows, reader, warehouse, tolerance=1.0, on_rows=on_rows)
    bookkeeping.require_exact(warehouse)
    bookkeeping.restore_ledger(warehouse, lake.ledger())
    if wanted:
        _acknowledge(lake, warehouse)
    return len(wanted)


def _acknowledge(lake: Lake, warehouse: Warehouse) -> None:
    """Let the manifest name the loads that the lake's days have now, or the next run would write them all again."""
    loaded = {key_of(day): day for day in bookkeeping.committed_days(warehouse)}
    lake.publish(
        [_acknowledged(day, loaded.get(key_of(day))) for day in lake.manifest()], bookkeeping.read_ledger(warehouse)
    )


def _acknowledged(held: CommittedDay, loaded: CommittedDay | None) -> CommittedDay:
    """What was loaded, if it is what the lake has."""
    return loaded if loaded and replace(held, load_id=loaded.load_id) == loaded else held
