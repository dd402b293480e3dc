"""Arithmetic of days that each engine understands: Spark takes no computed interval, and weeks start on other days."""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator


@macro()
def add_days(evaluator: MacroEvaluator, day: exp.Expression, days: exp.Expression) -> exp.Expression:
    """The date so many days after `day`: `@add_days(day, 7)`."""
    return evaluator.parse_one(f"CAST({day.sql('duckdb')} + INTERVAL '1' DAY * ({days.sql('duckdb')}) AS DATE)")


@macro()
def monday(evaluator: MacroEvaluator, day: exp.Expression) -> exp.Expression:
    """The Monday on or before `day`: `@monday(day)`."""
    name = day.sql("duckdb")
    passed = f"DATE_DIFF('DAY', CAST('1970-01-05' AS DATE), {name}) % 7"
    return evaluator.parse_one(f"CAST({name} - INTERVAL '1' DAY * ({passed}) AS DATE)")
