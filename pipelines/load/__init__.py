"""Loads what is missing: finishes what an earlier run has left, then extracts the windows still to load."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict, Unpack

from dlt.extract import DltSource

from pipelines.load.failures import translate_dlt_errors
from pipelines.load.plan import LoadRequest, connect_upstream, plan, price
from pipelines.load.recovery import finish_pending
from pipelines.pypi.columns import ROW_SCHEMA
from pipelines.pypi.source import OnRows, pypi
from pipelines.pypi.upstreams import Reader
from pipelines.pypi.windows import Window
from pipelines.warehouse import Warehouse, bookkeeping


class Options(TypedDict, total=False):
    """How windows are loaded, in the words of the source."""

    tolerance: float
    rows: str
    moves_cursor: bool
    on_rows: OnRows


@dataclass(frozen=True)
class LoadReport:
    """What a load has done: its windows, and its rows by their fate.

    Rows without a timestamp belong to no day. `unknown_columns` are upstream's, not the contract's; `untracked`
    projects are in the warehouse and not in the settings.
    """

    windows: Sequence[Window]
    accepted: int = 0
    quarantined: int = 0
    rows_without_timestamp: int = 0
    projects_without_rows: Sequence[str] = ()
    unknown_columns: Sequence[str] = ()
    untracked: Sequence[str] = ()
    finished_earlier: bool = False


def load(request: LoadRequest, on_rows: OnRows = lambda _window, _rows: None) -> LoadReport:
    """Load the days of the settings' projects that the warehouse lacks, or those of a backfill; each whole and once.

    Raises:
        SettingsError: the backfill is not of settled days of known projects.
        SourceError: the upstream cannot deliver; checked before anything is written.
        ContractError: too many rows break the contract; nothing is loaded.
        WarehouseError: the warehouse cannot be written or trusted.

    """
    settings, warehouse = request.settings, request.warehouse
    upstream, unknown_columns = connect_upstream(request)
    bookkeeping.record_drift(warehouse, settings.address, unknown_columns, request.now)
    finished_earlier = finish_pending(warehouse)
    upstream.settle_open_queries()
    windows = plan(request, upstream)
    price(windows, upstream, settings).require_affordable(request.ledger, request.now)
    counts = load_windows(
        windows,
        upstream,
        warehouse,
        tolerance=settings.tolerance,
        rows=settings.rows,
        moves_cursor=request.backfill is None,
        on_rows=on_rows,
    )
    bookkeeping.require_exact(warehouse)
    bookkeeping.track(warehouse, settings.projects)
    return LoadReport(
        windows,
        accepted=sum(accepted for accepted, _ in counts.values()),
        quarantined=sum(quarantined for _, quarantined in counts.values()),
        projects_without_rows=[project for project, count in counts.items() if count == (0, 0)],
        rows_without_timestamp=sum(map(upstream.count_without_timestamp, request.projects)),
        unknown_columns=unknown_columns,
        untracked=sorted(set(bookkeeping.loaded_days(warehouse)) - set(settings.projects)),
        finished_earlier=finished_earlier,
    )


def load_windows(
    windows: Sequence[Window], reader: Reader, warehouse: Warehouse, **options: Unpack[Options]
) -> dict[str, tuple[int, int]]:
    """Load the windows, if there are any; return the rows accepted and quarantined, by project."""
    if not windows:
        return {}
    source = pypi(reader, windows, **options)
    _allow_new_columns(source, warehouse)
    with translate_dlt_errors():
        loaded = warehouse.pipeline.run(source).loads_ids
    bookkeeping.ensure(warehouse)
    return bookkeeping.count_rows(warehouse, loaded)


def _allow_new_columns(source: DltSource, warehouse: Warehouse) -> None:
    """Let dlt add columns, for this load, if the contract has fields that the table was made without."""
    columns = warehouse.columns("file_downloads")
    if columns and set(ROW_SCHEMA.names) - columns:
        for name, resource in source.resources.items():
            if name.startswith("file_downloads_"):
                resource.apply_hints(schema_contract={"columns": "evolve"})
