"""Loads are exact: whole days, each row once, whatever happens on the way."""

import os
import shutil
import signal
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from dlt.common.storages.load_package import PackageStorage
from dlt.extract.extract import Extract

from pipelines.errors import ContractError, IncompleteLoadError, WarehouseError
from pipelines.pypi.windows import Window
from tests.harness.forks import Interruption, call, command_line
from tests.support.installation import Installation
from tests.support.rows import SCHEMA, download, july, write

pytestmark = pytest.mark.slow

DAYS = [july(1), july(2), july(3)]
ROWS = "SELECT * EXCLUDE (ordinal, _dlt_load_id) FROM raw.file_downloads ORDER BY ALL"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three days of two projects, one row of them twice, and one that breaks the contract."""
    rows = [download(day, name) for day in DAYS for name in ("one", "two")]
    return write(tmp_path / "source" / "rows.parquet", [*rows, download(DAYS[1]), download(DAYS[2], country_code="xx")])


@pytest.fixture
def small(project: Installation, source: Path) -> Installation:
    return project.reading(source, "one", "two")


def days_of(project: Installation, name: str = "one") -> list[date]:
    return [day for (day,) in project.query("SELECT day FROM raw.file_downloads WHERE project = ? ORDER BY 1", name)]


def test_one_run_three_runs_and_a_run_twice_give_the_same_tables(demo: Path, tmp_path: Path) -> None:
    """Rows, quarantine and the counts of the days are the same however the days were loaded; KPIs follow from those."""
    settings = {"START_DATE": "2026-04-13", "END_DATE": "2026-04-16"}
    whole = Installation.of_demo(tmp_path / "whole", demo).with_settings(**settings)
    whole.load()
    daily = Installation.of_demo(tmp_path / "daily", demo)
    for end in ("2026-04-14", "2026-04-15", "2026-04-16"):
        daily.with_settings(START_DATE="2026-04-13", END_DATE=end).load()
    twice = Installation.of_demo(tmp_path / "twice", demo).with_settings(**settings)
    twice.load()
    twice.load()
    quarantine = "SELECT project, day, reason, content FROM raw.quarantine"
    counts = "SELECT * EXCLUDE load_id FROM raw.committed_days ORDER BY ALL"

    assert len(whole.query(quarantine)) == 1
    assert len(whole.query(counts)) == 12
    for other in (daily, twice):
        for table in (ROWS, quarantine, counts):
            assert whole.query(table) == other.query(table)


def test_equal_rows_are_all_kept(small: Installation) -> None:
    """A download that looks exactly like another is another download."""
    small.load()

    assert [DAYS[0], DAYS[1], DAYS[1], DAYS[2]] == days_of(small)


def test_a_project_named_twice_is_loaded_once(small: Installation) -> None:
    """Two spellings of a name are one project: read as two, its days would have each row twice."""
    assert small.with_settings(PROJECTS='["one", "One"]').load().accepted == 4


def test_second_run_loads_nothing(small: Installation) -> None:
    """With each day loaded there is no window, and no row is touched."""
    small.load()
    before = small.query("FROM raw.file_downloads ORDER BY ALL")

    assert small.load().windows == []
    assert before == small.query("FROM raw.file_downloads ORDER BY ALL")


def test_new_project_gets_its_whole_history(small: Installation) -> None:
    """A project added later starts at the start date, not where the others are."""
    small.with_settings(PROJECTS='["one"]').load()

    report = small.load()

    assert [Window("two", DAYS[0], july(4))] == report.windows
    assert days_of(small, "two") == DAYS


def test_earlier_start_fills_the_days_before(small: Installation) -> None:
    """Moving the start date back loads the days before the first, and no other."""
    small.with_settings(START_DATE="2026-07-03").load()

    report = small.load()

    assert {(window.start, window.end) for window in report.windows} == {(DAYS[0], DAYS[2])}
    assert [DAYS[0], DAYS[1], DAYS[1], DAYS[2]] == days_of(small)


def test_lag_replaces_whole_days(small: Installation, source: Path) -> None:
    """The last days are read again as whole days: more rows, fewer rows and no rows are all taken over."""
    small.load()
    write(source, [download(DAYS[0]), download(DAYS[2]), download(DAYS[2]), download(DAYS[2], "two")])

    small.with_settings(LAG_DAYS="2").load()

    assert [DAYS[0], DAYS[2], DAYS[2]] == days_of(small)
    assert [DAYS[2]] == days_of(small, "two")


def test_days_that_upstream_has_emptied_are_emptied(small: Installation, source: Path) -> None:
    """Also when a run reads no row at all: without one there would be nothing to merge, and the old rows would stay."""
    one = small.with_settings(PROJECTS='["one"]', LAG_DAYS="2")
    one.load()
    write(source, [download(DAYS[0]), download(DAYS[2], "two")])

    one.load()

    assert [DAYS[0]] == days_of(one)


def test_today_and_unsettled_days_are_never_loaded(small: Installation) -> None:
    """At noon of the third day, with one day to settle, only the first is loaded."""
    small.load(now=datetime(2026, 7, 3, 12, tzinfo=UTC))

    assert [DAYS[0]] == days_of(small)


def test_rows_at_midnight_belong_to_the_day_that_starts(project: Installation, tmp_path: Path) -> None:
    """Windows are half-open at UTC midnights, in whatever zone the machine is."""
    midnight = datetime(2026, 7, 2, tzinfo=UTC)
    rows = [
        download(DAYS[0]),
        download(DAYS[1], timestamp=midnight),
        download(DAYS[0], timestamp=midnight - timedelta(microseconds=1)),
    ]
    file = write(tmp_path / "rows.parquet", rows)

    project.with_settings(
        PARQUET_PATH=str(file), PROJECTS='["one"]', START_DATE="2026-07-01", END_DATE="2026-07-02"
    ).load()

    assert [DAYS[0], DAYS[0]] == days_of(project)


@pytest.mark.parametrize(
    ("moment", "file"),
    [
        ("save_pending_transition", "file_downloads parquet"),
        ("save_pending_transition", "file_downloads sql"),
        ("save_pending_transition", "quarantine parquet"),
        ("save_pending_transition", "quarantine sql"),
        ("save_pending_transition", "loaded_days parquet"),
        ("complete_job", "file_downloads parquet"),
    ],
)
@pytest.mark.parametrize("ephemeral", [False, True], ids=["resumed", "folder lost"])
def test_killed_load_is_exact_after_the_next_run(
    small: Installation, moment: str, file: str, *, ephemeral: bool
) -> None:
    """A run killed between commit and its note loses and doubles nothing, even if dlt's folder is lost too."""
    kill = Interruption.after_commit(moment, *file.split())
    dead = call(command_line, "run", "--no-site", interruption=kill, environment=small.environment)
    assert dead.returncode == -signal.SIGKILL
    if ephemeral:
        shutil.rmtree(small.folder / "dlt")

    report = small.load()

    assert report.finished_earlier is not ephemeral
    assert [DAYS[0], DAYS[1], DAYS[1], DAYS[2]] == days_of(small)
    assert days_of(small, "two") == DAYS
    assert small.query("SELECT COUNT(*) FROM raw.quarantine") == [(1,)]
    committed = "WHERE _dlt_load_id IN (SELECT load_id FROM raw._dlt_loads)"
    assert small.query(f"SELECT COUNT(*) FROM raw.loaded_days {committed}") == [(2 * len(DAYS),)]


