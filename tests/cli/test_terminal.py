"""Commands print in any terminal, and write nothing outside the project."""

import io
import sys

import duckdb
import pytest
from sqlmesh.core import constants
from sqlmesh.core.analytics import collector
from sqlmesh.core.console import NoopConsole
from sqlmesh.utils.errors import SQLMeshError

from pipelines import cli
from pipelines.cli.printing.terminal import Terminal
from pipelines.errors import SettingsError, TransformError
from pipelines.transform import context
from pipelines.transform.context import open_context
from pipelines.warehouse import bookkeeping
from tests.support.installation import ROOT, Installation


@pytest.mark.parametrize(
    ("encoding", "line"), [("ascii", "ok Load: ?? 1"), ("latin-1", "ok Load: ?? 1"), ("utf-8", "✓ Load: 日本 1")]
)
def test_terminal_without_utf_8_stops_no_command(encoding: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its encoding lacks is replaced, in messages and in errors."""
    output, errors = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2))
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(sys, "stderr", errors)

    def app() -> None:
        with Terminal().step("Load") as update:
            update("日本 1")
        raise SettingsError("日本 2", remedy="3")

    monkeypatch.setattr(cli, "app", app)
    with pytest.raises(SystemExit):
        cli.main()

    output.seek(0)
    errors.seek(0)
    assert line in output.read()
    assert "Error: " in (said := errors.read())
    assert ("日本 2" in said) == (encoding == "utf-8")


def test_sqlmesh_needs_no_home_and_no_process_of_its_own() -> None:
    """A service's HOME may not be writable, and processes that SQLMesh forks outlive a run that is killed."""
    assert constants.SQLMESH_PATH.is_relative_to(ROOT / "sqlmesh" / ".cache")
    assert collector._sqlmesh_path == constants.SQLMESH_PATH
    assert constants.MAX_FORK_WORKERS == 1


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (PermissionError(13, "Permission denied", "/home/you/.sqlmesh"), "SQLMesh cannot use /home/you/.sqlmesh: Perm"),
        (ValueError("the reason"), "no prior migrations The first error was: the reason"),
    ],
)
def test_error_of_a_rollback_does_not_hide_the_first(
    first: Exception, message: str, project: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLMesh reports the last of its errors, which says nothing about the cause."""
    error = SQLMeshError("no prior migrations")
    error.__context__ = first

    def broken(**_options: object) -> None:
        raise error

    monkeypatch.setattr(context, "Context", broken)
    monkeypatch.setattr(bookkeeping, "ensure_tables", lambda _warehouse: None)
    project.folder.mkdir()
    duckdb.connect(project.file).close()

    with (
        project.warehouse() as warehouse,
        pytest.raises(TransformError, match=message),
        open_context(warehouse, NoopConsole()),
    ):
        pass
