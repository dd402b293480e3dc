"""The one query, in two dialects."""

from sqlglot import exp, parse_one

from pipelines.pypi.columns import LEAVES
from pipelines.pypi.query import select_downloads


def test_selects_leaves_only_by_parameters_only() -> None:
    """The text has no value in it, selects the contract's leaves, and filters the partition and cluster columns."""
    query = select_downloads(exp.to_table("`a-b.c.d`", dialect="bigquery"), "timestamp")

    sql = query.sql("bigquery", identify=True)

    assert [leaf.column for leaf in LEAVES] == query.named_selects
    assert sql.endswith("FROM `a-b.c.d` WHERE `project` = @project AND `timestamp` >= @start AND `timestamp` < @end")
    assert not list(parse_one(sql, dialect="bigquery").find_all(exp.Literal))


def test_timestamp_column_keeps_our_name() -> None:
    """Another source's name of the timestamp is selected as `timestamp`, and is the one that is filtered."""
    sql = select_downloads(exp.to_table("t"), "created at").sql("duckdb")

    assert sql.startswith('SELECT "created at" AS "timestamp", ')
    assert '"created at" >= $start AND "created at" < $end' in sql
