"""The dlt source of PyPI's downloads: one incremental resource a project, all into the same tables."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from math import ceil
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TSchemaContractDict
from dlt.extract import DltResource
from sqlglot import exp

from pipelines.errors import ContractError
from pipelines.pypi.columns import GRAINS, LOADED_DAYS_SCHEMA, QUARANTINE_SCHEMA
from pipelines.pypi.upstreams import Reader
from pipelines.pypi.validation import split
from pipelines.pypi.windows import DAY, OnRows, Window

FROZEN: TSchemaContractDict = {"tables": "evolve", "columns": "freeze", "data_type": "freeze"}


@dataclass(frozen=True)
class TableRows:
    """Rows for one table."""

    table: str
    rows: pa.Table


@dlt.source(name="pypi")
def pypi(  # noqa: PLR0913 - named, with separate meanings
    reader: Reader,
    windows: Sequence[Window],
    *,
    tolerance: float = 0.001,
    rows: str = "discard_row",
    advance_cursor: bool = True,
    on_rows: OnRows = lambda _window, _rows: None,
) -> Iterator[DltResource]:
    """Downloads of the `windows`, as whole days that replace loaded ones; rows that fail the contract are quarantined.

    One resource a project fills four tables: `file_downloads` or, at the grain of a day, `daily_counts`; `quarantine`
    and `loaded_days`. A day is replaced in all tables: after a change of grain it is still counted once.

    Args:
        reader: reads the rows of a window.
        windows: whole days, those of one project in ascending order.
        tolerance: share of a project's rows, 0 to 1, that may fail the contract; rounded up to a whole row.
        rows: `discard_row` quarantines the rows that are tolerated, `freeze` tolerates none.
        advance_cursor: whether dlt's cursor advances; a backfill leaves it. The cursor is only shown by dlt's
            dashboard: `raw.committed_days` decides which days are loaded.
        on_rows: is called after each batch with its window and its number of rows.

    Raises:
        ContractError: (on extraction) more rows than tolerated fail the contract; none of the windows is loaded.

    """
    # dlt keeps one scope a table: all resources get the same, or the last one would win.
    replace = _replace_days(windows)
    for project in dict.fromkeys(window.project for window in windows):
        of_project = [window for window in windows if window.project == project]
        tolerated = None if rows == "freeze" else tolerance
        downloads = _extract(of_project, reader, tolerated, on_rows, advance_cursor=advance_cursor)
        yield downloads
        for grain in GRAINS.values():
            yield _table(grain.table, project, downloads, columns=grain.row_model, write_disposition=replace)
        yield _table("quarantine", project, downloads, write_disposition=replace)
        yield _table("loaded_days", project, downloads, write_disposition="append")


def resource_name(project: str) -> str:
    """The name of the resource that reads the project's rows; dlt keeps the cursor under this name."""
    return f"downloads_{project}"


def _extract(
    windows: Sequence[Window], reader: Reader, tolerance: float | None, on_rows: OnRows, *, advance_cursor: bool
) -> DltResource:
    """The resource that reads and validates one project's windows, and yields rows for each table."""
    project, end = windows[0].project, max(window.end for window in windows)

    @dlt.resource(name=resource_name(project), selected=False)
    def downloads(
        cursor: dlt.sources.incremental[date] = dlt.sources.incremental(  # noqa: B008 - dlt's way to declare it
            "day",
            initial_value=windows[0].start,
            # With an end, dlt keeps no state.
            end_value=None if advance_cursor else end,
            # No boundary de-duplication: it would hash each row of the last day, and drop equal downloads.
            primary_key=(),
        ),
    ) -> Iterator[TableRows]:
        # The query has applied the window; dlt must not filter by a cursor that the warehouse may not have committed.
        cursor.advance(max(end - DAY, cursor.last_value or end - DAY))
        accepted = dict.fromkeys((day for window in windows for day in window.days), 0)
        quarantined = dict(accepted)
        reasons: list[str] = []
        ordinal = 0
        # Without any item dlt makes no merge job, and a day that is now empty upstream would keep its rows.
        for grain in GRAINS.values():
            yield TableRows(grain.table, grain.row_schema.empty_table())
        yield TableRows("quarantine", QUARANTINE_SCHEMA.empty_table())
        for window in windows:
            grain = GRAINS[window.grain]
            # Closed even if the extract stops early: threads that read ahead would keep the process alive.
            with closing(reader.read(window)) as batches:
                for batch in batches:
                    passed, failed = split(_numbered(batch, ordinal), project, grain)
                    ordinal += batch.num_rows
                    _add_days(accepted, passed)
                    on_rows(window, batch.num_rows)
                    yield TableRows(grain.table, passed)
                    if failed.num_rows:
                        _add_days(quarantined, failed)
                        reasons = reasons or failed.column("reason").slice(0, 1).to_pylist()
                        yield TableRows("quarantine", failed)
        _check_tolerance(project, sum(accepted.values()), sum(quarantined.values()), tolerance, reasons)
        yield TableRows("loaded_days", _loaded_days(project, windows, accepted, quarantined, reader.origin))

    return downloads()


