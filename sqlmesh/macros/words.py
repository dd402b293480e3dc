"""Numbers and days as sentences write them, in SQL that each engine understands; the pages write them alike."""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
SHORTER = {"US": "United States", "GB": "United Kingdom", "KR": "South Korea"}
AMBIGUOUS = ("CD", "KP", "VG", "VI")  # whose names need their additions


def _fixed(number: str, digits: int) -> str:
    return f"CAST(CAST({number} AS DECIMAL(18, {digits})) AS TEXT)"


@macro()
def count_words(evaluator: MacroEvaluator, count: exp.Expression) -> exp.Expression:
    """A count as text: 9,523, and from a million on 1.24M, with three digits."""
    n = f"({count.sql('duckdb')})"
    units = ((10**9, "B"), (10**6, "M"))
    cases = " ".join(
        f"WHEN {n} >= {limit} THEN {_fixed(f'{n} / {unit}.0', digits)} || '{name}'"
        for unit, name in units
        for digits, limit in ((0, unit * 99.95), (1, unit * 9.995), (2, unit * (1 if name == "M" else 0.9995)))
    )
    thousands = f"CAST(FLOOR({n} / 1000) AS BIGINT)"
    return evaluator.parse_one(
        f"CASE {cases} WHEN {n} >= 1000 "
        f"THEN CAST({thousands} AS TEXT) || ',' || LPAD(CAST({n} - 1000 * {thousands} AS TEXT), 3, '0') "
        f"ELSE CAST({n} AS TEXT) END"
    )


@macro()
def gibibytes_words(evaluator: MacroEvaluator, size: exp.Expression) -> exp.Expression:
    """A number of bytes as text: 1.25 GiB."""
    x = f"({size.sql('duckdb')}) / {2**30}.0"
    return evaluator.parse_one(f"{_fixed(x, 2)} || ' GiB'")


@macro()
def percent_words(evaluator: MacroEvaluator, share: exp.Expression) -> exp.Expression:
    """A share as text: 11.2%, and less than 0.1% for what would be none."""
    x = f"({share.sql('duckdb')})"
    return evaluator.parse_one(
        f"CASE WHEN {x} > 0 AND {x} < 0.0005 THEN 'less than 0.1%' ELSE {_fixed(f'100 * {x}', 1)} || '%' END"
    )


@macro()
def roughly_words(evaluator: MacroEvaluator, share: exp.Expression) -> exp.Expression:
    """A share that is only estimated, as text: about 9%, between 0 and 100."""
    x = f"({share.sql('duckdb')})"
    return evaluator.parse_one(
        f"CASE WHEN {x} < 0.01 THEN 'less than 1%' WHEN {x} > 1 THEN 'all' "
        f"ELSE 'about ' || {_fixed(f'100 * {x}', 0)} || '%' END"
    )


@macro()
def trend_words(
    evaluator: MacroEvaluator, slope: exp.Expression, low: exp.Expression, high: exp.Expression
) -> exp.Expression:
    """A slope of a share with its interval: falling 1.8 points a month (± 0.2); steady unless that excludes zero.

    NULL without a slope.
    """
    middle, lower, upper = (f"({end.sql('duckdb')})" for end in (slope, low, high))
    gain, half = f"100 * ABS({middle})", f"50 * ({upper} - {lower})"
    # Below a point, one digit would make of 0.34 ± 0.26 the doubtful 0.3 ± 0.3.
    size = (
        f"CASE WHEN ABS({middle}) < 0.01 THEN {_fixed(gain, 2)} || ' points a month (± ' || {_fixed(half, 2)} "
        f"ELSE {_fixed(gain, 1)} || ' points a month (± ' || {_fixed(half, 1)} END || ')'"
    )
    return evaluator.parse_one(
        f"CASE WHEN {lower} > 0 THEN 'rising ' || {size} WHEN {upper} < 0 THEN 'falling ' || {size} "
        f"WHEN NOT {middle} IS NULL THEN 'steady' END"
    )


@macro()
def change_words(evaluator: MacroEvaluator, change: exp.Expression) -> exp.Expression:
    """A change against an earlier period, as text: up 3.1%, down 2.0%, or unchanged."""
    x = f"({change.sql('duckdb')})"
    size = _fixed(f"100 * ABS({x})", 1)
    return evaluator.parse_one(
        f"CASE WHEN {x} >= 0.0005 THEN 'up ' || {size} || '%' WHEN {x} <= -0.0005 THEN 'down ' || {size} || '%' "
        f"WHEN NOT {x} IS NULL THEN 'unchanged' END"
    )


@macro()
def country_words(evaluator: MacroEvaluator, code: exp.Expression, name: exp.Expression) -> exp.Expression:
    """A country by its code and its name in ISO 3166-1, without what the name adds; NULL without a name."""
    c, n = code.sql("duckdb"), name.sql("duckdb")
    known = " ".join(f"WHEN {c} = '{short}' THEN '{words}'" for short, words in SHORTER.items())
    ambiguous = ", ".join(f"'{short}'" for short in AMBIGUOUS)
    return evaluator.parse_one(
        f"CASE {known} WHEN {c} IN ({ambiguous}) THEN {n} ELSE REGEXP_EXTRACT({n}, '^([^,(]*[^,( ])', 1) END"
    )


@macro()
def points_words(evaluator: MacroEvaluator, change: exp.Expression) -> exp.Expression:
    """A change of a share as text: up 3.1 points, or down 0.4 points."""
    x = f"({change.sql('duckdb')})"
    return evaluator.parse_one(
        f"CASE WHEN {x} > 0 THEN 'up ' ELSE 'down ' END || {_fixed(f'100 * ABS({x})', 1)} || ' points'"
    )


@macro()
def day_words(evaluator: MacroEvaluator, day: exp.Expression) -> exp.Expression:
    """A day as text: 28 June 2026."""
    name = day.sql("duckdb")
    return evaluator.parse_one(f"CAST(EXTRACT(DAY FROM {name}) AS TEXT) || ' ' || {_month(name)}")


@macro()
def month_words(evaluator: MacroEvaluator, day: exp.Expression) -> exp.Expression:
    """The month of a day as text: June 2026."""
    return evaluator.parse_one(_month(day.sql("duckdb")))


def _month(day: str) -> str:
    cases = " ".join(f"WHEN {number} THEN '{name}'" for number, name in enumerate(MONTHS, start=1))
    return f"CASE EXTRACT(MONTH FROM {day}) {cases} END || ' ' || CAST(EXTRACT(YEAR FROM {day}) AS TEXT)"


@macro()
def lens_words(evaluator: MacroEvaluator, words: exp.Expression) -> exp.Expression:
    """The words of a lens within a sentence: `downloads by installers`, and of `All downloads` just `downloads`."""
    name = words.sql("duckdb")
    return evaluator.parse_one(
        f"CASE WHEN SUBSTR({name}, 1, 4) = 'All ' THEN SUBSTR({name}, 5) "
        f"ELSE LOWER(SUBSTR({name}, 1, 1)) || SUBSTR({name}, 2) END"
    )
