"""The working folder of dlt, and the files of the lock, are derived: whatever has become of them, loads stay exact."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import dlt
import pytest

from tests.support.installation import Installation
from tests.support.rows import downloads, write

pytestmark = pytest.mark.slow


def removed(path: Path) -> Path:
    """The path, where nothing is any more."""
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    return path


DAMAGES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "empty state": ("state.json is damaged", lambda data: (data / "dlt/pypi/state.json").write_text("")),
    "cut state": ("state.json is damaged", lambda data: (data / "dlt/pypi/state.json").write_text('{"_state_ver')),
    "another state": ("state.json is damaged", lambda data: (data / "dlt/pypi/state.json").write_text("[1]")),
    "later state": (
        "something is damaged",
        lambda data: (data / "dlt/pypi/state.json").write_text(
            '{"_state_version": 1, "_state_engine_version": 99, "_local": {}}'
        ),
    ),
    "folder for the state": ("state.json is damaged", lambda data: removed(data / "dlt/pypi/state.json").mkdir()),
    "cut schema": (
        "schemas/pypi.schema.json is damaged",
        lambda data: (data / "dlt/pypi/schemas/pypi.schema.json").write_text('{"version'),
    ),
    "no schema": (
        "schemas/pypi.schema.json is damaged",
        lambda data: (data / "dlt/pypi/schemas/pypi.schema.json").unlink(),
    ),
    "file for a storage": ("load is damaged", lambda data: removed(data / "dlt/pypi/load").write_text("")),
    "file for packages": (
        "normalize/extracted is damaged",
        lambda data: removed(data / "dlt/pypi/normalize/extracted").write_text(""),
    ),
    "later storage": ("something is damaged", lambda data: (data / "dlt/pypi/load/.version").write_text("99")),
    "file for the folder": ("dlt is no folder", lambda data: removed(data / "dlt").write_text("")),
    "file for the pipeline": ("dlt/pypi is no folder", lambda data: removed(data / "dlt/pypi").write_text("")),
    "folder for the holder": ("run.json is a folder", lambda data: removed(data / "run.json").mkdir()),
    "folder for the lock": ("run.lock is a folder", lambda data: removed(data / "run.lock").mkdir()),
    "cut holder": ("", lambda data: (data / "run.json").write_text('{"token')),
    "no folder": ("", lambda data: removed(data / "dlt")),
}


@pytest.fixture(scope="module")
def loaded_once(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("loaded")
    write(folder / "data" / "source" / "first.parquet", downloads({"one": {1: 2, 2: 3}}))
    project = Installation(folder / "data").reading(folder / "data" / "source", "one")
    project.load()
    (project.folder / "run.json").write_text("{}")
    (project.folder / "run.lock").touch()
    return project


@pytest.fixture
def loaded(loaded_once: Installation, tmp_path: Path) -> Installation:
    """A project that has loaded two days, and has a third one upstream."""
    copy = loaded_once.copy(tmp_path / "data").with_settings(PARQUET_PATH=str(tmp_path / "data" / "source"))
    write(copy.source / "second.parquet", downloads({"one": {3: 5}}))
    return copy


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_folder_is_made_again(loaded: Installation, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    """The next load is exact; one line says what was damaged, and the load after it says nothing."""
    said, harm = DAMAGES[damage]
    harm(loaded.folder)
    monkeypatch.setattr("pipelines.run.publish", lambda *_arguments, **_options: None)
    monkeypatch.setattr("pipelines.cli.printing.terminal.Terminal.report", lambda *_arguments: None)

    first = loaded.cli()
    second = loaded.cli()

    assert (0, 0) == (first.returncode, second.returncode), first.stderr
    assert [(10,)] == loaded.query("SELECT COUNT(*) FROM raw.file_downloads")
    assert said in first.stderr
    assert (1 if said else 0) == len(first.stderr.splitlines())
    assert "" == second.stderr


@pytest.mark.parametrize("content", [b"", b"PAR1 cut"])
def test_a_damaged_package_is_read_again(
    loaded: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    """Where a run has died before it loaded its package, and a file of the package is cut since, nothing is lost."""

    def dies(*_arguments: object, **_options: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(dlt.Pipeline, "load", dies)
        with pytest.raises(RuntimeError):
            loaded.load()
    [file] = loaded.folder.glob("dlt/pypi/load/normalized/*/new_jobs/file_downloads.*.parquet")
    file.write_bytes(content)

    with caplog.at_level(logging.WARNING, "pipelines"):
        report = loaded.load()

    assert 5 == report.accepted
    assert [(10,)] == loaded.query("SELECT COUNT(*) FROM raw.file_downloads")
    [line] = caplog.messages
    assert f"{file.name} is damaged: the folder is made again" in line
