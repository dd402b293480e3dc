"""What a source records: a dimension that it does not is NULL, never `unknown`, which is what a client did not say."""

import csv
import os
from contextlib import suppress
from pathlib import Path

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator

SEED = Path(__file__).parents[1] / "seeds" / "recorded.csv"
START = "2016-01-01"
"""No day of the log is before it."""

with SEED.open(encoding="utf-8", newline="") as file:
    ROWS = list(csv.DictReader(file))

# As for the lenses: SQLMesh keeps the models that it has loaded until a file of macros is newer.
if SEED.stat().st_mtime > Path(__file__).stat().st_mtime:
    with suppress(OSError):
        os.utime(__file__, (SEED.stat().st_atime, SEED.stat().st_mtime))


@macro()
def recorded(
    evaluator: MacroEvaluator,
    dimension: exp.Expression,
    origin: exp.Expression,
    day: exp.Expression,
    value: exp.Expression,
) -> exp.Expression:
    """The value, or NULL where the day's origin does not record the dimension: `@recorded(cpu, origin, day, 'x86')`.

    This is the one place that knows, and it asks the seed. A day of an unknown origin has all dimensions.
    """
    name, time = origin.sql("duckdb"), day.sql("duckdb")
    lacking = [
        f"{name} = '{row['origin']}'"
        + (f" AND {time} < CAST('{row['first_day']}' AS DATE)" if row["first_day"] else "")
        for row in ROWS
        if row["dimension"] == dimension.name and row["first_day"] != START
    ]
    text = value.sql("duckdb")
    cases = " ".join(f"WHEN {condition} THEN NULL" for condition in lacking)
    return evaluator.parse_one(f"CASE {cases} ELSE {text} END" if lacking else text)


@macro()
def unsaid(
    evaluator: MacroEvaluator, dimension: exp.Expression, origin: exp.Expression, value: exp.Expression
) -> exp.Expression:
    """What no value means: `value`, or NULL where the origin says so itself of what it does not record."""
    name = origin.sql("duckdb")
    cases = " ".join(
        f"WHEN {name} = '{row['origin']}' THEN NULL"
        for row in ROWS
        if row["dimension"] == dimension.name and row["null_means"] == "not recorded"
    )
    text = value.sql("duckdb")
    return evaluator.parse_one(f"CASE {cases} ELSE {text} END" if cases else text)
