"""Loads what is missing: finishes what an earlier run has left, then extracts the windows still to load."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypedDict, Unpack

from dlt.common.exceptions import SignalReceivedException
from dlt.extract import DltSource
from dlt.pipeline.exceptions import PipelineStepFailed

from pipelines.costs import Estimate, ExtractLedger
from pipelines.errors import InsightsError, SettingsError, WarehouseError
from pipelines.pypi import OnRows, pypi
from pipelines.pypi.columns import ROW_SCHEMA
from pipelines.pypi.settings import FIRST_DAY, Settings
from pipelines.pypi.upstreams import Upstream, connect
from pipelines.pypi.upstreams.schema import refuse_unknown
from pipelines.pypi.windows import DAY, Backfill, Window, plan_windows
from pipelines.warehouse import CREDENTIALS, Warehouse

_FULL = re.compile(".*(No space left on device|Disk quota exceeded|File too large)")
"""The line with the system's words, which DuckDB and Arrow pass on without its number."""


class Options(TypedDict, total=False):
    """How windows are loaded, in the words of the source."""

    tolerance: float
    rows: str
    moves_cursor: bool
    on_rows: OnRows


@dataclass(frozen=True)
class LoadReport:
    """What a run has loaded: its windows, and its rows by their fate.

    `untimed` rows have no timestamp and so belong to no day; `silent` projects had no row in their windows;
    `unknown_columns` are upstream's, not the contract's; `untracked` projects are in the warehouse and not in the
    settings.
    """

    windows: Sequence[Window]
    accepted: int = 0
    quarantined: int = 0
    untimed: int = 0
    silent: Sequence[str] = ()
    unknown_columns: Sequence[str] = ()
    untracked: Sequence[str] = ()
    finished_earlier: bool = False


def estimate(settings: Settings, warehouse: Warehouse, now: datetime, backfill: Backfill | None = None) -> Estimate:
    """What `load` would bill at most; neither reads a row nor writes anything."""
    upstream, _ = _connect(settings, warehouse, backfill)
    return _estimate(settings, warehouse, upstream, now, backfill)


def load(
    settings: Settings, warehouse: Warehouse, now: datetime, on_rows: OnRows, backfill: Backfill | None = None
) -> LoadReport:
    """Load the days of the settings' projects that the warehouse lacks, or those of `backfill`; each whole and once.

    Raises:
        SettingsError: the backfill is not of settled days of known projects.
        SourceError: the upstream cannot deliver; checked before anything is written.
        ContractError: too many rows break the contract; nothing is loaded.
        WarehouseError: the warehouse cannot be written or trusted.

    """
    upstream, unknown_columns = _connect(settings, warehouse, backfill)
    warehouse.require_writable()
    warehouse.record_drift(settings.address, unknown_columns, now)
    finished_earlier = finish_pending(warehouse)
    upstream.settle_open_queries()
    bill = _estimate(settings, warehouse, upstream, now, backfill)
    bill.require_affordable(ExtractLedger(warehouse, settings), now)
    windows = list(bill.bytes_by_window)
    counts = load_windows(
        windows,
        upstream,
        warehouse,
        tolerance=settings.tolerance,
        rows=settings.rows,
        moves_cursor=backfill is None,
        on_rows=on_rows,
    )
    warehouse.require_exact()
    warehouse.track(settings.projects)
    return LoadReport(
        windows,
        accepted=sum(accepted for accepted, _ in counts.values()),
        quarantined=sum(quarantined for _, quarantined in counts.values()),
        silent=[project for project, count in counts.items() if count == (0, 0)],
        untimed=sum(map(upstream.count_untimed, (backfill or settings).projects)),
        unknown_columns=unknown_columns,
        untracked=sorted(set(warehouse.loaded_days()) - set(settings.projects)),
        finished_earlier=finished_earlier,
    )


def load_windows(
    windows: Sequence[Window], upstream: Upstream, warehouse: Warehouse, **options: Unpack[Options]
) -> dict[str, tuple[int, int]]:
    """Load the windows, if there are any; return the rows accepted and quarantined, by project."""
    if not windows:
        return {}
    source = pypi(upstream, windows, **options)
    _let_widen(source, warehouse)
    with unwrapped():
        loaded = warehouse.pipeline.run(source).loads_ids
    return warehouse.count_rows(loaded)


def _connect(settings: Settings, warehouse: Warehouse, backfill: Backfill | None) -> tuple[Upstream, list[str]]:
    """The upstream, found to be fit for the contract and the warehouse, and its fields that the contract lacks."""
    if backfill:
        _require_known(backfill, settings, warehouse)
    upstream = connect(settings, ExtractLedger(warehouse, settings))
    unknown_columns = upstream.check(list((backfill or settings).projects))
    if settings.columns == "freeze":
        refuse_unknown(unknown_columns, settings.address)
    _refuse_mixing(warehouse, upstream)
    return upstream, unknown_columns