def test_extract_normalized_and_not_deleted_is_loaded_once(
    small: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that dies between the two steps leaves both: dlt would normalize again, and fail so in each later run."""
    delete = PackageStorage.delete_package

    def die(self: PackageStorage, load_id: str, *, not_exists_ok: bool = False) -> None:
        if self.storage.storage_path.endswith("extracted"):
            raise KeyboardInterrupt
        delete(self, load_id, not_exists_ok)

    monkeypatch.setattr(PackageStorage, "delete_package", die)
    with pytest.raises(WarehouseError, match="stopped"):
        small.load()
    monkeypatch.setattr(PackageStorage, "delete_package", delete)
    with small.warehouse() as warehouse:
        pending = warehouse.pipeline.list_normalized_load_packages()
        extracted = warehouse.pipeline._get_normalize_storage().extracted_packages.list_packages()
        assert len(pending) == 1
        assert pending == extracted

    small.load()

    assert [DAYS[0], DAYS[1], DAYS[1], DAYS[2]] == days_of(small)
    assert days_of(small, "two") == DAYS


@pytest.mark.parametrize("first_end", ["2026-07-02", None], ids=["days before", "first load"])
def test_extract_whose_schema_was_not_saved_deletes_its_own_days_only(
    small: Installation, monkeypatch: pytest.MonkeyPatch, first_end: str | None
) -> None:
    """A run that dies with its extract at hand has not saved which days it replaces: the days before are not those."""
    if first_end:
        small.with_settings(END_DATE=first_end).load()
    commit = Extract.commit_packages

    def die(self: Extract, *arguments: object) -> None:
        commit(self, *arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Extract, "commit_packages", die)
        with pytest.raises(WarehouseError, match="stopped"):
            small.load()
    with small.warehouse() as warehouse:
        assert len(warehouse.pipeline.list_extracted_load_packages()) == 1

    small.load()

    assert [DAYS[0], DAYS[1], DAYS[1], DAYS[2]] == days_of(small)
    assert days_of(small, "two") == DAYS


def test_schema_that_was_half_saved_stops_no_later_run(small: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that dies as dlt saves its schema leaves a file beside it, whose name dlt would take for a schema's."""
    replace = os.replace

    def die(source: str, target: str) -> None:
        if target.endswith("/dlt/pypi/schemas/pypi.schema.json"):
            raise KeyboardInterrupt
        replace(source, target)

    small.with_settings(END_DATE="2026-07-02").load()
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            small.load()
    schemas = small.folder / "dlt" / "pypi" / "schemas"
    assert len([*schemas.iterdir()]) == 2

    small.load()

    assert [DAYS[0], DAYS[1], DAYS[1], DAYS[2]] == days_of(small)
    assert [file.name for file in schemas.iterdir()] == ["pypi.schema.json"]


def test_days_of_a_dead_load_do_not_count(small: Installation) -> None:
    """Jobs of a package commit one by one: until the load is complete its days are still to load."""
    small.load()
    with duckdb.connect(small.file) as connection:
        connection.execute("DELETE FROM raw._dlt_loads")

    assert len(small.load().windows) == 2
    assert [DAYS[0], DAYS[1], DAYS[1], DAYS[2]] == days_of(small)


@pytest.mark.parametrize(
    "tampering",
    [
        "DELETE FROM raw.file_downloads WHERE project = 'two' AND day = '2026-07-02'",
        "INSERT INTO raw.file_downloads FROM raw.file_downloads WHERE project = 'two' AND day = '2026-07-02'",
    ],
    ids=["lost", "doubled"],
)
def test_a_single_row_lost_or_doubled_stops_the_run(small: Installation, tampering: str) -> None:
    """Each loaded day must have the rows that its extract counted."""
    small.load()
    with duckdb.connect(small.file) as connection:
        connection.execute(tampering)

    with pytest.raises(WarehouseError, match=r"two on 2026-07-02: 1 extracted, [02] in the warehouse"):
        small.load()


def test_row_lost_from_the_quarantine_stops_the_run(small: Installation, source: Path) -> None:
    """It is the only trace of a download that was read, and is counted by its weight."""
    write(source, [download(DAYS[0], country_code="xx"), download(DAYS[0])])
    small.with_settings(PROJECTS='["one"]', GRAIN="day", TOLERANCE="1").load()
    with duckdb.connect(small.file) as connection:
        connection.execute("DELETE FROM raw.quarantine")

    with pytest.raises(WarehouseError, match=r"one on 2026-07-01: 1 extracted, 0 in the warehouse") as error:
        small.load()

    assert "raw.quarantine" in error.value.remedy


def test_broken_rows_are_quarantined_with_reason_and_content(project: Installation, tmp_path: Path) -> None:
    """A row that breaks the contract is quarantined, once, and the rest of its day is loaded."""
    rows = [download(DAYS[0]) for _ in range(3)] + [download(DAYS[0], file__type="bdist_conda", country_code="xx")]
    file = write(tmp_path / "rows.parquet", rows)
    settings = {"PARQUET_PATH": str(file), "PROJECTS": '["one"]', "START_DATE": "2026-07-01", "LAG_DAYS": "1"}

    loaded = project.with_settings(**settings)
    loaded.load()
    report = loaded.load()

    assert (report.accepted, report.quarantined) == (3, 1)
    [(name, day, reason, content)] = project.query("SELECT project, day, reason, content FROM raw.quarantine")
    assert ("one", DAYS[0]) == (name, day)
    assert "country_code: String should match pattern" in reason
    assert "file.type: Input should be 'bdist_wheel', 'sdist'" in reason
    assert '"type": "bdist_conda"' in content


def test_a_cured_row_leaves_the_quarantine(small: Installation, source: Path) -> None:
    """Reading a day again replaces its quarantined rows too."""
    write(source, [download(DAYS[0], country_code="xx"), download(DAYS[0])])
    cured = small.with_settings(PROJECTS='["one"]', LAG_DAYS="1")
    cured.load()
    write(source, [download(DAYS[0]), download(DAYS[0])])

    cured.load()

    assert cured.query("FROM raw.quarantine") == []
    assert [DAYS[0], DAYS[0]] == days_of(cured)


def test_too_many_broken_rows_load_nothing(small: Installation, source: Path) -> None:
    """Above the tolerated share none of the project's days is loaded."""
    write(source, [download(DAYS[0], country_code="xx") for _ in range(2)])

    with pytest.raises(ContractError, match=r"2 of 2 rows of one failed the contract.*country_code"):
        small.with_settings(PROJECTS='["one"]').load()

    assert {"_dlt_version", "_dlt_loads", "_dlt_pipeline_state"} >= {
        name for (name,) in small.query("SELECT table_name FROM information_schema.tables")
    }


def test_project_that_fails_leaves_the_others_loaded(small: Installation, source: Path) -> None:
    """The report says what failed and why; the run publishes what is loaded, and ends with the failure."""
    write(source, [download(DAYS[0], "two"), *(download(DAYS[0], country_code="xx") for _ in range(2))])

    report = small.load()

    assert [("one", ContractError)] == [(project, type(error)) for project, error in report.failures]
    assert ([], [DAYS[0]]) == (days_of(small), days_of(small, "two"))
    with pytest.raises(IncompleteLoadError, match=r"Not loaded: one. 2 of 2 rows.*\n1 projects were loaded"):
        report.require_complete()


def test_load_in_chunks_is_the_same_load(small: Installation, tmp_path: Path) -> None:
    """Chunks of whole days, as small as the settings say, make what one chunk makes."""
    small.load()
    cut = replace(small, folder=tmp_path / "cut" / "data").with_settings(CHUNK_ROWS="1")

    report = cut.load()

    assert [(DAYS[0],), (DAYS[1],), (DAYS[2],)] * 2 == [tuple(window.days) for window in report.windows]
    assert small.query(ROWS) == cut.query(ROWS)
    assert [(6,)] == cut.query("SELECT COUNT(*) FROM raw._dlt_loads WHERE status = 0")


def test_zero_tolerance_takes_no_broken_row(small: Installation, source: Path) -> None:
    """With a tolerance of 0, one broken row is too many."""
    write(source, [download(DAYS[0], country_code="xx"), *(download(DAYS[0]) for _ in range(9))])

    with pytest.raises(ContractError, match="1 of 10 rows"):
        small.with_settings(PROJECTS='["one"]', TOLERANCE="0").load()


def test_rows_without_a_timestamp_are_reported(small: Installation, source: Path) -> None:
    """They are on no day and would vanish without a word."""
    nullable = SCHEMA.set(0, SCHEMA.field(0).with_nullable(True))  # noqa: FBT003 - Arrow's own
    write(source, [download(DAYS[0]), download(DAYS[0], timestamp=None)], nullable)

    assert small.with_settings(PROJECTS='["one"]').load().rows_without_day == 1


def test_new_upstream_fields_are_reported_and_break_nothing(small: Installation, source: Path) -> None:
    """A field that the contract does not know is named in the report; the rows are loaded without it."""
    schema = SCHEMA.append(pa.field("subcommand", pa.string()))
    write(source, [download(DAYS[0]) | {"subcommand": "install"}], schema)

    report = small.with_settings(PROJECTS='["one"]').load()

    assert report.unknown_columns == ["subcommand"]
    assert [DAYS[0]] == days_of(small)


def test_a_project_without_downloads_is_named(small: Installation, source: Path) -> None:
    """No download in any of the days may be a misspelt name, so the report says it."""
    write(source, [download(DAYS[0]), download(DAYS[2], "two")])

    assert small.with_settings(END_DATE="2026-07-02").load().projects_without_rows == ["two"]


def test_timestamp_column_may_have_another_name(small: Installation, source: Path) -> None:
    """The source's name of the timestamp is a setting; in the warehouse it is `timestamp`."""
    schema = SCHEMA.set(0, SCHEMA.field(0).with_name("downloaded_at"))
    row = download(DAYS[0])
    write(source, [row | {"downloaded_at": row["timestamp"]}], schema)

    small.with_settings(PROJECTS='["one"]', TIMESTAMP_COLUMN="downloaded_at").load()

    assert [(row["timestamp"],)] == small.query("SELECT timestamp FROM raw.file_downloads")


def test_files_may_order_their_columns_differently(small: Installation, source: Path) -> None:
    """Columns are found by name: exports of different years are one table."""
    write(source, [download(DAYS[0])])
    write(source.parent / "later.parquet", [download(DAYS[1])], pa.schema(list(reversed(SCHEMA))))

    small.with_settings(PROJECTS='["one"]', PARQUET_PATH=str(source.parent)).load()

    assert DAYS[:2] == days_of(small)
    assert [("DE", "pip")] == small.query(
        "SELECT DISTINCT country_code, details__installer__name FROM raw.file_downloads"
    )
