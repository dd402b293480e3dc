"""Loads the warehouse anew from a lake, or a lake anew from the warehouse; BigQuery is not asked."""

from dataclasses import replace

from pipelines.errors import LakeError, WarehouseError
from pipelines.fill import fill, loaded_days, refuse_mixing
from pipelines.lake import DOWNLOADS, QUARANTINE, Lake
from pipelines.lake.files import Day
from pipelines.lake.upstream import LakeUpstream
from pipelines.load import finish_pending, load_windows
from pipelines.pypi import OnRows
from pipelines.warehouse import Warehouse


def rebuild(warehouse: Warehouse, lake: Lake, on_rows: OnRows = lambda _window, _rows: None) -> int:
    """Load the days that the warehouse lacks, or has from an earlier load than the lake; return how many.

    Days that the warehouse has from a later load are left alone: the lake is still to get them.

    Raises:
        LakeError: the lake cannot be read, holds nothing, or not what its manifest says.
        WarehouseError: the warehouse cannot be written.

    """
    warehouse.require_writable()
    held = lake.manifest()
    if not held:
        what = f"The lake {lake.name!r} holds no complete day: there is no manifest in it."
        raise LakeError(what, remedy=f"Check `bucket_url` of [destination.{lake.name}].")
    finish_pending(warehouse)
    loaded = {day.place: day for day in loaded_days(warehouse)}
    refuse_mixing(lake, [*held, *loaded.values()])
    wanted = [day for day in held if day.place not in loaded or loaded[day.place].load_id < day.load_id]
    for origin in sorted({day.origin for day in wanted}):
        upstream = LakeUpstream(lake, wanted, origin)
        # What was tolerated once is so now.
        load_windows(upstream.windows, upstream, warehouse, tolerance=1.0, on_rows=on_rows)
    warehouse.require_exact()
    warehouse.restore_ledger(lake.ledger())
    if wanted:
        _acknowledge(lake, warehouse)
    return len(wanted)


def refill(lake: Lake, warehouse: Warehouse) -> int:
    """Write all days of the warehouse, and remove what else is in the lake; return how many days.

    Raises:
        LakeError: the lake cannot be written; the next run goes on where this one ended.
        WarehouseError: the warehouse holds nothing, and the lake might be all that is left.

    """
    finish_pending(warehouse)
    kept = {day.place for day in loaded_days(warehouse)}
    if not kept:
        what = f"The warehouse holds no loaded day: the lake {lake.name!r} would be emptied."
        raise WarehouseError(what, remedy=f"`just rebuild --from {lake.name}` loads the warehouse from the lake.")
    lake.publish([], warehouse.ledger())
    days = fill(lake, warehouse)
    for table in (DOWNLOADS, QUARANTINE):
        lake.remove(table, "day=*/*", keep=kept)
    return days


def _acknowledge(lake: Lake, warehouse: Warehouse) -> None:
    """Let the manifest name the loads that the lake's days have now, or the next run would write them all anew."""
    loaded = {day.place: day for day in loaded_days(warehouse)}
    lake.publish([_acknowledged(day, loaded.get(day.place)) for day in lake.manifest()], warehouse.ledger())


def _acknowledged(held: Day, loaded: Day | None) -> Day:
    """What was loaded, if it is what the lake has."""
    return loaded if loaded and replace(held, load_id=loaded.load_id) == loaded else held
