"""The flow of a run: load, transform, export, site, report, lakes; and the other flows that span several rooms.

Read this first. Each step has its own room: `load`, `transform`, `exports`, `site`, `lake`.
"""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from pipelines import exports, load, site, transform
from pipelines.costs.budget import dollars
from pipelines.demo import FOLDER, awaits_demo, write_demo
from pipelines.errors import WarehouseError
from pipelines.lake import MARTS_FOLDER, Lake
from pipelines.lake.branch import fetch_lake, require_own
from pipelines.lake.restore import restore_warehouse
from pipelines.lake.settings import resolve_lakes
from pipelines.lake.sync import check_lake, forget_in_lake, rewrite_lake, sync_lake
from pipelines.load import LoadProgress, LoadReport, OnProgress
from pipelines.load.forget import forget_in_warehouse
from pipelines.load.plan import LoadRequest
from pipelines.load.releases import ReleaseReport, load_releases
from pipelines.progress import Progress, Update
from pipelines.pypi.settings import Settings, resolve_settings
from pipelines.pypi.upstreams import connect
from pipelines.pypi.windows import Backfill, OnRows, Window
from pipelines.warehouse import Warehouse, bookkeeping, resolve_warehouse
from pipelines.warehouse.lock import exclusive_run
from pipelines.warehouse.settings import CREDENTIALS_VARIABLE

TRY_FOLDER = Path("data/try")
"""The folder of the warehouse that `try` fills."""


@dataclass(frozen=True)
class Published:
    """The days whose KPIs were recomputed, and the site's folder; `site` is `None` if the site was left out."""

    recomputed: list[date]
    site: Path | None


@dataclass(frozen=True)
class RunReport:
    """The results of a run, and its warehouse."""

    warehouse: Warehouse
    loaded: LoadReport
    published: Published
    releases: ReleaseReport = field(default_factory=ReleaseReport)


class RunObserver(Progress, Protocol):
    """Shows the steps of a run, and its report."""

    def report(self, report: RunReport) -> None:
        """Show the report; only the lakes are still to be synced."""


def run(
    settings: Settings,
    warehouse: Warehouse,
    observer: RunObserver,
    backfill: Backfill | None = None,
    *,
    with_site: bool = True,
) -> None:
    """Load the missing days, or the backfill, and update KPIs, exports, site and lakes.

    Raises:
        InsightsError: a step failed; the steps before it keep their results. Where a part of the load failed, it is
            raised at the end: what is loaded is published.

    """
    make_demo_data(settings, observer)
    warehouse.require_writable()
    lakes = resolve_lakes(warehouse)
    source = transform.find_source(lakes)
    with exclusive_run(warehouse):
        with warehouse.kept_open():
            for lake in lakes:
                check_lake(lake, warehouse)
            with observer.step("Load") as update:
                request = LoadRequest(settings, warehouse, datetime.now(UTC), backfill)
                loaded = load.load(request, _show_load(update))
                update(f"{loaded.accepted:,} rows")
            releases = _load_releases(request, observer)
        if source:
            _sync(source, warehouse, observer)
        published = publish(warehouse, observer, with_site=with_site)
        observer.report(RunReport(warehouse, loaded, published, releases))
        # Last, so that an outage of a lake delays nothing else.
        for lake in lakes:
            if lake is not source:
                _sync(lake, warehouse, observer)
    loaded.require_complete()


def _sync(lake: Lake, warehouse: Warehouse, progress: Progress) -> None:
    with progress.step(f"Sync {lake.name}") as update:
        update(f"{sync_lake(lake, warehouse, update)} days written to {lake.url}")


def _load_releases(request: LoadRequest, progress: Progress) -> ReleaseReport:
    """Load what the index lists of the projects, unless the settings say not to ask."""
    settings = request.settings
    if not settings.releases.enabled:
        return ReleaseReport()
    with progress.step("Load the releases") as update:
        report = load_releases(settings, request.warehouse, request.now)
        files = sum(report.changed.values())
        changed = f"{files:,} files of {len(report.changed)} projects" if report.changed else "unchanged"
        update(f"not known of {len(report.failures)} projects" if report.failures and not report.changed else changed)
    return report


