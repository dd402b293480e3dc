"""Loads at the grain of a day: counts of equal rows, in place of the rows."""

import signal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlmesh import Context
from sqlmesh.core.console import NoopConsole

from pipelines.errors import ContractError, SettingsError
from pipelines.pypi.columns import COUNTS, ROWS, Grain
from pipelines.pypi.windows import Backfill
from pipelines.transform.context import open_context
from pipelines.warehouse import bookkeeping
from tests.harness.forks import Interruption, call, command_line
from tests.support.installation import Installation
from tests.support.models import marts_of_loads
from tests.support.rows import download, july, write

pytestmark = pytest.mark.slow

DAYS = [july(1), july(2), july(3)]
COUNTED = "SELECT project, day, SUM(log_rows) FROM raw.daily_counts GROUP BY ALL ORDER BY ALL"
KEPT = "SELECT project, day, COUNT(*) FROM raw.file_downloads GROUP BY ALL ORDER BY ALL"
COMMITTED = "SELECT project, day, accepted, quarantined, grain FROM raw.committed_days ORDER BY ALL"


def rows() -> list[dict[str, Any]]:
    """Equal and differing downloads of two projects; three equal ones, on the second day, fail the contract."""
    good = [download(day, name, **said) for day in DAYS for name in ("one", "two") for said in ({}, {}, DIFFERENT)]
    return good + [download(DAYS[1], country_code="xx") for _ in range(3)]


DIFFERENT = {"details__python": "3.12.4", "details__installer__name": "uv", "details__installer__version": "0.9.13"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "source" / "rows.parquet", rows())


@pytest.fixture
def by_row(tmp_path: Path, source: Path) -> Installation:
    """Two projects and three days, loaded as rows."""
    return Installation(tmp_path / "data").reading(source, "one", "two", TOLERANCE="1")


@pytest.fixture
def by_day(by_row: Installation) -> Installation:
    """The same, loaded as counts."""
    return by_row.with_settings(GRAIN="day")


def test_equal_rows_are_counted_and_each_counts(by_day: Installation) -> None:
    """A day's equal rows are one, with their number; versions are cut to two parts; no row is stored by itself."""
    by_day.load()

    assert by_day.query("SELECT COUNT(*) FROM raw.file_downloads") == [(0,)]
    assert by_day.query(
        "SELECT details__installer__version, details__python, log_rows, COUNT(*) FROM raw.daily_counts "
        "GROUP BY ALL ORDER BY ALL"
    ) == [("0.9", "3.12", 1, 6), ("26.1", "3.13", 2, 6)]


def test_only_the_versions_of_pip_and_uv_are_counted(by_day: Installation, source: Path) -> None:
    """Versions of other tools multiply no counts; what has no two parts is kept."""
    installers = [("pip", "26"), ("poetry", "2.1.0"), ("poetry", "2.2.0"), (None, "1.0")]
    write(
        source,
        [
            download(DAYS[0], name, details__installer__name=tool, details__installer__version=version)
            for name in ("one", "two")
            for tool, version in installers
        ],
    )
    by_day.load()

    assert by_day.query(
        "SELECT details__installer__name, details__installer__version, SUM(log_rows), COUNT(*) FROM raw.daily_counts "
        "GROUP BY ALL ORDER BY ALL"
    ) == [("pip", "26", 2, 2), ("poetry", None, 4, 2), (None, None, 2, 2)]


def test_rows_that_fail_the_contract_are_counted_by_what_they_stand_for(by_day: Installation) -> None:
    """Three equal broken rows are one in the quarantine, and three in what the load and the reports count."""
    report = by_day.load()

    assert (report.accepted, report.quarantined) == (18, 3)
    assert by_day.query("SELECT project, day, log_rows FROM raw.quarantine") == [("one", DAYS[1], 3)]
    assert ("one", DAYS[1], 3, 3, "day") in by_day.query(COMMITTED)
    assert "3 of 21 rows" in by_day.cli("quarantine").stdout


def test_tolerance_is_a_share_of_all_rows(by_day: Installation) -> None:
    """Broken counts weigh as many rows as they stand for: 3 of 12, and not 1 of 7, of which this would take 2."""
    one = by_day.with_settings(PROJECTS='["one"]')

    with pytest.raises(ContractError, match="3 of 12 rows"):
        one.with_settings(TOLERANCE="0.16").load()

    assert one.with_settings(TOLERANCE="0.25").load().quarantined == 3


@pytest.mark.parametrize("first", ["row", "day"])
def test_change_of_grain_counts_each_day_once(by_row: Installation, context: Context, first: str) -> None:
    """Days that are loaded again at the other grain are replaced; the rest keeps its own; the marts stay the same.

    One mart counts the rows in quarantine as they are, and equal ones are one row there at the grain of days.
    """
    by_row.with_settings(GRAIN=first).load()
    before = marts_of_loads(context, by_row)
    before.pop("quality_findings")
    other = {"row": "day", "day": "row"}[first]

    mixed = by_row.with_settings(GRAINS=f'{{"one": "{other}"}}', GRAIN=first)

    mixed.load(backfill=Backfill(["one"], DAYS[1], DAYS[2]))
    mixed.load(backfill=Backfill(["one", "two"], DAYS[2], july(4)))

    assert by_row.query(
        f"SELECT SUM(log_rows) FROM (FROM ({COUNTED}) AS c(p, d, log_rows) UNION ALL FROM ({KEPT}))"
    ) == [(18,)]
    changed = [(project, day) for project, day, _, _, grain in by_row.query(COMMITTED) if grain == other]
    assert [("one", DAYS[1]), ("one", DAYS[2])] == changed
    assert len(by_row.query(COMMITTED)) == 6
    after = marts_of_loads(context, by_row)
    after.pop("quality_findings")
    assert before == after


