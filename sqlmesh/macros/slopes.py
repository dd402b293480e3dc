"""Trends: lines of least squares through the points of a group."""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator

POINTS = 4
"""With less of them a line says nothing."""
MONTH = 30.4375
"""Days of a mean month."""


@macro()
def slopes(evaluator: MacroEvaluator, days: exp.Expression, *columns: exp.Expression) -> list[exp.Expression]:
    """What each column gains in a month: `@slopes(days, @lenses('share_$lens'))` makes `slope_share_$lens`.

    An aggregate over points, of which `days` is the time: the slope of the line of least squares, in the unit of the
    column a month. A point without value does not count; NULL with less than four that do.
    """
    time = days.sql("duckdb")
    return [evaluator.parse_one(f"{slope(column.sql('duckdb'), time)} AS slope_{column.name}") for column in columns]


def slope(value: str, days: str) -> str:
    """The slope of one line, as SQL: the covariance of value and time over the variance of time."""
    variance = f"VAR_POP(CASE WHEN NOT {value} IS NULL THEN {days} END)"
    line = f"COVAR_POP({value}, {days}) / NULLIF({variance}, 0)"
    # Rounded, as a sum of fractions depends on the order in which an engine adds them: equal data, equal marts.
    # 0.0 is added because ROUND makes -0.0 of a small fall, which some tools show with its sign.
    return f"(ROUND(CASE WHEN COUNT({value}) >= {POINTS} THEN {MONTH} * {line} END, 9) + 0.0)::DOUBLE"
