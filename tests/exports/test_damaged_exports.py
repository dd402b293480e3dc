"""Exports are derived: whatever has become of their files, the next run makes them again, and says so in one line."""

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from pipelines.errors import ExportError
from pipelines.exports import Export, export
from tests.support.installation import Installation


def removed(path: Path) -> Path:
    """The path, where nothing is any more."""
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    return path


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut database": lambda folder: (folder / "pypi.duckdb").write_bytes(b"cut"),
    "no database": lambda folder: (folder / "pypi.duckdb").unlink(),
    "no Parquet file": lambda folder: (folder / "one.parquet").unlink(),
    "another file's content": lambda folder: shutil.copy(folder / "two.parquet", folder / "one.parquet"),
    "a file more": lambda folder: (folder / "old.parquet").write_bytes(b""),
    "cut digests": lambda folder: (folder / "digests.json").write_text('{"marts'),
    "digests of an earlier version": lambda folder: (folder / "digests.json").write_text('{"one": "1"}'),
    "digests that are no text": lambda folder: (folder / "digests.json").write_bytes(b"\xff\xfe"),
    "a folder for the digests": lambda folder: removed(folder / "digests.json").mkdir(),
    "a folder for a mart": lambda folder: removed(folder / "one.parquet").mkdir(),
    "a file for the folder": lambda folder: removed(folder).write_text(""),
    "a file for a draft": lambda folder: removed(folder).with_name(".exports-draft").write_text(""),
    "a link to nowhere": lambda folder: removed(folder).symlink_to("nowhere"),
}


@pytest.fixture
def computed_by_hand(project: Installation) -> Installation:
    """A warehouse with two marts that no model has made."""
    project.folder.mkdir()
    with duckdb.connect(project.file) as connection:
        connection.execute("CREATE SCHEMA marts")
        for name in ("one", "two"):
            connection.execute(f"CREATE TABLE marts.{name} AS SELECT '{name}' AS name, range AS number FROM range(3)")
    project.export()
    return project


def content(exported: Export) -> dict[str, bytes]:
    """The Parquet files by their names."""
    return {file.name: file.read_bytes() for file in exported.folder.glob("*.parquet")}


def test_whole_exports_are_left_alone(computed_by_hand: Installation, caplog: pytest.LogCaptureFixture) -> None:
    """Without a damage, nothing is written and nothing is said."""
    assert not computed_by_hand.export().changed
    assert [] == caplog.messages


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_exports_are_made_again(
    computed_by_hand: Installation, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    """All files are as they were, and a line says that they have been made again."""
    folder = computed_by_hand.folder / "exports"
    before = {file.name: file.read_bytes() for file in folder.glob("*.parquet")}
    DAMAGES[damage](folder)
    line = f"Files in {folder} are missing, damaged or of an earlier version: they are made again."
    said = [line] if os.path.lexists(folder) else []

    with caplog.at_level(logging.WARNING):
        again = computed_by_hand.export()

    assert again.changed
    assert before == content(again)
    with duckdb.connect(again.database, read_only=True) as connection:
        assert [(3,)] == connection.execute("SELECT COUNT(*) FROM marts.one").fetchall()
    assert said == caplog.messages
    assert not computed_by_hand.export().changed


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), duckdb.IOException("Could not write file")])
def test_a_full_disk_is_one_message_and_keeps_the_earlier_exports(
    computed_by_hand: Installation, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """The KPIs are computed, and the next run exports them."""
    exported = computed_by_hand.export()
    before = content(exported)
    with duckdb.connect(computed_by_hand.file) as connection:
        connection.execute("INSERT INTO marts.one VALUES ('one', 4)")

    def full(*_arguments: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("pipelines.exports._write", full)
        with pytest.raises(ExportError, match="the disk is full") as raised, computed_by_hand.warehouse() as warehouse:
            export(warehouse)

    assert "Free space" in raised.value.remedy
    assert before == content(exported)
    assert computed_by_hand.export().changed
