"""Restores the warehouse from a lake, without BigQuery."""

from dataclasses import replace

from pipelines.errors import LakeError
from pipelines.lake import Lake
from pipelines.lake.files import key_of
from pipelines.lake.reader import LakeReader
from pipelines.lake.sync import require_same_origin
from pipelines.load import load_windows
from pipelines.load.recovery import finish_pending
from pipelines.pypi.days import CommittedDay
from pipelines.pypi.windows import OnRows
from pipelines.warehouse import Warehouse, bookkeeping
from pipelines.warehouse.releases import restore_releases


def restore_warehouse(warehouse: Warehouse, lake: Lake, on_rows: OnRows = lambda _window, _rows: None) -> int:
    """Load the days that the warehouse lacks, or has from an earlier load than the lake; return their number.

    Days that the warehouse has from a later load are kept: the next sync writes them to the lake.

    Raises:
        LakeError: the lake cannot be read, is empty, or does not hold the rows that its manifest says.
        WarehouseError: the warehouse cannot be written.

    """
    held = lake.manifest()
    if not held:
        what = f"The lake {lake.name!r} holds no complete day: it has no manifest."
        raise LakeError(what, remedy=f"Check `bucket_url` of [destination.{lake.name}].")
    finish_pending(warehouse)
    loaded = {key_of(day): day for day in bookkeeping.committed_days(warehouse)}
    require_same_origin(lake, [*held, *loaded.values()])
    wanted = [day for day in held if key_of(day) not in loaded or loaded[key_of(day)].load_id < day.load_id]
    for origin in sorted({day.origin for day in wanted}):
        reader = LakeReader(lake, wanted, origin)
        # The failed rows were within the tolerance when they were first loaded.
        load_windows(reader.windows, reader, warehouse, tolerance=1.0, on_rows=on_rows)
    bookkeeping.require_exact(warehouse)
    bookkeeping.restore_ledger(warehouse, lake.ledger())
    if releases := lake.releases():
        restore_releases(warehouse, releases)
    if wanted:
        _update_manifest(lake, warehouse)
    return len(wanted)


def _update_manifest(lake: Lake, warehouse: Warehouse) -> None:
    """Write the new load ids into the manifest, or the next run would write all days again."""
    loaded = {key_of(day): day for day in bookkeeping.committed_days(warehouse)}
    days = [_with_new_load(day, loaded.get(key_of(day))) for day in lake.manifest()]
    lake.publish(days, bookkeeping.read_ledger(warehouse), None)


def _with_new_load(held: CommittedDay, loaded: CommittedDay | None) -> CommittedDay:
    """The loaded day if it differs from the lake's only in its load, else the lake's."""
    return loaded if loaded and replace(held, load_id=loaded.load_id) == loaded else held
