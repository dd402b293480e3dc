"""The slope of a line, as the models compute it."""

import math

import duckdb
import pytest
from sqlglot import exp
from sqlmesh import Context


@pytest.mark.parametrize(("fall", "slope"), [(1e-13, 0.0), (-1e-13, 0.0), (0.1, -3.04375)])
def test_small_fall_has_no_sign(fall: float, slope: float, context: Context) -> None:
    """A fall that is rounded to nothing is 0.0, not -0.0, which other tools print with its sign."""
    query = context.render("marts.python_support")
    rounded = next(found for found in query.find_all(exp.Round) if found.find(exp.CovarPop))
    line = rounded.find_ancestor(exp.Cast)
    assert line is not None
    points = f"SELECT -day AS days, {fall} * day AS share FROM RANGE(8) AS ages (day)"
    sql = line.transform(
        lambda node: exp.column("days" if "days" in node.name else "share") if isinstance(node, exp.Column) else node
    ).sql("duckdb")

    [(found,)] = duckdb.sql(f"SELECT {sql} FROM ({points})").fetchall()

    assert found == pytest.approx(slope)
    assert math.copysign(1, found) == math.copysign(1, slope)
