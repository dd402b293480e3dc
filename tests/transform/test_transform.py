"""KPIs follow committed loads, also after a crash, and are wrong at no time."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest
from sqlmesh import Context

from pipelines.errors import TransformError
from pipelines.transform import Transformed, transform
from pipelines.transform.plan import aggregates
from pipelines.warehouse import bookkeeping
from tests.servers.simple_index import SimpleIndex, file
from tests.support.installation import ROOT, Installation, Row
from tests.support.models import marts_of_loads
from tests.support.rows import downloads, july, write

DAILY = "SELECT DAY(day), project, downloads FROM marts.downloads_daily WHERE day >= '2026-07-08' ORDER BY ALL"


def load_again(project: Installation, counts: Mapping[str, Mapping[int, int]]) -> None:
    """Load the last three days again, from an upstream with so many downloads."""
    # The project is a copy, whose file has moved: a file of another path would count as gone, and keep its days.
    project.load()
    write(project.source, downloads(counts))
    project.with_settings(LAG_DAYS="3").load()


def content(project: Installation) -> dict[str, list[Row]]:
    """The rows of each table and view, those of SQLMesh's state too."""
    tables = project.query("SELECT table_schema || '.' || table_name FROM information_schema.tables")
    # SQLMesh's janitor writes the intervals that it keeps again, under other ids and times.
    columns = {"sqlmesh._intervals": "name, identifier, version, start_ts, end_ts, is_dev, is_removed"}
    return {name: project.query(f"SELECT {columns.get(name, '*')} FROM {name} ORDER BY ALL") for (name,) in tables}


@pytest.mark.slow
@pytest.mark.parametrize("loaded", ["demo_project", "all_computed_once"])
def test_marts_are_what_the_models_make_of_the_loads(
    loaded: str, context: Context, request: pytest.FixtureRequest
) -> None:
    """SQLMesh's plan makes the rows that DuckDB alone makes by the models' queries, from the same loads."""
    project: Installation = request.getfixturevalue(loaded)
    marts = project.marts()

    assert {f"marts.{name}" for name in marts} == {
        model.name for model in context.models.values() if model.schema_name == "marts"
    }
    assert marts_of_loads(context, project) == marts


def test_days_that_are_loaded_again_are_computed_again(all_computed: Installation, context: Context) -> None:
    """Each mart follows all loads that no plan has taken: changed days, a day that is empty now, and a new project."""
    load_again(all_computed, {"one": {8: 1, 9: 5, 10: 1}, "two": {8: 1}})
    wanted = all_computed.with_settings(PROJECTS='["one", "two", "three"]')
    load_again(wanted, {"one": {8: 4, 10: 1}, "two": {8: 1}, "three": {10: 7}})
    assert marts_of_loads(context, wanted) != wanted.marts()

    wanted.transform()

    assert [(8, "one", 4), (8, "two", 1), (10, "one", 1), (10, "three", 7)] == wanted.query(DAILY)
    assert [("one", 0, False), ("two", 0, False)] == wanted.query(
        "SELECT project, downloads, is_missing FROM marts.downloads_trend WHERE day = '2026-07-09' ORDER BY project"
    )
    assert marts_of_loads(context, wanted) == wanted.marts()
    assert wanted.query("SELECT * FROM marts.health WHERE NOT is_loaded OR difference <> 0") == []
    with wanted.warehouse() as warehouse:
        assert {} == bookkeeping.pending_days(warehouse)


def test_failing_audit_of_a_restated_day_stops_and_acknowledges_nothing(all_computed: Installation) -> None:
    """A wrong value on one day that is loaded again makes the plan fail, and the load stays pending."""
    load_again(all_computed, {"one": {8: 4, 10: 1}, "two": {8: 1}})
    with duckdb.connect(all_computed.file) as connection:
        connection.execute("UPDATE raw.file_downloads SET file__type = 'surprise' WHERE day = '2026-07-08'")

    with pytest.raises(TransformError, match="accepted_values"):
        all_computed.transform()

    with all_computed.warehouse() as warehouse:
        assert [[july(day) for day in range(3, 11)]] == [*bookkeeping.pending_days(warehouse).values()]


