"""Trends: lines of least squares through the points of a group, with what is known of their slope."""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator

POINTS = 4
"""With less of them a line says nothing."""
WEEKS = 13
"""The longest trend: the whole weeks among so many."""
MONTH = 30.4375
"""Days of a mean month."""
QUANTILES = (4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201)
"""Of Student's t at 97.5 %, for 2 to 11 degrees of freedom: of `POINTS` to `WEEKS` points."""
PARTS = ("", "_low", "_high")


@macro()
def slopes(evaluator: MacroEvaluator, days: exp.Expression, *columns: exp.Expression) -> list[exp.Expression]:
    """What each column gains in a month: `@slopes(days, @lenses('share_$lens'))` makes `slope_share_$lens`.

    An aggregate over points, of which `days` is the time: the slope of the line of least squares, in the unit of the
    column a month, and as `slope_low_*` and `slope_high_*` its interval of 95 %, by the scatter of the points about the
    line. A point without value does not count; NULL with less than four that do.
    """
    time = days.sql("duckdb")
    return [
        evaluator.parse_one(f"{part} AS slope{name}_{column.name}")
        for column in columns
        for name, part in zip(PARTS, slope(column.sql("duckdb"), time), strict=True)
    ]


def slope(value: str, days: str) -> tuple[str, str, str]:
    """The slope of one line and the ends of its interval, as SQL."""
    count = f"COUNT({value})"
    variance = f"NULLIF(VAR_POP(CASE WHEN NOT {value} IS NULL THEN {days} END), 0)"
    line = f"COVAR_POP({value}, {days}) / {variance}"
    # The covariance explains so much of the variance of the values; the rest is scatter.
    scatter = f"GREATEST(VAR_POP({value}) / {variance} - POWER({line}, 2), 0)"
    quantile = " ".join(f"WHEN {count} = {points} THEN {t}" for points, t in enumerate(QUANTILES, start=POINTS))
    half = f"(CASE {quantile} END) * SQRT({scatter} / NULLIF({count} - 2, 0))"
    # Rounded, as a sum of fractions depends on the order in which an engine adds them: equal data, equal marts.
    # 0.0 is added because ROUND makes -0.0 of a small fall, which some tools show with its sign.
    # A root makes a rounding error of nothing a larger one.
    ends = ((line, 9), (f"{line} - {half}", 6), (f"{line} + {half}", 6))
    middle, low, high = (
        f"(ROUND(CASE WHEN {count} >= {POINTS} THEN {MONTH} * ({end}) END, {digits}) + 0.0)::DOUBLE"
        for end, digits in ends
    )
    return middle, low, high
