"""`raw` is the truth: where a part of it is missing or of another shape, every command says so, and changes nothing."""

from pathlib import Path

import duckdb
import pytest

from pipelines.warehouse import bookkeeping
from pipelines.warehouse.lock import exclusive_run
from tests.support.installation import Installation
from tests.support.rows import downloads, write

DAMAGES = {
    "DROP TABLE raw.file_downloads CASCADE": "the table raw.file_downloads, which loads have filled, is missing",
    "DROP TABLE raw.loaded_days CASCADE": "the table raw.loaded_days, which loads have filled, is missing",
    "DROP TABLE raw.file_downloads; DROP TABLE raw._dlt_version": (
        "the table raw.file_downloads, which loads have filled, is missing"
    ),
    "CREATE SCHEMA sqlmesh; CREATE TABLE sqlmesh._snapshots AS SELECT 1; DROP SCHEMA raw CASCADE": (
        "the table raw.file_downloads, which loads have filled, is missing"
    ),
    "DROP TABLE raw.daily_counts": "the table raw.daily_counts, which loads have filled, is missing",
    "DROP TABLE raw.quarantine CASCADE": "the table raw.quarantine, which loads have filled, is missing",
    "DROP TABLE raw._dlt_loads CASCADE": "the table raw._dlt_loads, which loads have filled, is missing",
    "ALTER TABLE raw.file_downloads DROP COLUMN url": "raw.file_downloads has no column url",
    "ALTER TABLE raw.file_downloads ALTER ordinal TYPE TEXT": (
        "the column ordinal of raw.file_downloads is VARCHAR, not BIGINT"
    ),
    "ALTER TABLE raw.extract_ledger RENAME cost TO costs": "raw.extract_ledger has no column cost",
    "UPDATE raw.loaded_days SET origin = 'bigquery'; DROP TABLE raw.extract_ledger": (
        "the table raw.extract_ledger, which says what queries have cost, is missing"
    ),
}


@pytest.fixture(scope="module")
def loaded_once(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("loaded")
    source = write(folder / "rows.parquet", downloads({"one": {1: 2, 2: 3}}))
    project = Installation(folder / "data").reading(source, "one")
    project.load()
    return project


@pytest.fixture
def loaded(loaded_once: Installation, tmp_path: Path) -> Installation:
    """A project that has loaded two days."""
    return loaded_once.copy(tmp_path / "data")


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_a_load_has_written_and_is_gone_is_named(loaded: Installation, damage: str) -> None:
    """A run, a backfill and an estimate name what is missing and the way back; nothing is loaded or counted."""
    with duckdb.connect(loaded.file) as connection:
        connection.execute("DROP VIEW raw.committed_days")
        connection.execute(damage)
    before = loaded.file.read_bytes()

    for command in (("run", "--no-site"), ("backfill", "2026-07-02", "2026-07-03", "--no-site"), ("estimate",)):
        done = loaded.cli(*command)

        assert 1 == done.returncode
        assert DAMAGES[damage] in done.stderr.replace("\n", " ")
        assert "just restore LAKE" in done.stderr
        assert "Traceback" not in done.stderr
    assert before == loaded.file.read_bytes()


def test_a_damaged_warehouse_is_not_taken_for_a_demo(loaded: Installation) -> None:
    """Without the record of what was loaded, `reset` deletes nothing."""
    with duckdb.connect(loaded.file) as connection:
        connection.execute("DROP VIEW raw.committed_days; DROP TABLE raw.loaded_days")

    done = loaded.cli("reset", "--yes")

    assert 1 == done.returncode
    assert "raw.loaded_days, which loads have filled, is missing" in done.stderr
    assert loaded.file.exists()


DERIVED = {
    "DROP VIEW raw.committed_days; CREATE TABLE raw.committed_days (a INT)": "raw.committed_days",
    "CREATE OR REPLACE VIEW raw.committed_days AS SELECT 1 AS a": "raw.committed_days",
    "ALTER TABLE raw.acknowledged_loads RENAME load_id TO id": "raw.acknowledged_loads",
    "ALTER TABLE raw.applied_models DROP COLUMN plan_id": "raw.applied_models",
    "ALTER TABLE raw.forgotten_days RENAME day TO date": "raw.forgotten_days",
    "ALTER TABLE raw.schema_drift DROP COLUMN last_seen": "raw.schema_drift",
    "ALTER TABLE raw.tracked_projects RENAME project TO name": "raw.tracked_projects",
    "ALTER TABLE raw.upstream_files DROP COLUMN digest": "raw.upstream_files",
}


@pytest.mark.parametrize("command", [("estimate",), ("quarantine",)])
def test_command_that_only_reads_names_what_a_run_makes_again(loaded: Installation, command: tuple[str]) -> None:
    """It is one message, not a trace."""
    with duckdb.connect(loaded.file) as connection:
        connection.execute("CREATE OR REPLACE VIEW raw.committed_days AS SELECT 1 AS a")

    done = loaded.cli(*command)

    assert 1 == done.returncode
    assert "has another shape" in done.stderr
    assert "`just run` makes it again" in done.stderr


@pytest.mark.parametrize("damage", DERIVED)
def test_what_a_run_can_make_again_it_makes_again(
    loaded: Installation, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    """A line says so, and the days are still known."""
    with duckdb.connect(loaded.file) as connection:
        connection.execute(damage)

    with loaded.warehouse() as warehouse, exclusive_run(warehouse):
        assert {"one"} == bookkeeping.projects(warehouse)
        assert {} != bookkeeping.pending_days(warehouse)
        assert 2 == len(bookkeeping.committed_days(warehouse))
        bookkeeping.track(warehouse, ["one"])

    assert [f"{DERIVED[damage]} has another shape: it is made again."] == caplog.messages
