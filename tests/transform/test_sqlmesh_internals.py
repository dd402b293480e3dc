"""What SQLMesh does once in place of many times gives the same."""

import ast
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlglot import exp
from sqlmesh import EngineAdapter
from sqlmesh.core.dialect import parse
from sqlmesh.core.engine_adapter.duckdb import DuckDBEngineAdapter
from sqlmesh.core.model import SqlModel, load_sql_based_model
from sqlmesh.core.model.cache import ModelCache
from sqlmesh.core.renderer import BaseExpressionRenderer

from pipelines.transform import context  # noqa: F401 - changes SQLMesh
from tests.support.installation import ROOT

DAYS: dict[str, Any] = {"start": "2026-07-01", "end": "2026-07-02", "execution_time": "2026-07-03"}
MACROS = sorted((ROOT / "sqlmesh" / "macros").glob("*.py"))


def model(query: str) -> SqlModel:
    loaded = load_sql_based_model(
        parse(f"MODEL (name marts.one, dialect duckdb, kind INCREMENTAL_BY_TIME_RANGE (time_column day)); {query}"),
        variables={"least": 1},
    )
    assert isinstance(loaded, SqlModel)
    return loaded


@pytest.fixture
def adapter() -> EngineAdapter:
    return DuckDBEngineAdapter(duckdb.connect)


def test_query_without_days_is_rendered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has been rendered at loading is taken for a run, with the run's tables in it."""
    one = model("SELECT day::DATE AS day FROM raw.rows WHERE number > @least")
    query = one.render_query_or_raise().sql()
    monkeypatch.setattr(BaseExpressionRenderer, "_render", None)

    rendered = one.render_query_or_raise(**DAYS, table_mapping={"raw.rows": "elsewhere"}).sql(comments=False)

    assert '"elsewhere"' in rendered
    assert rendered.replace('"elsewhere"', '"raw"."rows"') == query


@pytest.mark.parametrize("name", ["@start_date", "@end_ds", "@execution_date"])
def test_query_with_days_is_rendered_for_the_run(name: str) -> None:
    """The days of a run are in it, and not those of loading."""
    one = model(f"SELECT day::DATE AS day FROM raw.rows WHERE day = {name}")
    one.render_query_or_raise()

    assert "'2026-07-0" in one.render_query_or_raise(**DAYS).sql()


def test_unit_test_may_set_variables() -> None:
    """A query is rendered with them, although they are no days."""
    one = model("SELECT day::DATE AS day FROM raw.rows WHERE number > @least")
    one.render_query_or_raise()

    assert "> 7" in one.render_query_or_raise(**DAYS, variables={"least": 7}).sql()


def test_model_is_cached_and_kept(tmp_path: Path) -> None:
    """SQLMesh writes a model for the next process, and goes on with what it has loaded and rendered."""
    cache, one = ModelCache(tmp_path), model("SELECT day::DATE AS day FROM raw.rows")

    assert not cache.put([one], "one")
    assert [one.fqn] == [each.fqn for each in cache.get("one")]


@pytest.mark.parametrize("file", MACROS, ids=lambda file: file.stem)
def test_what_a_macro_makes_depends_on_its_arguments_alone(file: Path) -> None:
    """Of SQLMesh's evaluator, which also knows the run, a macro uses the parser only."""
    used = {
        node.attr
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and "evaluator" in node.value.id
    }

    assert used <= {"parse_one"}


def test_each_column_has_its_comment(adapter: EngineAdapter) -> None:
    """In a table and in a view, whatever the comment says."""
    comments = {"day": "The log's day; UTC.", "number": 'Of "rows".'}
    types = {"day": exp.DataType.build("DATE"), "number": exp.DataType.build("INT")}
    adapter.create_schema("marts")
    adapter.create_table("marts.one", types, column_descriptions=comments)
    adapter.create_view("marts.seen", parse("SELECT * FROM marts.one")[0], column_descriptions=comments)

    found = adapter.fetchall("SELECT table_name, column_name, comment FROM duckdb_columns() WHERE comment IS NOT NULL")
    assert {(table, *each) for table in ("one", "seen") for each in comments.items()} == set(found)