def test_lost_count_is_noticed(by_day: Installation) -> None:
    """The sum of a day's counts must be what the load has counted."""
    by_day.load()
    with duckdb.connect(by_day.file) as connection:
        connection.execute("UPDATE raw.daily_counts SET log_rows = 1 WHERE day = ? AND project = 'two'", [DAYS[0]])

    done = by_day.cli("run", "--no-site")

    assert done.returncode == 1
    assert "two on 2026-07-01: 3 extracted, 2 in the warehouse" in done.stderr


def test_forgotten_project_has_no_count_left(by_day: Installation) -> None:
    """A project is removed from the counts like from the rows."""
    by_day.load()

    with by_day.warehouse() as warehouse:
        bookkeeping.delete_days(warehouse, ["one"])

    assert {"two"} == {project for project, _, _ in by_day.query(COUNTED)}
    assert [("one",)] == by_day.query("SELECT DISTINCT project FROM raw.forgotten_days")


def test_warehouse_without_grains_is_read_and_extended(by_row: Installation) -> None:
    """What an earlier version has loaded counts as rows; the next load adds what it lacks."""
    by_row.load()
    forget_grains_in_schema(by_row)
    with duckdb.connect(by_row.file) as connection:
        connection.execute("DROP VIEW raw.committed_days")
        connection.execute("DROP TABLE raw.daily_counts")
        connection.execute("ALTER TABLE raw.loaded_days DROP COLUMN grain")
        connection.execute("ALTER TABLE raw.quarantine DROP COLUMN log_rows")

    by_row.with_settings(GRAIN="day").load(backfill=Backfill(["one"], DAYS[0], DAYS[1]))

    assert [("one", DAYS[0], 3, 0, "day")] == [row for row in by_row.query(COMMITTED) if row[4] == "day"]
    assert by_row.query(f"SELECT SUM(n) FROM ({KEPT}) AS k(p, d, n)") == [(15,)]


def forget_grains_in_schema(project: Installation) -> None:
    """Let dlt remember the schema of an earlier version, here and in the warehouse."""
    with project.warehouse() as warehouse:
        schema = warehouse.pipeline.default_schema
        schema.drop_tables(["daily_counts"])
        del schema.tables["loaded_days"]["columns"]["grain"], schema.tables["quarantine"]["columns"]["log_rows"]
        warehouse.pipeline.schemas.save_schema(schema)
        warehouse.pipeline.sync_schema()


@pytest.mark.parametrize(
    ("grain", "later"),
    [
        (ROWS, {"details__installer__subcommand"}),
        (COUNTS, {"details__installer__subcommand", "details__installer__version"}),
    ],
    ids=["row", "day"],
)
def test_table_without_later_fields_is_extended_before_models_read_it(
    by_row: Installation, by_day: Installation, grain: Grain, later: set[str]
) -> None:
    """A table of an earlier version gets the columns that it lacks, NULL, and the next load fills them."""
    project = by_row if grain is ROWS else by_day
    project.load()
    with project.warehouse() as warehouse:
        schema = warehouse.pipeline.default_schema
        for column in later:
            del schema.tables[grain.table]["columns"][column]
        warehouse.pipeline.schemas.save_schema(schema)
        warehouse.pipeline.sync_schema()
    with duckdb.connect(project.file) as connection:
        for column in later:
            connection.execute(f"ALTER TABLE raw.{grain.table} DROP COLUMN {column}")

    with project.warehouse() as warehouse, open_context(warehouse, NoopConsole(), load=False):
        assert later <= warehouse.columns(grain.table)
    assert project.load(backfill=Backfill(["one", "two"], DAYS[0], DAYS[1])).accepted == 6

    assert project.query(
        f"SELECT DISTINCT day, details__installer__version FROM raw.{grain.table} "
        "WHERE details__installer__name = 'pip' AND day < '2026-07-03' ORDER BY ALL"
    ) == [(DAYS[0], "26.1"), (DAYS[1], None if grain is COUNTS else "26.1")]


@pytest.mark.parametrize(("setting", "text"), [("GRAIN", "week"), ("GRAINS", '{"one": "hour"}')])
def test_unknown_grain_is_refused(by_row: Installation, setting: str, text: str) -> None:
    """A grain is one of two."""
    with pytest.raises(SettingsError, match="must be one of row, day"):
        by_row.with_settings(**{setting: text}).load()


@pytest.mark.parametrize("moment", ["save_pending_transition", "complete_job"])
def test_killed_load_of_counts_is_exact_after_the_next_run(by_day: Installation, moment: str) -> None:
    """Counts that a killed load has committed are not added again."""
    kill = Interruption.after_commit(moment, "daily_counts", "parquet")
    dead = call(command_line, "run", "--no-site", interruption=kill, environment=by_day.environment)
    assert dead.returncode == -signal.SIGKILL

    assert by_day.load().finished_earlier

    assert [(name, day, 3) for name in ("one", "two") for day in DAYS] == by_day.query(COUNTED)
    assert by_day.query("SELECT COUNT(*), SUM(log_rows) FROM raw.quarantine") == [(1, 3)]
