"""The models are one source for several engines: what they say in DuckDB's dialect, BigQuery understands."""

from collections.abc import Iterator

import pytest
from sqlglot import exp
from sqlmesh import Context
from sqlmesh.core.model import Model

from tests.servers.bigquery import analyze
from tests.support.models import DAYS

pytestmark = pytest.mark.slow

DIALECT = "bigquery"
UNPORTABLE = {
    "a function of DuckDB's own": "SELECT SPLIT_PART(project, '-', 1) AS part FROM marts.downloads_daily",
    "a filtered aggregate": "SELECT COUNT(*) FILTER (WHERE downloads > 0) AS days FROM marts.downloads_daily",
    "a lateral alias": "SELECT downloads AS a, a + 1 AS b FROM marts.downloads_daily",
    "a column that is not there": "SELECT nation FROM marts.downloads_daily",
    "types that do not compare": "SELECT day FROM marts.downloads_daily WHERE project = downloads",
}


def tables_of(context: Context) -> dict[str, dict[str, str]]:
    """The type of each column of each model, by its two-part name."""
    return {
        model.name: {name: kind.sql(DIALECT) for name, kind in (model.columns_to_types or {}).items()}
        for model in context.models.values()
    }


def queries_of(model: Model) -> Iterator[tuple[str, exp.Query]]:
    """The model's query, and those of its audits, with the name of each."""
    if model.kind.is_external or model.kind.is_seed:
        queries: list[tuple[str, exp.Query | None]] = []
    else:
        queries = [(model.name, model.render_query(**DAYS))] if model.is_sql else []
        for audit, arguments in model.audits_with_args:
            queries.append((f"{audit.name} of {model.name}", model.render_audit_query(audit, **DAYS | arguments)))
    for name, query in queries:
        assert query is not None, name
        yield name, query


def as_bigquery(query: exp.Query) -> str:
    """The query in BigQuery's dialect, without the catalog of the warehouse."""
    query = query.copy()
    for named in query.find_all(exp.Table, exp.Column):
        named.set("catalog", None)
    return query.sql(DIALECT)


@pytest.fixture(scope="module")
def queries(context: Context) -> dict[str, str]:
    return {name: as_bigquery(query) for model in context.models.values() for name, query in queries_of(model)}


@pytest.fixture(scope="module")
def errors(context: Context, queries: dict[str, str]) -> dict[str, str | None]:
    """What the analyzer, which takes long to start, has against each query."""
    asked = queries | UNPORTABLE
    return dict(zip(asked, analyze(tables_of(context), list(asked.values())), strict=True))


def test_googles_analyzer_accepts_each_model_and_audit(
    context: Context, queries: dict[str, str], errors: dict[str, str | None]
) -> None:
    """Google's own analyzer of GoogleSQL, knowing the columns' types, takes what the models and audits render to."""
    assert {model.name for model in context.models.values() if model.is_sql} <= set(queries)
    assert {} == {name: f"{errors[name]}\n{query}" for name, query in queries.items() if errors[name]}


def test_googles_analyzer_rejects_what_only_duckdb_takes(errors: dict[str, str | None]) -> None:
    """The analyzer knows the tables that it is given: it has something against each query that is not portable."""
    assert [] == [case for case in UNPORTABLE if not errors[case]]
