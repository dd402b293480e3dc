"""The dlt source: PyPI's downloads, one incremental resource a project, all in one table."""

from collections.abc import Callable, Iterator, Sequence
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
from pipelines.pypi.columns import LOADED_DAYS_SCHEMA, QUARANTINE_SCHEMA, ROW_MODEL, ROW_SCHEMA
from pipelines.pypi.upstreams import Reader
from pipelines.pypi.validation import split
from pipelines.pypi.windows import DAY, Window

FROZEN: TSchemaContractDict = {"tables": "evolve", "columns": "freeze", "data_type": "freeze"}

OnRows = Callable[[Window, int], None]


@dataclass(frozen=True)
class TableRows:
    """Rows on their way to one table."""

    table: str
    rows: pa.Table


@dlt.source(name="pypi")
def pypi(  # noqa: PLR0913 - named, and each has a meaning of its own
    upstream: Reader,
    windows: Sequence[Window],
    *,
    tolerance: float = 0.001,
    rows: str = "discard_row",
    moves_cursor: bool = True,
    on_rows: OnRows = lambda _window, _rows: None,
) -> Iterator[DltResource]:
    """Downloads of the `windows`, replaced as whole days, with what breaks the contract beside them.

    One resource a project fills three tables: `file_downloads`, `quarantine`, `loaded_days`.

    Args:
        upstream: where the rows are read.
        windows: whole days, those of one project in ascending order.
        tolerance: share of a project's rows, rounded up to a whole row, that may break the contract.
        rows: `discard_row` quarantines the rows that are tolerated, `freeze` tolerates none.
        moves_cursor: whether dlt's cursor follows: not that of a backfill. The cursor is a mirror for dlt's dashboard;
            `raw.committed_days` decides which days are loaded.
        on_rows: is told of each batch, as its window and its number of rows.

    Raises:
        ContractError: (on extraction) more rows than that break it; nothing is loaded.

    """
    # The scope belongs to the table: one for all resources, or the last one would win.
    replace = _replace_days(windows)
    for project in dict.fromkeys(window.project for window in windows):
        mine = [window for window in windows if window.project == project]
        tolerated = None if rows == "freeze" else tolerance
        downloads = _extract(mine, upstream, tolerated, on_rows, moves_cursor=moves_cursor)
        yield downloads
        yield _table("file_downloads", project, downloads, columns=ROW_MODEL, write_disposition=replace)
        yield _table("quarantine", project, downloads, write_disposition=replace)
        yield _table("loaded_days", project, downloads, write_disposition="append")


def resource_name(project: str) -> str:
    """The resource that reads the project's rows; dlt keeps its cursor under this name."""
    return f"downloads_{project}"


def _extract(
    windows: Sequence[Window], upstream: Reader, tolerance: float | None, on_rows: OnRows, *, moves_cursor: bool
) -> DltResource:
    """The rows of one project's windows, read and validated once, as parts for the tables."""
    project, end = windows[0].project, max(window.end for window in windows)

    @dlt.resource(name=resource_name(project), selected=False)
    def downloads(
        # No boundary de-duplication: it would hash each row of the last day, and drop equal downloads.
        cursor: dlt.sources.incremental[date] = dlt.sources.incremental(  # noqa: B008 - dlt's way to declare it
            # With an end, dlt keeps no state.
            "day",
            initial_value=windows[0].start,
            end_value=None if moves_cursor else end,
            primary_key=(),
        ),
    ) -> Iterator[TableRows]:
        # The query has applied the window; dlt must not filter by a cursor that the warehouse may not have committed.
        cursor.advance(max(end - DAY, cursor.last_value or end - DAY))
        accepted = dict.fromkeys((day for window in windows for day in window.days), 0)
        quarantined = dict(accepted)
        reasons: list[str] = []
        ordinal = 0
        # Without any item there would be no merge job, and a day that upstream has emptied would stay.
        yield TableRows("file_downloads", ROW_SCHEMA.empty_table())
        yield TableRows("quarantine", QUARANTINE_SCHEMA.empty_table())
        for window in windows:
            # Closed also where the extract stops early: what reads on behind it would keep the process from ending.
            with closing(upstream.read(window)) as batches:
                for batch in batches:
                    kept, broken = split(_numbered(batch, ordinal), project)
                    ordinal += batch.num_rows
                    _add_days(accepted, kept)
                    on_rows(window, batch.num_rows)
                    yield TableRows("file_downloads", kept)
                    if broken.num_rows:
                        _add_days(quarantined, broken)
                        reasons = reasons or broken.column("reason").slice(0, 1).to_pylist()
                        yield TableRows("quarantine", broken)
        _check_tolerance(project, sum(accepted.values()), sum(quarantined.values()), tolerance, reasons)
        yield TableRows("loaded_days", _loaded_days(project, accepted, quarantined, upstream.origin))

    return downloads()


def _table(name: str, project: str, downloads: DltResource, **hints: Any) -> DltResource:  # noqa: ANN401 - dlt's hints
    """The parts of `downloads` that belong in one table."""

    def rows(part: TableRows) -> Iterator[pa.Table]:
        if part.table == name:
            yield part.rows

    return dlt.transformer(
        rows, data_from=downloads, name=f"{name}_{project}", table_name=name, schema_contract=FROZEN, **hints
    )


def _replace_days(windows: Sequence[Window]) -> dict[str, Any]:
    """The merge that deletes the windows' days and inserts the new ones, exact even if it runs twice.

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
    """The batch with its UTC `day`, and an `ordinal` that tells equal rows apart."""
    ordinals = pa.array(range(first, first + batch.num_rows), pa.int64())
    return batch.append_column("day", batch.column("timestamp").cast(pa.date32())).append_column("ordinal", ordinals)


def _add_days(counts: dict[date, int], rows: pa.Table) -> None:
    for pair in rows.column("day").value_counts().to_pylist():
        counts[pair["values"]] += pair["counts"]


def _check_tolerance(
    project: str, accepted: int, quarantined: int, tolerance: float | None, reasons: list[str]
) -> None:
    """Raise `ContractError` if more rows are bad than the `tolerance` allows; `None` allows none."""
    total = accepted + quarantined
    if quarantined <= ceil(total * (tolerance or 0)):
        return
    if tolerance is None:
        limit, change = "and the policy `rows` is freeze", "set `rows` of [sources.pypi] to discard_row"
    else:
        limit, change = f"more than the tolerated {tolerance:.2%}", "raise `tolerance` of [sources.pypi]"
    what = (
        f"{quarantined:,} of {total:,} rows of {project} break the contract, {limit}. "
        f"Nothing was loaded. The first one's reason: {reasons[0]}"
    )
    raise ContractError(what, remedy=f"Look at the upstream's rows, or {change}.")


def _loaded_days(project: str, accepted: dict[date, int], quarantined: dict[date, int], origin: str) -> pa.Table:
    days = len(accepted)
    columns = [
        [project] * days,
        list(accepted),
        list(accepted.values()),
        list(quarantined.values()),
        [origin] * days,
    ]
    return pa.table(columns, schema=LOADED_DAYS_SCHEMA)
