"""The queries, in two dialects."""

import pytest
from sqlglot import exp, parse_one

from pipelines.pypi.columns import ROWS
from pipelines.pypi.query import downloads_query, select_downloads


def test_selects_leaves_only_by_parameters_only() -> None:
    """The text has no value in it, selects the contract's leaves, and filters the partition and cluster columns."""
    query = select_downloads(exp.to_table("`a-b.c.d`", dialect="bigquery"), "timestamp")

    sql = query.sql("bigquery", identify=True)

    assert [leaf.column for leaf in ROWS.leaves] == query.named_selects
    assert sql.endswith("FROM `a-b.c.d` WHERE `project` = @project AND `timestamp` >= @start AND `timestamp` < @end")
    assert not list(parse_one(sql, dialect="bigquery").find_all(exp.Literal))


def test_timestamp_column_keeps_our_name() -> None:
    """Another source's name of the timestamp is selected as `timestamp`, and is the one that is filtered."""
    sql = select_downloads(exp.to_table("t"), "created at").sql("duckdb")

    assert sql.startswith('SELECT "created at" AS "timestamp", ')
    assert '"created at" >= $start AND "created at" < $end' in sql


@pytest.mark.parametrize("grain", ["row", "day"])
def test_field_that_upstream_lacks_is_null(grain: str) -> None:
    """Its column keeps its place, and a constant is no group."""
    column = "details__installer__subcommand"
    table = exp.to_table("t")

    whole, without = (downloads_query(grain, table, "timestamp", lacking) for lacking in ((), {column}))

    assert whole.named_selects == without.named_selects
    assert f"CAST(NULL AS STRING) AS `{column}`" in without.sql("bigquery", identify=True)
    groups = [len(query.args["group"].expressions) if query.args.get("group") else 0 for query in (whole, without)]
    assert groups[0] - groups[1] == (grain == "day")