def _estimate(
    settings: Settings, warehouse: Warehouse, upstream: Upstream, now: datetime, backfill: Backfill | None
) -> Estimate:
    windows = _windows(settings, warehouse, upstream, now, backfill)
    return Estimate({window: upstream.estimate(window) for window in windows}, settings)


def _windows(
    settings: Settings, warehouse: Warehouse, upstream: Upstream, now: datetime, backfill: Backfill | None
) -> Sequence[Window]:
    """The windows of the backfill, or else those of the settings' days that the warehouse lacks."""
    available = upstream.available_until()
    if backfill:
        _require_loadable(backfill, min(filter(None, (settings.settled_at(now), available))))
        return backfill.windows
    end = min(filter(None, (settings.end_at(now), available)))
    loaded = warehouse.loaded_days()
    return [
        window
        for project in settings.projects
        for window in plan_windows(project, settings.start, end, loaded.get(project, set()), settings.lag_days)
    ]


def _require_known(backfill: Backfill, settings: Settings, warehouse: Warehouse) -> None:
    """A project that is no longer tracked may be mended; another one is a slip, or belongs in the settings."""
    known = {*settings.projects, *warehouse.loaded_days()}
    for project in backfill.projects:
        if project not in known:
            what = f"The project {project!r} is neither in the settings nor in the warehouse."
            raise SettingsError(what, remedy="Check its name, or add it to `projects` of [sources.pypi].")


def _require_loadable(backfill: Backfill, end: date) -> None:
    if backfill.start < FIRST_DAY:
        what = f"The backfill starts on {backfill.start}, before the first download on record."
        raise SettingsError(what, remedy=f"Start it on {FIRST_DAY} or later.")
    if backfill.end <= backfill.start:
        what = f"The backfill from {backfill.start} to before {backfill.end} has no day."
        raise SettingsError(what, remedy="END is exclusive, and comes after START.")
    if backfill.end > end:
        what = f"The backfill ends with {backfill.end - DAY}; the last day that upstream has in full is {end - DAY}."
        raise SettingsError(what, remedy=f"END is exclusive: let it be {end} or earlier.")


def _let_widen(source: DltSource, warehouse: Warehouse) -> None:
    """Let dlt add columns, for this load, if the contract has fields that the table was made without."""
    columns = warehouse.columns("file_downloads")
    if columns and set(ROW_SCHEMA.names) - columns:
        for name, resource in source.resources.items():
            if name.startswith("file_downloads_"):
                resource.apply_hints(schema_contract={"columns": "evolve"})


def _refuse_mixing(warehouse: Warehouse, upstream: Upstream) -> None:
    """Demo data is never counted beside real downloads."""
    held = warehouse.origins()
    if held and (upstream.origin == "demo") != (held == {"demo"}):
        what = f"The warehouse {warehouse} holds {' and '.join(sorted(held))} data, not {upstream.origin}."
        remedy = f"`just reset` removes a demo's warehouse; or set {CREDENTIALS} to a file in another folder."
        raise WarehouseError(what, remedy=remedy)


def finish_pending(warehouse: Warehouse) -> bool:
    """Finish the packages of a run that died: `run()` would ignore new data while one is pending."""
    warehouse.drop_half_saved_schemas()
    if not warehouse.exists or not warehouse.pipeline.has_pending_data:
        return False
    warehouse.drop_normalized_extracts()
    warehouse.adopt_extracted_schemas()
    warehouse.take_back_unfinished()
    with unwrapped():
        warehouse.pipeline.run()
    return True


@contextmanager
def unwrapped() -> Iterator[None]:
    """Lets our own errors out of dlt's step error, and says when a person has stopped the run."""
    try:
        yield
    except PipelineStepFailed as failure:
        causes = list(_causes(failure))
        for cause in causes:
            if isinstance(cause, InsightsError):
                raise cause from failure
        remedy = "Nothing is lost: run again, and dlt goes on where it stopped."
        if any(isinstance(cause, KeyboardInterrupt | SignalReceivedException) for cause in causes):
            what = f"The run was stopped while dlt was about to {failure.step} the data."
        elif full := next(filter(None, map(_FULL.search, map(str, reversed(causes)))), None):
            folder = failure.pipeline.working_dir
            what = f"The disk is full: dlt could not {failure.step} the data. It works in {folder}. {full[0].strip()}"
            remedy = f"Make room on that disk, or raise the quota. {remedy}"
        else:
            what = f"dlt failed to {failure.step} the data: {failure.exception}"
        raise WarehouseError(what, remedy=remedy) from failure


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
