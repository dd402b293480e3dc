"""The project's own lint rules, and SQLMesh's, stop a model that breaks them."""

import shutil
from pathlib import Path

import pytest
from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope
from sqlmesh import Context
from sqlmesh.core.console import NoopConsole, set_console
from sqlmesh.core.model import ExternalModel, SqlModel

from tests.project import ROOT

BARE = (
    "MODEL (name marts.bare, kind FULL, owner ''); SELECT project, SUM(accepted) AS rows_loaded FROM raw.committed_days"
)
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


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the SQLMesh project, to be changed."""
    monkeypatch.setenv("WAREHOUSE", ":memory:")
    set_console(NoopConsole())
    folder = tmp_path / "sqlmesh"
    shutil.copytree(ROOT / "sqlmesh", folder, ignore=shutil.ignore_patterns(".cache"))
    return folder


def broken_rules(folder: Path) -> set[tuple[str, str, str]]:
    """Model, rule and severity of each violation."""
    context = Context(paths=[str(folder)])
    try:
        found = context.lint_models(raise_on_error=False)
    finally:
        context.close()
    return {(each.model.name, each.rule.name, each.violation_type) for each in found}


def test_each_rule_is_an_error(copied: Path) -> None:
    """A model without owner, description, columns' descriptions, grain, casts, audits and test breaks a rule each."""
    (copied / "models" / "marts" / "bare.sql").write_text(BARE)

    assert {("marts.bare", rule, "error") for rule in BROKEN} == broken_rules(copied)


def test_description_of_a_column_that_is_gone_is_an_error(copied: Path) -> None:
    """A column and its description go together."""
    model = copied / "models" / "marts" / "load_status.sql"
    model.write_text(model.read_text().replace("    projects = ", "    packages = "))

    assert {("marts.load_status", "nomissingcolumndescription", "error")} == broken_rules(copied)


def test_layer_reads_none_that_comes_after_it(copied: Path) -> None:
    """Staging must not read a mart, and a model is of one of the layers."""
    staging = copied / "models" / "staging" / "loaded_days.sql"
    staging.write_text(staging.read_text().replace("raw.committed_days", "marts.downloads_daily"))
    mart = copied / "models" / "marts" / "lost.sql"
    mart.write_text((copied / "models" / "marts" / "portfolio_weekly.sql").read_text().replace("marts.p", "more.p"))

    assert {
        ("staging.loaded_days", "noreadagainsttheflow", "error"),
        ("more.portfolio_weekly", "noreadagainsttheflow", "error"),
        ("more.portfolio_weekly", "nomissingunittest", "error"),
    } == broken_rules(copied)


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
