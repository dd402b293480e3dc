"""Loads what is missing: finishes what an earlier run has left, then extracts the windows still to load."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from dlt.common.exceptions import SignalReceivedException
from dlt.extract import DltSource
from dlt.pipeline.exceptions import PipelineStepFailed

from pipelines.errors import InsightsError, WarehouseError
from pipelines.pypi import OnRows, pypi
from pipelines.pypi.columns import ROW_SCHEMA
from pipelines.pypi.settings import Settings
from pipelines.pypi.upstreams import Upstream, connect
from pipelines.pypi.upstreams.schema import refuse_unknown
from pipelines.pypi.windows import Window, plan_windows
from pipelines.warehouse import CREDENTIALS, Warehouse


@dataclass(frozen=True)
class LoadReport:
    """What a run has loaded: its windows, and its rows by their fate.

    `untimed` rows have no timestamp and so belong to no day; `silent` projects had no row in their windows;
    `unknown_columns` are upstream's, not the contract's.
    """

    windows: Sequence[Window]
    accepted: int = 0
    quarantined: int = 0
    untimed: int = 0
    silent: Sequence[str] = ()
    unknown_columns: Sequence[str] = ()
    finished_earlier: bool = False


def load(settings: Settings, warehouse: Warehouse, now: datetime, on_rows: OnRows) -> LoadReport:
    """Load the days of the settings' projects that the warehouse lacks, each whole and once.

    Raises:
        SourceError: the upstream cannot deliver; checked before anything is written.
        ContractError: too many rows break the contract; nothing is loaded.
        WarehouseError: the warehouse cannot be written or trusted.

    """
    upstream = connect(settings)
    unknown_columns = upstream.check(settings.projects)
    if settings.columns == "freeze":
        refuse_unknown(unknown_columns, settings.address)
    warehouse.require_writable()
    _refuse_mixing(warehouse, upstream)
    warehouse.record_drift(settings.address, unknown_columns, now)
    finished_earlier = _finish_pending(warehouse)
    windows = _missing_windows(settings, warehouse, upstream, now)
    if windows:
        source = pypi(upstream, windows, tolerance=settings.tolerance, rows=settings.rows, on_rows=on_rows)
        _let_widen(source, warehouse)
        with _unwrapped():
            loaded = warehouse.pipeline.run(source).loads_ids
        counts = warehouse.count_rows(loaded)
    else:
        counts = {}
    warehouse.require_exact()
    return LoadReport(
        windows,
        accepted=sum(accepted for accepted, _ in counts.values()),
        quarantined=sum(quarantined for _, quarantined in counts.values()),
        silent=[project for project, count in counts.items() if count == (0, 0)],
        untimed=sum(map(upstream.count_untimed, settings.projects)),
        unknown_columns=unknown_columns,
        finished_earlier=finished_earlier,
    )


def _missing_windows(settings: Settings, warehouse: Warehouse, upstream: Upstream, now: datetime) -> list[Window]:
    loaded = warehouse.loaded_days()
    end = min(filter(None, (settings.end_at(now), upstream.available_until())))
    return [
        window
        for project in settings.projects
        for window in plan_windows(project, settings.start, end, loaded.get(project, set()), settings.lag_days)
    ]


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
        what = f"The warehouse {warehouse.file or ''} holds {' and '.join(sorted(held))} data, not {upstream.origin}."
        remedy = f"`just reset` removes a demo's warehouse; or set {CREDENTIALS} to a file in another folder."
        raise WarehouseError(what, remedy=remedy)


def _finish_pending(warehouse: Warehouse) -> bool:
    """Finish the packages of a run that died: `run()` would ignore new data while one is pending."""
    if not warehouse.exists or not warehouse.pipeline.has_pending_data:
        return False
    with _unwrapped():
        warehouse.pipeline.run()
    return True


@contextmanager
def _unwrapped() -> Iterator[None]:
    """Lets our own errors out of dlt's step error, and says when a person has stopped the run."""
    try:
        yield
    except PipelineStepFailed as failure:
        causes = list(_causes(failure))
        for cause in causes:
            if isinstance(cause, InsightsError):
                raise cause from failure
        if any(isinstance(cause, KeyboardInterrupt | SignalReceivedException) for cause in causes):
            what = f"The run was stopped while dlt was about to {failure.step} the data."
        else:
            what = f"dlt failed to {failure.step} the data: {failure.exception}"
        raise WarehouseError(what, remedy="Nothing is lost: run again, and dlt goes on where it stopped.") from failure


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
