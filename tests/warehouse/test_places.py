"""A folder belongs to itself: a copy of it, and one that was moved, work on the warehouse and the lakes in it."""

import shutil
from pathlib import Path

import pytest

from tests.support.installation import ROOT, Installation
from tests.support.lakes import fill_lake, open_lake
from tests.support.rows import downloads, write


@pytest.fixture
def original(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A project whose settings name a file, a lake and an upstream by relative paths; two days are loaded."""
    monkeypatch.setenv("DESTINATIONS", '["warehouse", "lake"]')
    monkeypatch.setenv("DESTINATION__LAKE__BUCKET_URL", "data/lake")
    folder = tmp_path / "original"
    shutil.copytree(ROOT / ".dlt", folder / ".dlt")
    write(folder / "source" / "first.parquet", downloads({"one": {1: 2, 2: 3}}))
    monkeypatch.chdir(folder)
    project = Installation(Path("data")).reading(Path("source"), "one")
    project.load()
    fill_lake(project)
    return project


def test_a_copied_folder_loads_into_its_own_warehouse(
    original: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day that arrives in the copy is in the warehouse and the lake of the copy, and not in those of the original."""
    before = (original.file.read_bytes(), sorted(Path("data/lake").rglob("*.parquet")))
    copy = shutil.copytree(tmp_path / "original", tmp_path / "copy")
    write(copy / "source" / "second.parquet", downloads({"one": {3: 5}}))

    monkeypatch.chdir(copy)
    loaded = original.load().accepted
    fill_lake(original)

    assert 5 == loaded
    assert [(10,)] == original.query("SELECT COUNT(*) FROM raw.file_downloads")
    assert (copy / "data/lake/raw/file_downloads/day=2026-07-03/one.parquet").exists()
    monkeypatch.chdir(tmp_path / "original")
    assert before == (original.file.read_bytes(), sorted(Path("data/lake").rglob("*.parquet")))


def test_a_moved_folder_goes_on(original: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where dlt's state names a folder that is gone, the next day is loaded all the same."""
    moved = (tmp_path / "original").rename(tmp_path / "moved")
    write(moved / "source" / "second.parquet", downloads({"one": {3: 5}}))

    monkeypatch.chdir(moved)
    loaded = original.load().accepted
    fill_lake(original)

    assert 5 == loaded
    assert {1, 2, 3} == {day.day.day for day in open_lake(original).manifest()}
    assert not (tmp_path / "original").exists()
