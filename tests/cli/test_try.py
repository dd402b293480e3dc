"""`try` against ClickHouse's own engine: real numbers of a package, without an account or a setting."""

import json
from pathlib import Path

import pytest

from pipelines import run
from tests.servers.clickhouse import ClickHouse
from tests.support.installation import Done, Installation
from tests.support.rows import downloads, write

DAYS = ("--start", "2026-07-01", "--end", "2026-07-05")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clickhouse: ClickHouse) -> Path:
    """The folder that `try` fills; the server has four days of `one` and `two`."""
    counts = dict.fromkeys(range(1, 5), 3)
    clickhouse.fill(write(tmp_path / "upstream.parquet", downloads({"one": counts, "two": counts, "pip": counts})))
    monkeypatch.setattr(run, "TRY_FOLDER", tmp_path / "try")
    return tmp_path / "try"


def call_try(folder: Path, server: ClickHouse, *arguments: str, models: Path | None = None) -> Done:
    """Call `try` where the settings are about something else."""
    others = Installation(folder.parent / "data", models=models).reading(
        Path("elsewhere"), "saltmarsh", END_DATE="2026-07-02"
    )
    address = {"SOURCES__PYPI__CLICKPY__URL": server.url, "SOURCES__PYPI__CLICKPY__PAUSE": "0"}
    return others.cli("try", *arguments, "--no-site", **address, DESTINATIONS='["warehouse", "lake"]')


def test_try_loads_and_computes_in_a_warehouse_of_its_own(
    folder: Path, clickhouse: ClickHouse, few_models: Path
) -> None:
    """The packages' days are loaded and computed, whatever the settings are about, and no other warehouse is made."""
    done = call_try(folder, clickhouse, "One", "two", *DAYS, models=few_models)

    assert done.returncode == 0, done.stderr
    assert "Loaded 2026-07-01 to 2026-07-04 of 2 projects: 24 rows accepted, 0 quarantined." in done.stdout
    assert [("one", 12), ("two", 12)] == Installation(folder).query(
        "SELECT project, SUM(downloads) FROM marts.downloads_daily GROUP BY project ORDER BY project"
    )
    assert not (folder.parent / "data").exists()


def test_unknown_name_is_said_at_once(folder: Path, clickhouse: ClickHouse) -> None:
    """A name that does not exist ends the command before anything is made, also beside one that does."""
    done = call_try(folder, clickhouse, "one", "onne", *DAYS)

    assert done.returncode == 1
    assert f"Error: {clickhouse.url} has no download of onne." in done.stderr
    assert not folder.exists()


def test_other_packages_are_removed(folder: Path, clickhouse: ClickHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was tried before is kept for the same packages, and removed for others."""
    settings = {**clickhouse.settings, "PROJECTS": json.dumps(["one"]), "START_DATE": "2026-07-01"}
    tried = Installation(folder, settings)
    tried.load()
    monkeypatch.setattr(run, "run", lambda *_arguments, **_options: None)

    assert call_try(folder, clickhouse, "one", "two", *DAYS).returncode == 0
    assert tried.file.exists()

    assert call_try(folder, clickhouse, "two", *DAYS).returncode == 0
    assert not tried.file.exists()
    assert not (folder / "dlt").exists()


@pytest.mark.parametrize("arguments", [(), ("one", "--start", "2026-07-05", "--end", "2026-07-05")])
def test_nothing_to_try_is_refused(folder: Path, clickhouse: ClickHouse, arguments: tuple[str, ...]) -> None:
    """Without a package, or without a day, there is nothing to load."""
    assert call_try(folder, clickhouse, *arguments).returncode == 2
    assert clickhouse.queries() == []
