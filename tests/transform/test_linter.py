"""The project's own lint rules, and SQLMesh's, stop a model that breaks them."""

import shutil

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


Violation = tuple[str, str, str]


@pytest.fixture(scope="module")
def violations(tmp_path_factory: pytest.TempPathFactory) -> set[Violation]:
    """Model, rule and severity of each violation in a copy of the models that has two mistakes."""
    folder = shutil.copytree(ROOT / "sqlmesh", tmp_path_factory.mktemp("models") / "sqlmesh")
    (folder / "models" / "marts" / "bare.sql").write_text(BARE)
    model = folder / "models" / "marts" / "load_status.sql"
    model.write_text(model.read_text().replace("    projects = ", "    packages = "))
    set_console(NoopConsole())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAREHOUSE", ":memory:")
        context = Context(paths=[str(folder)])
    found = context.lint_models(raise_on_error=False)
    context.close()
    return {(each.model.name, each.rule.name, each.violation_type) for each in found}


def test_each_rule_is_an_error(violations: set[Violation]) -> None:
    """A model without owner, description, columns' descriptions, grain, casts, audits and test breaks a rule each."""
    assert {("marts.bare", rule, "error") for rule in BROKEN} <= violations


def test_description_of_a_column_that_is_gone_is_an_error(violations: set[Violation]) -> None:
    """A column and its description go together."""
    assert ("marts.load_status", "nomissingcolumndescription", "error") in violations


def test_other_models_break_no_rule(violations: set[Violation]) -> None:
    """A mistake is reported of the model that has it, and of no other."""
    assert {"marts.bare", "marts.load_status"} == {model for model, _, _ in violations}
    assert len(violations) == len(BROKEN) + 1