def _table(name: str, project: str, downloads: DltResource, **hints: Any) -> DltResource:  # noqa: ANN401 - dlt's hints
    """The transformer that passes on the rows of `downloads` for one table."""

    def rows(part: TableRows) -> Iterator[pa.Table]:
        if part.table == name:
            yield part.rows

    return dlt.transformer(
        rows, data_from=downloads, name=f"{name}_{project}", table_name=name, schema_contract=FROZEN, **hints
    )


def _replace_days(windows: Sequence[Window]) -> dict[str, Any]:
    """The write disposition that deletes the windows' days and inserts their new rows, exact even if it runs twice.

    dlt takes no parameters here, so SQLGlot renders literals of validated names and dates.
    """
    scope = exp.or_(
        exp.false(),
        *(
            exp.and_(
                exp.column("project").eq(window.project),
                exp.column("day") >= exp.cast(exp.Literal.string(window.start.isoformat()), "date"),
                exp.column("day") < exp.cast(exp.Literal.string(window.end.isoformat()), "date"),
            )
            for window in windows
        ),
    )
    return {"disposition": "merge", "strategy": "delete-insert", "destination_scope": scope.sql("duckdb")}


def _numbered(batch: pa.Table, first: int) -> pa.Table:
    """The batch with its UTC `day`, and an `ordinal` that distinguishes equal rows."""
    ordinals = pa.arange(first, first + batch.num_rows)
    if "day" not in batch.column_names:
        batch = batch.append_column("day", batch.column("timestamp").cast(pa.date32()))
    return batch.append_column("ordinal", ordinals)


def _add_days(counts: dict[date, int], rows: pa.Table) -> None:
    """Add the rows of the log that the rows stand for: one each, where they do not say."""
    if "log_rows" not in rows.column_names:
        rows = rows.append_column("log_rows", pa.repeat(1, rows.num_rows))
    for day in rows.group_by("day").aggregate([("log_rows", "sum")]).to_pylist():
        counts[day["day"]] += day["log_rows_sum"]


def _check_tolerance(
    project: str, accepted: int, quarantined: int, tolerance: float | None, reasons: list[str]
) -> None:
    """Raise `ContractError` if more rows failed the contract than the `tolerance` allows; `None` allows none."""
    total = accepted + quarantined
    if quarantined <= ceil(total * (tolerance or 0)):
        return
    if tolerance is None:
        limit, change = "and the policy `rows` is freeze", "set `rows` of [sources.pypi] to discard_row"
    else:
        limit, change = f"more than the tolerated {tolerance:.2%}", "raise `tolerance` of [sources.pypi]"
    what = (
        f"{quarantined:,} of {total:,} rows of {project} failed the contract, {limit}. "
        f"None of these days was loaded. Reason of the first row: {reasons[0]}"
    )
    raise ContractError(what, remedy=f"Check the rows of the upstream, or {change}.")


def _loaded_days(
    project: str, windows: Sequence[Window], accepted: dict[date, int], quarantined: dict[date, int], origin: str
) -> pa.Table:
    days = len(accepted)
    columns = [
        [project] * days,
        list(accepted),
        list(accepted.values()),
        list(quarantined.values()),
        [origin] * days,
        [window.grain for window in windows for _ in window.days],
    ]
    return pa.table(columns, schema=LOADED_DAYS_SCHEMA)