def publish(warehouse: Warehouse, progress: Progress, *, with_site: bool) -> Published:
    """Compute the KPIs, export the marts, and build the site."""
    with progress.step("Compute the KPIs") as update:
        transformed = transform.transform(warehouse)
        recomputed = transformed.days
        if recomputed:
            update(f"{len(recomputed)} days recomputed")
        elif transformed.models_changed:
            update("changed models applied")
        else:
            update("changed releases applied" if transformed.releases_changed else "0 days recomputed")
    with progress.step("Export the marts") as update:
        exported = exports.export(warehouse)
        update(_shown(exported.folder) if exported.changed else "unchanged")
    return Published(recomputed, build_site(exported, progress) if with_site else None)


def build_site(exported: exports.Export, progress: Progress) -> Path:
    """Build the site if a mart or a page has changed; return its folder."""
    with progress.step("Build the site") as update:
        if not site.build(exported):
            update("unchanged")
    return site.BUILD


def restore(settings: Settings, warehouse: Warehouse, lake: Lake, progress: Progress, *, with_site: bool) -> Published:
    """Load the warehouse from a lake, without BigQuery, and publish its marts."""
    warehouse.require_writable()
    with exclusive_run(warehouse):
        with progress.step(f"Load from {lake.name}") as update:
            days = restore_warehouse(warehouse, lake, _count_rows(update))
            bookkeeping.track(warehouse, settings.projects)
            update(f"{days} days")
        return publish(warehouse, progress, with_site=with_site)


def restore_state(settings: Settings, warehouse: Warehouse, lake: Lake, progress: Progress) -> int | None:
    """Load the warehouse from the lake that the last run has saved; return the days, `None` if nothing is saved yet.

    A lake in a folder is fetched from its branch. No KPI is computed: the run that follows does.

    Raises:
        LakeError: the branch cannot be read, or is not the lake of these projects; nothing is loaded.

    """
    warehouse.require_writable()
    with progress.step("Fetch the state") as update:
        if lake.is_folder and not fetch_lake(lake):
            return None
        held = lake.manifest()
        if not (held or lake.is_folder):
            return None
        require_own(held, settings.projects)
        update(f"{len(held):,} days")
    with exclusive_run(warehouse), progress.step(f"Load from {lake.name}") as update:
        days = restore_warehouse(warehouse, lake, _count_rows(update))
        bookkeeping.track(warehouse, settings.projects)
        update(f"{days:,} days")
    return days


def sync(warehouse: Warehouse, progress: Progress) -> None:
    """Rewrite all lakes from the warehouse."""
    for lake in resolve_lakes(warehouse):
        with progress.step(f"Rewrite {lake.name}") as update:
            update(f"{rewrite_lake(lake, warehouse)} days")


def forget(  # noqa: PLR0913 - named, with separate meanings
    projects: Sequence[str],
    settings: Settings,
    warehouse: Warehouse,
    progress: Progress,
    *,
    start: date = date.min,
    with_site: bool = True,
) -> Published:
    """Remove the projects' days from `start` on from lakes, warehouse, KPIs, exports and site.

    The caller holds the warehouse.
    """
    warehouse.require_writable()
    with progress.step(f"Forget {', '.join(projects)}"):
        # Lakes first: the command can be repeated only while the warehouse still holds the days.
        for lake in resolve_lakes(warehouse):
            forget_in_lake(projects, lake, warehouse, start)
        forget_in_warehouse(projects, settings, warehouse, start)
    return publish(warehouse, progress, with_site=with_site)


