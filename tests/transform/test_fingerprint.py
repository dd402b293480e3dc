"""SQLMesh is left out of a run only where it would find nothing to do."""

import re
import shutil
from importlib.metadata import version
from pathlib import Path

import duckdb
import pytest
from sqlmesh import Context
from sqlmesh.core.console import NoopConsole

from pipelines.transform import fingerprint, plan, transform
from pipelines.transform.context import open_context
from pipelines.transform.fingerprint import MODELS_FOLDER, compute_fingerprint
from pipelines.warehouse import Warehouse, bookkeeping, resolve_warehouse
from pipelines.warehouse.settings import CREDENTIALS_VARIABLE

APPLIED = """
CREATE SCHEMA sqlmesh;
CREATE TABLE sqlmesh._environments (name TEXT, plan_id TEXT, finalized_ts BIGINT);
INSERT INTO sqlmesh._environments VALUES ('prod', 'first', 1), ('review', 'other', 1);
"""
"""What SQLMesh keeps of a plan that it has applied, as far as we read it."""


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """SQLMesh's folder, to be changed."""
    folder = tmp_path / "sqlmesh"
    shutil.copytree(MODELS_FOLDER, folder, ignore=shutil.ignore_patterns(".cache", "logs", "__pycache__"))
    monkeypatch.setattr(fingerprint, "MODELS_FOLDER", folder)
    return folder


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The plans that were applied, each as the file of its warehouse; nothing is computed."""
    plans: list[Path] = []
    monkeypatch.setattr(plan, "apply_plan", lambda warehouse, _days, **_options: plans.append(warehouse.file))
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute(APPLIED)
    return plans


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """A warehouse in which nothing is loaded."""
    monkeypatch.setenv(CREDENTIALS_VARIABLE, str(tmp_path / "warehouse.duckdb"))
    return resolve_warehouse()


@pytest.mark.slow
def test_each_file_counts(copy: Path) -> None:
    """A change of any file, its removal and its other name each give another fingerprint."""
    before = compute_fingerprint()
    for file in sorted(path for path in copy.rglob("*") if path.is_file()):
        text = file.read_bytes()
        file.write_bytes(text + b"\n")
        assert before != compute_fingerprint(), file
        file.write_bytes(text)
        moved = file.rename(file.with_name(f"{file.name}.away"))
        assert before != compute_fingerprint(), file
        moved.rename(file)

    assert before == compute_fingerprint()


def test_new_file_counts_and_what_sqlmesh_generates_does_not(copy: Path) -> None:
    """A model that was added is seen; SQLMesh's cache and logs are not."""
    before = compute_fingerprint()
    for folder in (".cache", "logs"):
        (copy / folder).mkdir()
        (copy / folder / "file").write_text("generated")
    assert before == compute_fingerprint()

    (copy / "models" / "marts" / "new.sql").write_text("SELECT 1")
    assert before != compute_fingerprint()


def test_all_that_sqlmesh_reads_is_in_the_folder(context: Context) -> None:
    """Models, audits, macros and signals come from files that the fingerprint reads, not from the shell."""
    read = set(fingerprint._files(MODELS_FOLDER))
    models = {model._path for model in context.models.values()}
    audits = {audit._path for audit in context._audits.values()}
    python = {
        Path(executable.path)
        for model in context.models.values()
        for executable in model.python_env.values()
        if executable.path
    }

    assert models | audits <= read
    assert {MODELS_FOLDER / path if not path.is_absolute() else path for path in python} <= read
    variables = re.findall(r"env_var\('(\w+)'", (MODELS_FOLDER / "config.yaml").read_text())
    assert set(variables) == {"WAREHOUSE", "DUCKDB_OPTIONS", "ENGINE", "ENGINE_CONNECTION", "ENGINE_STATE"}


def test_an_engine_of_the_shell_is_not_believed(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings choose the engine; a variable that others use for their own ends does not."""
    monkeypatch.setenv("ENGINE", "other")
    duckdb.connect(str(warehouse)).close()

    with open_context(warehouse, NoopConsole(), load=False) as context:
        assert context.config.default_gateway == "warehouse"


@pytest.mark.parametrize("variable", ["SQLMESH__DEFAULT_GATEWAY", "sqlmesh__variables__anomaly_minimum"])
def test_settings_in_the_environment_count(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLMesh takes its configuration from such variables, too."""
    before = compute_fingerprint()
    monkeypatch.setenv(variable, "other")

    assert before != compute_fingerprint()


@pytest.mark.parametrize("package", fingerprint.PACKAGES)
def test_other_version_of_a_package_counts(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new version may read the same models differently."""
    before = compute_fingerprint()
    monkeypatch.setattr(fingerprint, "version", lambda name: "0" if name == package else version(name))

    assert before != compute_fingerprint()


def test_second_run_does_not_plan(warehouse: Warehouse, planned: list[Path]) -> None:
    """With the same models and no new days there is nothing for SQLMesh to do."""
    transform(warehouse)
    transform(warehouse)

    assert planned == [warehouse.file]


CHANGES = {
    "another plan was applied by hand": "UPDATE sqlmesh._environments SET plan_id = 'second' WHERE name = 'prod'",
    "a plan was not finished": "UPDATE sqlmesh._environments SET finalized_ts = NULL",
    "production is gone": "DELETE FROM sqlmesh._environments WHERE name = 'prod'",
    "SQLMesh's state is gone": "DROP SCHEMA sqlmesh CASCADE",
    "a project was forgotten": "INSERT INTO raw.forgotten_days VALUES ('one', '2026-07-01')",
    "other models were applied": "UPDATE raw.applied_models SET fingerprint = 'other'",
}


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES)
def test_whatever_has_changed_is_planned(warehouse: Warehouse, planned: list[Path], statement: str) -> None:
    """Where the warehouse is not known to be what these models make of these days, SQLMesh decides."""
    transform(warehouse)
    bookkeeping.execute(warehouse, statement)

    assert bookkeeping.applied_fingerprint(warehouse) != compute_fingerprint() or bookkeeping.forgotten_days(warehouse)
    with pytest.MonkeyPatch.context() as patch:
        # Where SQLMesh's state is gone there is no plan to record.
        patch.setattr(bookkeeping, "acknowledge", lambda *_arguments: None)
        transform(warehouse)

    assert planned == [warehouse.file] * 2
