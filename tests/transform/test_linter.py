"""The project's own lint rules, and SQLMesh's, stop a model that breaks them."""

import shutil
from pathlib import Path

import pytest
from sqlmesh import Context
from sqlmesh.core.console import NoopConsole, set_console

from tests.support.installation import ROOT

BARE = "MODEL (name marts.bare, kind FULL, owner ''); SELECT project, SUM(accepted) AS rows_loaded FROM raw.loaded_days"
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