def try_settings(packages: Sequence[str], start: date, end: date) -> Settings:
    """The settings by which anyone can load the packages' days, whatever else is set: ClickPy, and `TRY_FOLDER`.

    They are put into the environment, from which dlt resolves them, also for the warehouse.
    """
    source = {
        "UPSTREAM": "clickpy",
        "GRAIN": "day",
        "GRAINS": "{}",
        "PROJECTS": json.dumps(list(packages)),
        "START_DATE": start.isoformat(),
        "END_DATE": end.isoformat(),
    }
    os.environ |= {f"SOURCES__PYPI__{name}": value for name, value in source.items()}
    os.environ |= {CREDENTIALS_VARIABLE: str(TRY_FOLDER / "warehouse.duckdb"), "DESTINATIONS": '["warehouse"]'}
    return resolve_settings()


def try_packages(settings: Settings, observer: RunObserver, *, with_site: bool = True) -> None:
    """Load and publish the packages of `try_settings`; what `try` has loaded of other packages before is removed.

    Raises:
        UnknownProjectError: the copy has no download of a package; nothing is loaded.

    """
    with observer.step("Look the packages up"):
        upstream = connect(settings, datetime.now(UTC))
        for package in settings.projects:
            upstream.check([package])
    warehouse = resolve_warehouse()
    with exclusive_run(warehouse):
        others = set(bookkeeping.loaded_days(warehouse)) - set(settings.projects)
        if others:
            _remove_all_but_file(warehouse)
            if warehouse.file:
                warehouse.file.unlink()
    run(settings, resolve_warehouse(), observer, with_site=with_site)


def require_demo(warehouse: Warehouse) -> None:
    """Raise `WarehouseError` if the warehouse holds real downloads."""
    if bookkeeping.origins(warehouse) - {"demo"}:
        what = f"{warehouse} holds real downloads, and `reset` removes demo data only."
        raise WarehouseError(what, remedy="To remove real downloads, delete the file yourself.")


def reset(warehouse: Warehouse) -> int:
    """Delete a demo warehouse's file, dlt's working folder, exports and badges; return the number of queries kept.

    The ledger stays, in a file of its own: the money is spent, and the budget of the month counts it.

    Raises:
        WarehouseError: the warehouse holds real downloads, or another process holds it.

    """
    with exclusive_run(warehouse):
        require_demo(warehouse)
        _remove_all_but_file(warehouse)
        if not warehouse.file:
            return 0
        with TemporaryDirectory(dir=warehouse.folder) as folder:
            draft = Path(folder, warehouse.file.name)
            kept = bookkeeping.empty(warehouse, draft)
            if kept:
                draft.replace(warehouse.file)
            else:
                warehouse.file.unlink()
        return kept


def _remove_all_but_file(warehouse: Warehouse) -> None:
    for path in (warehouse.pipelines_dir, warehouse.folder / exports.EXPORTS, warehouse.folder / MARTS_FOLDER):
        shutil.rmtree(path, ignore_errors=True)


def make_demo_data(settings: Settings, progress: Progress) -> None:
    """Generate the demo's files if the settings name them and they do not exist yet."""
    if awaits_demo(settings):
        with progress.step("Generate the demo data"):
            write_demo(FOLDER)


def _shown(path: Path) -> str:
    """The path, as short as it can be told from here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _show_load(update: Update) -> OnProgress:
    """A callback that shows what is read, and how far the load is."""

    def show(progress: LoadProgress) -> None:
        projects = f" of {progress.projects} projects" if progress.projects > 1 else ""
        money = f", {dollars(progress.spent)} of {dollars(progress.expected)} expected" if progress.expected else ""
        days = f"{progress.days_done:,} of {progress.days:,} days"
        update(f"{progress.window}, {days}{projects}, {progress.rows:,} rows{money}")

    return show


def _count_rows(update: Update) -> OnRows:
    """A callback that shows the window that is read and the number of rows so far."""
    rows = 0

    def count(window: Window, batch: int) -> None:
        nonlocal rows
        rows += batch
        update(f"{window}, {rows:,} rows")

    return count