@pytest.fixture
def changed_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the models, to be changed, of which all plans are made."""
    # With SQLMesh's cache, which goes by the files' times: without it, to read the models takes seconds.
    folder = shutil.copytree(ROOT / "sqlmesh", tmp_path / "sqlmesh")
    for module in ("context", "fingerprint"):
        monkeypatch.setattr(f"pipelines.transform.{module}.MODELS_FOLDER", folder)
    return folder


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_changed_model_that_fails_its_test_is_not_applied(all_computed: Installation, changed_models: Path) -> None:
    """A model that is changed wrongly stops at its unit test, before any number of it is computed; prod stays."""
    before = all_computed.marts()
    model = changed_models / "models" / "marts" / "downloads_monthly.sql"
    change(model, "right_days = days AS is_whole", "TRUE AS is_whole")

    with pytest.raises(TransformError, match="failing test"):
        all_computed.transform()

    assert before == all_computed.marts()


def test_plan_shows_a_change_with_its_rows_and_applies_nothing(
    all_computed: Installation, changed_models: Path
) -> None:
    """A change is categorised, with what is to be computed again and the rows that differ; no trace of it stays."""
    before = content(all_computed)
    change(changed_models / "seeds" / "countries.csv", "DE,Germany", "DE,Deutschland")
    change(changed_models / "models" / "marts" / "manylinux.sql", "AND libc", "AND day > '2020-01-01' AND libc")

    done = all_computed.cli("plan", "--diff")

    assert done.returncode == 0, done.stderr
    assert "reference.countries` (Breaking)" in done.stdout
    assert "Models needing backfill" in done.stdout
    assert "marts.manylinux`: [2016-01-01 - 2026-" in done.stdout
    assert "| marts.breakdown_periods | 94 | 94 | 0 | 0 | 8 | label |" in done.stdout
    assert "Marts that would be recomputed with the same rows: 4." in done.stdout
    assert before == content(all_computed)


def test_model_that_cannot_be_parsed_is_named(all_computed: Installation, changed_models: Path) -> None:
    """A typing error in a model is one message with the file and the place, not a stack trace."""
    change(changed_models / "models" / "marts" / "ci_weekly.sql", "FROM marts", "FROM FROM marts")

    with pytest.raises(TransformError, match=r"ci_weekly\.sql"):
        all_computed.transform()


def test_unit_tests_of_the_models_pass(context: Context) -> None:
    """Each example of what a model makes of some rows is right."""
    result = context.test()

    assert result.testsRun > len([model for model in context.models.values() if model.is_sql])
    assert result.wasSuccessful(), [text for _, text in result.failures + result.errors]


def test_all_that_reads_rows_is_restated_together(context: Context) -> None:
    """Each model with days that reads rows waits for loads by the signal, which is how a restatement finds it."""
    rows = {context.get_model(name, raise_if_missing=True).fqn for name in ("staging.downloads", "raw.file_downloads")}
    readers = {
        model.name for model in context.models.values() if model.time_column and rows & (model.depends_on or set())
    }

    assert sorted(readers) == aggregates(context)


def test_audits_of_each_view_run_again_when_days_are_restated(context: Context) -> None:
    """A restatement audits only what follows from the aggregates: a view above them has no audit of its own."""
    fqns = [context.get_model(name, raise_if_missing=True).fqn for name in aggregates(context)]
    restated = {each for fqn in fqns for each in context.dag.downstream(fqn)}
    views = {fqn: model for fqn, model in context.models.items() if model.kind.is_view and model.audits}
    seeded = {fqn for fqn in views if all(context.models[each].kind.is_seed for each in context.dag.upstream(fqn))}

    assert [] == [model.name for fqn, model in views.items() if fqn not in restated | seeded]


def test_models_start_before_any_day_that_can_be_loaded() -> None:
    """A restatement before a model's start would do nothing, silently."""
    assert "start: 2016-01-01" in (ROOT / "sqlmesh" / "config.yaml").read_text()


def test_releases_that_have_changed_are_computed_without_a_day(all_computed: Installation) -> None:
    """What follows from the index is computed again, and nothing the next time."""
    with SimpleIndex() as index:
        index.add("one", file("one-1.0.tar.gz", yanked="It crashes"), file("one-9.0.tar.gz"))
        index.add("two")
        project = all_computed.with_settings(**index.settings)
        project.load_releases()

    with project.warehouse() as warehouse:
        assert Transformed([], models_changed=False, releases_changed=True) == transform(warehouse)
        assert Transformed([], models_changed=False) == transform(warehouse)
    assert [("1.0", True, "It crashes"), ("9.0", False, None)] == project.query(
        "SELECT version, is_yanked, yanked_reason FROM marts.versions WHERE project = 'one' ORDER BY version_order"
    )
