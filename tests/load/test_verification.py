"""`verify` against ClickHouse's own engine: the totals of a warehouse beside those of a copy of the same log."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.servers.clickhouse import ClickHouse
from tests.support.installation import Installation
from tests.support.rows import download, downloads, july, write

ROWS = downloads({"one": {1: 3, 3: 2}, "two": {1: 1, 2: 5}})
BUSY = downloads({"pip": dict.fromkeys((1, 2, 3, 4), 4)})


@pytest.fixture
def loaded(tmp_path: Path, clickhouse: ClickHouse) -> Installation:
    """Two projects, loaded from files through July 5; the copy ends on July 4, and is equal."""
    clickhouse.fill(write(tmp_path / "upstream.parquet", [*ROWS, *BUSY]))
    write(tmp_path / "files" / "rows.parquet", [*ROWS, *downloads({"one": {5: 1}})])
    project = Installation(tmp_path / "data").reading(tmp_path / "files", "one", "two", END_DATE="2026-07-06")
    return project.with_settings(CLICKPY__URL=clickhouse.url, CLICKPY__PAUSE="0")


def verify(project: Installation, *arguments: str) -> tuple[int, Any]:
    done = project.cli("verify", *arguments, "--json")
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


@pytest.mark.parametrize("grain", ["row", "day"])
def test_equal_totals_are_said_to_be(loaded: Installation, clickhouse: ClickHouse, grain: str) -> None:
    """Each day is compared, also one without downloads; later ones are counted; few queries are sent."""
    project = loaded.with_settings(GRAIN=grain)
    project.load()
    clickhouse.faults()

    code, found = verify(project)

    assert code == 0
    assert found["projects"] == {"one": 4, "two": 4}
    assert found["later"] == {"one": 1, "two": 1}
    assert found["differences"] == []
    assert len(clickhouse.queries()) <= 9


def test_each_difference_is_named(loaded: Installation, clickhouse: ClickHouse) -> None:
    """A day with more, with less, and one that the copy lacks, with its project; nothing is changed."""
    loaded.load()
    with duckdb.connect(loaded.file) as connection:
        connection.execute(
            "DELETE FROM raw.file_downloads WHERE rowid = (SELECT MAX(rowid) FROM raw.file_downloads "
            "WHERE project = 'one' AND day = '2026-07-03')"
        )
    clickhouse.execute(
        "ALTER TABLE pypi.pypi DELETE WHERE project = 'two' AND date = '2026-07-02' SETTINGS mutations_sync = 1",
        "INSERT INTO pypi.pypi SELECT * FROM pypi.pypi WHERE project = 'two'",
    )
    before = loaded.query("SELECT COUNT(*), SUM(HASH(t)::HUGEINT) FROM raw.file_downloads AS t")

    code, found = verify(loaded)

    assert code == 3
    assert [
        {"project": "one", "day": "2026-07-03", "ours": 1, "theirs": 2, "quarantined": 0, "relative": -0.5},
        {"project": "two", "day": "2026-07-01", "ours": 1, "theirs": 2, "quarantined": 0, "relative": -0.5},
        {"project": "two", "day": "2026-07-02", "ours": 5, "theirs": 0, "quarantined": 0, "relative": None},
    ] == found["differences"]
    assert before == loaded.query("SELECT COUNT(*), SUM(HASH(t)::HUGEINT) FROM raw.file_downloads AS t")
    text = loaded.cli("verify", "Two").stdout
    assert "4 daily totals of 1 projects compared" in text
    assert "2 differ" in text
    assert "-50.00%" in text
    assert "one" not in text.replace("none", "")


def test_rows_in_quarantine_are_rows_of_the_log(tmp_path: Path, loaded: Installation, clickhouse: ClickHouse) -> None:
    """A row that failed the contract was read: it is no difference, and neither are names that the copy lacks."""
    bad = [download(july(2), file__version=None), *[download(july(2))] * 30]
    clickhouse.fill(write(tmp_path / "more.parquet", [download(july(2), file__filename="")] * 31 + BUSY))
    write(tmp_path / "files" / "rows.parquet", bad)
    project = loaded.with_settings(TOLERANCE="0.1", PROJECTS='["one"]')
    project.load()

    assert project.query("SELECT COUNT(*) FROM raw.quarantine") == [(1,)]
    assert verify(project)[0] == 0


def test_own_days_are_verified_as_such(tmp_path: Path, clickhouse: ClickHouse) -> None:
    """Days that were loaded from the copy are compared, and it is said what that shows."""
    clickhouse.fill(write(tmp_path / "upstream.parquet", [*ROWS, *BUSY]))
    project = Installation(tmp_path / "data").reading(Path(), "one", **clickhouse.settings)
    project.load()

    done = project.cli("verify")

    assert done.returncode == 0, done.stderr
    assert "all are equal" in done.stdout
    assert "4 of the days were loaded from ClickPy" in done.stdout


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        ("UPDATE raw.loaded_days SET origin = 'demo'", (), "demo data, which is generated: nothing can verify it"),
        ("DELETE FROM raw.loaded_days", (), "no loaded day to verify"),
        ("SELECT 1", ("three",), "has no day of three"),
        ("UPDATE raw.loaded_days SET day = day + 100", (), "none of these days"),
    ],
)
def test_what_cannot_be_verified_is_said(
    loaded: Installation, change: str, arguments: tuple[str, ...], message: str
) -> None:
    """Without a comparison nothing is equal: the exit code is 1, and the message says why."""
    loaded.load()
    with duckdb.connect(loaded.file) as connection:
        connection.execute(change)

    done = loaded.cli("verify", *arguments)

    assert done.returncode == 1
    assert message in done.stderr + done.stdout


def test_copy_that_cannot_be_reached_verifies_nothing(loaded: Installation) -> None:
    """A failure is no difference."""
    loaded.load()

    done = loaded.with_settings(CLICKPY__URL="http://127.0.0.1:9").cli("verify")

    assert done.returncode == 1
    assert "cannot be reached" in done.stderr
