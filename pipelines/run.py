"""The flow of a run: load, transform, export, site, report, lakes; and the other flows that go through several rooms.

Read this first. Each step is a room of its own: `load`, `transform`, `exports`, `site`, `lake`.
"""

import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Protocol

from pipelines import exports, load, site, transform
from pipelines.demo import FOLDER, awaits_demo, write_demo
from pipelines.errors import WarehouseError
from pipelines.lake import Lake
from pipelines.lake.restore import restore_warehouse
from pipelines.lake.settings import resolve_lakes
from pipelines.lake.sync import check_lake, forget_in_lake, rewrite_lake, sync_lake
from pipelines.load import LoadReport
from pipelines.load.forget import forget as forget_in_warehouse
from pipelines.load.plan import LoadRequest
from pipelines.progress import Progress, Update
from pipelines.pypi.settings import Settings
from pipelines.pypi.source import OnRows
from pipelines.pypi.windows import Backfill, Window
from pipelines.warehouse import Warehouse, bookkeeping
from pipelines.warehouse.lock import exclusive_run


@dataclass(frozen=True)
class Published:
    """The days whose KPIs were computed again, and the folder of the site, unless it was left out."""

    recomputed: list[date]
    site: Path | None


@dataclass(frozen=True)
class RunReport:
    """What a run has done, and to which warehouse."""

    warehouse: Warehouse
    loaded: LoadReport
    published: Published


class RunObserver(Progress, Protocol):
    """Follows a run, and is told what it has done."""

    def report(self, report: RunReport) -> None:
        """All is done but the lakes."""


def run(
    settings: Settings,
    warehouse: Warehouse,
    observer: RunObserver,
    backfill: Backfill | None = None,
    *,
    with_site: bool = True,
) -> None:
    """Load what is missing, or the backfill, and bring all that follows from it up to date."""
    make_demo_data(settings, observer)
    warehouse.require_writable()
    lakes = resolve_lakes(warehouse)
    with exclusive_run(warehouse):
        for lake in lakes:
            check_lake(lake, warehouse)
        with observer.step("Load") as update, warehouse.kept_open():
            request = LoadRequest(settings, warehouse, datetime.now(UTC), backfill)
            loaded = load.load(request, _count_rows(update))
            update(f"{loaded.accepted:,} rows")
        published = publish(warehouse, observer, with_site=with_site)
        observer.report(RunReport(warehouse, loaded, published))
        # Last: an outage of a lake delays nothing but the lake.
        for lake in lakes:
            with observer.step(f"Sync {lake.name}") as update:
                update(f"{sync_lake(lake, warehouse, update)} days written to {lake.url}")


def publish(warehouse: Warehouse, progress: Progress, *, with_site: bool) -> Published:
    """Compute the KPIs, export the marts, and build the site."""
    with progress.step("Compute the KPIs") as update:
        recomputed = transform.transform(warehouse)
        update(f"{len(recomputed)} days recomputed")
    with progress.step("Export the marts") as update:
        exported = exports.export(warehouse)
        update(f"{exported.folder}" if exported.changed else "unchanged")
    return Published(recomputed, build_site(exported, progress) if with_site else None)


def build_site(exported: exports.Export, progress: Progress) -> Path:
    """Build the site where a mart or a page has changed; return its folder."""
    with progress.step("Build the site") as update:
        if not site.build(exported):
            update("unchanged")
    return site.BUILD


def restore(settings: Settings, warehouse: Warehouse, lake: Lake, progress: Progress, *, with_site: bool) -> Published:
    """Load the warehouse from a lake, without BigQuery, and publish what it holds then."""
    warehouse.require_writable()
    with exclusive_run(warehouse):
        with progress.step(f"Load from {lake.name}") as update:
            days = restore_warehouse(warehouse, lake, _count_rows(update))
            bookkeeping.track(warehouse, settings.projects)
            update(f"{days} days")
        return publish(warehouse, progress, with_site=with_site)


def sync(warehouse: Warehouse, progress: Progress) -> None:
    """Write all lakes again from the warehouse."""
    for lake in resolve_lakes(warehouse):
        with progress.step(f"Write {lake.name} again") as update:
            update(f"{rewrite_lake(lake, warehouse)} days")


def forget(
    project: str, settings: Settings, warehouse: Warehouse, progress: Progress, *, with_site: bool = True
) -> Published:
    """Remove a project from lakes, warehouse, KPIs, exports and site."""
    warehouse.require_writable()
    with progress.step(f"Forget {project}"):
        # First, as what the warehouse still has would be written to a lake again.
        for lake in resolve_lakes(warehouse):
            forget_in_lake(project, lake, warehouse)
        forget_in_warehouse(project, settings, warehouse)
    return publish(warehouse, progress, with_site=with_site)


def require_demo(warehouse: Warehouse) -> None:
    """Raise `WarehouseError` if the warehouse holds real downloads."""
    if bookkeeping.origins(warehouse) - {"demo"}:
        what = f"{warehouse} holds real downloads, and `reset` removes demo data only."
        raise WarehouseError(what, remedy="Remove the file yourself if you mean it.")


def reset(warehouse: Warehouse) -> None:
    """Remove the file of a warehouse of demo data, with dlt's folder and the exports."""
    with exclusive_run(warehouse):
        require_demo(warehouse)
        for path in (warehouse.pipelines_dir, warehouse.folder / exports.EXPORTS):
            shutil.rmtree(path, ignore_errors=True)
        if warehouse.file:
            warehouse.file.unlink()


def make_demo_data(settings: Settings, progress: Progress) -> None:
    """Generate the demo's files, where the settings name them and they are not there."""
    if awaits_demo(settings):
        with progress.step("Generate the demo data"):
            write_demo(FOLDER)


def _count_rows(update: Update) -> OnRows:
    """Shows how many rows are read, and of which window."""
    rows = 0

    def count(window: Window, batch: int) -> None:
        nonlocal rows
        rows += batch
        update(f"{window}, {rows:,} rows")

    return count
