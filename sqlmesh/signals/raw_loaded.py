"""Holds days back until dlt has loaded them: by the clock alone a day without data would count as done."""

import datetime as dt

from sqlglot import parse_one
from sqlmesh import DatetimeRanges, ExecutionContext, signal

LAST_DAY = "SELECT CAST(MAX(day) AS TEXT) FROM raw.committed_days"


@signal()
def raw_loaded(batch: DatetimeRanges, context: ExecutionContext) -> bool | DatetimeRanges:
    """The intervals of `batch` that start on or before the last day of the committed loads; all of a restatement."""
    # Its days are those of loads, or of a project that was forgotten and may have had the last ones.
    if context.is_restatement:
        return True
    # An expression, not a string: SQLMesh writes it in the dialect of the engine.
    row = context.engine_adapter.fetchone(parse_one(LAST_DAY, dialect="duckdb"))
    if row is None or row[0] is None:
        return False
    last = dt.datetime.fromisoformat(row[0]).replace(tzinfo=dt.UTC)
    return [(start, end) for start, end in batch if start <= last]
