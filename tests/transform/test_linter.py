"""The project's own lint rules, and SQLMesh's, stop a model that breaks them."""

import shutil
from pathlib import Path

import pytest
from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope
from sqlmesh import Context
from sqlmesh.core.console import NoopConsole, set_console
from sqlmesh.core.model import ExternalModel, SqlModel

from tests.support.installation import ROOT

pytestmark = pytest.mark.slow

BARE = """
MODEL (name marts.bare, kind FULL, owner '');
SELECT project, SUM(accepted) AS rows_loaded FROM raw.committed_days
"""
BROKEN = {
    "nomissingaudits",
    "nomissingcolumndescription",
    "nomissingdescription",
    "nomissinggrain",
    "nomissingowner",
    "nomissingunittest",
    "nountypedcolumn",
    "toofewaudits",
}


@pytest.fixture(scope="module")
def broken_rules(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str, str]]:
    """Model, rule and severity of each violation in a copy of the project with some broken models."""
    folder = tmp_path_factory.mktemp("lint") / "sqlmesh"
    shutil.copytree(ROOT / "sqlmesh", folder, ignore=shutil.ignore_patterns(".cache"))
    models = folder / "models"
    (models / "marts" / "bare.sql").write_text(BARE)
    change(models / "marts" / "costs_monthly.sql", " /* Number of rows read. */", "")
    change(models / "marts" / "downloads_by.sql", "@described(@{value}, @meaning)", "@{value}")
    change(models / "reference" / "countries.sql", "    country = ", "    nation = ")
    change(models / "staging" / "loaded_days.sql", "FROM raw.committed_days", "FROM marts.downloads_daily")
    change(models / "marts" / "portfolio_weekly.sql", "name marts.", "name more.")
    change(models / "marts" / "manylinux.sql", "FROM staging.daily_platforms", "FROM staging.downloads")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAREHOUSE", ":memory:")
        set_console(NoopConsole())
        context = Context(paths=[str(folder)])
    try:
        found = context.lint_models(raise_on_error=False)
    finally:
        context.close()
    return {(each.model.name, each.rule.name, each.violation_type) for each in found}


def change(model: Path, old: str, new: str) -> None:
    """Break a model."""
    assert old in model.read_text()
    model.write_text(model.read_text().replace(old, new))


def test_each_rule_is_an_error(broken_rules: set[tuple[str, str, str]]) -> None:
    """A model without owner, description, columns' descriptions, grain, casts, audits and test breaks a rule each."""
    assert {("marts.bare", rule, "error") for rule in BROKEN} == {
        each for each in broken_rules if each[0] == "marts.bare"
    }


@pytest.mark.parametrize("model", ["marts.costs_monthly", "marts.downloads_by_cpu", "reference.countries"])
def test_column_and_description_go_together(broken_rules: set[tuple[str, str, str]], model: str) -> None:
    """A column without comment, also of a blueprint, and a seed's description of a column that is gone are errors."""
    assert {(model, "nomissingcolumndescription", "error")} == {each for each in broken_rules if each[0] == model}


@pytest.mark.parametrize("model", ["staging.loaded_days", "more.portfolio_weekly"])
def test_layer_reads_none_that_comes_after_it(broken_rules: set[tuple[str, str, str]], model: str) -> None:
    """Staging must not read a mart, and a model is of one of the layers."""
    assert (model, "noreadagainsttheflow", "error") in broken_rules


def test_only_aggregates_read_rows(broken_rules: set[tuple[str, str, str]]) -> None:
    """A mart that reads rows would read all of them at each run."""
    assert ("marts.manylinux", "norowsbesidetheaggregates", "error") in broken_rules


def test_right_models_break_no_rule(broken_rules: set[tuple[str, str, str]]) -> None:
    """Nothing is found but in the models that were broken, and those that read one which is not there any more."""
    models = {model for model, _, _ in broken_rules if not model.startswith("marts.downloads_by_")}

    assert {
        "marts.bare",
        "marts.costs_monthly",
        "marts.load_status",
        "marts.manylinux",
        "marts.portfolio_answers",
        "more.portfolio_weekly",
        "reference.countries",
        "staging.loaded_days",
    } == models


def test_each_declared_column_of_raw_is_read(context: Context) -> None:
    """external_models/raw.yaml declares no column that no model reads."""
    declared = {
        (model.name, column)
        for model in context.models.values()
        if isinstance(model, ExternalModel)
        for column in model.columns_to_types or {}
    }
    read = {
        (f"raw.{source.name}", column.name)
        for model in context.models.values()
        if isinstance(model, SqlModel)
        for scope in traverse_scope(model.render_query_or_raise())
        for column in scope.columns
        if isinstance(source := scope.sources.get(column.table), exp.Table) and source.db == "raw"
    }

    assert declared == read
