"""Weeks start on Monday, on each engine and in each locale."""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator


@macro()
def monday(evaluator: MacroEvaluator, day: exp.Expression) -> exp.Expression:
    """The Monday on or before `day`: `@monday(day)`."""
    days = f"DATE_DIFF('DAY', CAST('1970-01-05' AS DATE), {day.sql()}) % 7"
    return evaluator.parse_one(f"CAST({day.sql()} - INTERVAL ({days}) DAY AS DATE)")
