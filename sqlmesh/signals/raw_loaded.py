"""Holds days back until dlt has loaded them: by the clock alone a day without data would count as done."""

import datetime as dt

from sqlglot import parse_one
from sqlmesh import DatetimeRanges, ExecutionContext, signal

WATERMARK = """
    SELECT CAST(MAX(loaded_until) AS TEXT)
    FROM raw.load_watermarks AS watermarks
    JOIN raw._dlt_loads AS loads ON watermarks._dlt_load_id = loads.load_id AND loads.status = 0
"""


@signal()
def raw_loaded(batch: DatetimeRanges, context: ExecutionContext) -> bool | DatetimeRanges:
    """The intervals of `batch` that end at or before the watermark of the committed loads."""
    # An expression, not a string: SQLMesh writes it in the dialect of the engine.
    row = context.engine_adapter.fetchone(parse_one(WATERMARK, dialect="duckdb"))
    if row is None or row[0] is None:
        return False
    loaded_until = dt.datetime.fromisoformat(row[0]).replace(tzinfo=dt.UTC)
    return [(start, end) for start, end in batch if end <= loaded_until]
