"""Loads the missing days: finishes the load of a run that died, then extracts the windows still to load."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict, Unpack

from dlt.extract import DltSource

from pipelines.load.dlt_errors import translate_dlt_errors
from pipelines.load.plan import LoadRequest, connect_upstream, plan, price
from pipelines.load.recovery import finish_pending
from pipelines.pypi.upstreams import Reader
from pipelines.pypi.windows import OnRows, Window
from pipelines.warehouse import Warehouse, bookkeeping


class LoadOptions(TypedDict, total=False):
    """The optional arguments of the source."""

    tolerance: float
    rows: str
    advance_cursor: bool
    on_rows: OnRows


@dataclass(frozen=True)
class LoadReport:
    """The windows and row counts of a load.

    Rows without a timestamp belong to no day, and are not loaded. `unknown_columns` are upstream but not in the
    contract; `untracked` projects are in the warehouse but not in the settings. `finished_earlier` says whether the
    load of an earlier run was finished first.
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
    """Load the days that the warehouse lacks, or those of a backfill; each day as a whole, and exactly once.

    Raises:
        SettingsError: the backfill names an unknown project, or a day that is not settled.
        SourceError: the upstream cannot deliver the rows; most faults are found before anything is written.
        BudgetError: the load may cost more than the settings allow; nothing is read.
        ContractError: too many rows failed the contract; nothing is loaded.
        WarehouseError: the warehouse cannot be written, or has other rows than were extracted.

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
        advance_cursor=request.backfill is None,
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
    windows: Sequence[Window], reader: Reader, warehouse: Warehouse, **options: Unpack[LoadOptions]
) -> dict[str, tuple[int, int]]:
    """Load the windows, if there are any; return the accepted and the quarantined rows, by project."""
    if not windows:
        return {}
    from pipelines.pypi.source import pypi

    source = pypi(reader, windows, **options)
    _allow_new_columns(source, warehouse)
    with translate_dlt_errors():
        loaded = warehouse.pipeline.run(source).loads_ids
    bookkeeping.ensure_tables(warehouse)
    return bookkeeping.count_rows(warehouse, loaded)


def _allow_new_columns(source: DltSource, warehouse: Warehouse) -> None:
    """Let dlt add columns in this load that a table lacks, as it was created by an earlier version."""
    from pipelines.pypi.columns import TABLES

    for table, schema in TABLES.items():
        columns = warehouse.columns(table)
        if columns and set(schema.names) - columns:
            for resource in source.resources.values():
                if resource.table_name == table:
                    resource.apply_hints(schema_contract={"columns": "evolve"})
