"""A lake has the rows of the warehouse, each day once and whole, whatever happens on the way."""

import shutil
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem

from pipelines.costs.ledger import ExtractLedger
from pipelines.demo import PROJECTS
from pipelines.errors import LakeError, WarehouseError
from pipelines.lake.files import SCHEMAS
from pipelines.lake.restore import restore_warehouse
from pipelines.lake.sync import forget_in_lake, require_same_origin, sync_lake
from pipelines.pypi.billed_queries import Bill, BilledQuery
from pipelines.pypi.days import CommittedDay
from pipelines.pypi.settings import resolve_settings
from pipelines.pypi.windows import Backfill, Window
from pipelines.warehouse import bookkeeping
from tests.harness.forks import Interruption, call
from tests.servers.simple_index import SimpleIndex, file
from tests.support.content import loaded
from tests.support.installation import NOW, Installation
from tests.support.lakes import (
    BROKEN,
    ROWS,
    assert_agree,
    fill_lake,
    open_lake,
    read_by_duckdb,
    read_by_polars,
    read_by_pyarrow,
)
from tests.support.rows import download, july, write

pytestmark = pytest.mark.slow

DAYS = [july(1), july(2), july(3), july(4)]
RUN = ("run", "--no-site")


@pytest.fixture(autouse=True)
def lake_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is to be a lake."""
    monkeypatch.setenv("DESTINATIONS", '["warehouse", "lake"]')
    monkeypatch.setenv("DESTINATION__LAKE__BUCKET_URL", str(tmp_path / "lake"))
    return tmp_path / "lake"


def rows(*counts: int) -> list[dict[str, Any]]:
    """So many equal downloads of `one` on each day, and one of `two`; the second day has one that is broken."""
    wanted = [download(day) for day, count in zip(DAYS, counts, strict=True) for _ in range(count)]
    return [*wanted, *(download(day, "two") for day in DAYS), download(DAYS[1], country_code="xx")]


@pytest.fixture
def small(project: Installation, tmp_path: Path) -> Installation:
    """Two projects and four days upstream, of which the first has none on the third."""
    source = write(tmp_path / "source" / "rows.parquet", rows(2, 1, 0, 3))
    return project.reading(source, "one", "two", TOLERANCE="1")


def rewrite(project: Installation, *counts: int) -> Installation:
    """Upstream has other rows, and all days are to be read again."""
    write(project.source, rows(*counts))
    return project.with_settings(LAG_DAYS="9")


def test_three_readers_see_the_rows_of_the_warehouse(small: Installation) -> None:
    """DuckDB, PyArrow and Polars read each row as often as the warehouse has it, with the day as a date."""
    small.load()

    assert fill_lake(small) == 8

    assert_agree(small)
    lake = open_lake(small)
    expected = small.query(ROWS)
    assert len(expected) == 10
    assert expected == read_by_pyarrow(lake) == read_by_polars(lake)


def test_files_have_the_contracts_types(small: Installation) -> None:
    """A file declares the contract's columns: timestamps in UTC, and what is never NULL; it is compressed by zstd."""
    small.load()
    fill_lake(small)
    lake = open_lake(small)

    with lake.store.open(lake.path("file_downloads", f"day={DAYS[0]}/one")) as file:
        parquet = pq.ParquetFile(file)
        assert SCHEMAS["file_downloads"] == parquet.schema_arrow
        assert parquet.metadata.row_group(0).column(0).compression == "ZSTD"


def test_a_project_has_one_file_a_day(small: Installation) -> None:
    """Places follow from day and project alone, so that writing a day again replaces it; empty days have a file too."""
    small.load()
    fill_lake(small)

    expected = sorted(f"day={day}/{name}" for day in DAYS for name in ("one", "two"))
    assert expected == sorted(open_lake(small).keys("file_downloads"))
    assert [f"day={DAYS[1]}/one"] == open_lake(small).keys("quarantine")


def test_only_touched_days_are_written_again(small: Installation) -> None:
    """A second run writes nothing; after a backfill of two days of a project, two files."""
    small.load()
    fill_lake(small)

    assert fill_lake(small) == 0
    small.load(backfill=Backfill(["one"], DAYS[0], DAYS[2]))
    assert fill_lake(small) == 2
    assert_agree(small)


def test_reloaded_days_are_replaced(small: Installation) -> None:
    """A day that has become smaller, larger, empty, or has lost its broken row, is there once, as it is now."""
    small.load()
    fill_lake(small)
    rewrite(small, 1, 0, 5, 3).load()
    write(small.source, rows(1, 0, 5, 3)[:-1])
    small.with_settings(LAG_DAYS="9").load()

    assert fill_lake(small) == 8

    assert_agree(small)
    assert small.query("SELECT COUNT(*) FROM raw.quarantine") == [(0,)]


def test_a_day_that_is_being_replaced_is_not_complete(small: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """While files are written the manifest does not name them; a reader sees the old rows until new ones are whole."""
    small.load()
    fill_lake(small)
    before = small.query(ROWS)
    rewrite(small, 5, 5, 5, 5).load()
    seen: list[tuple[int, bool]] = []
    put = LocalFileSystem.put_file

    def look(self: LocalFileSystem, source: str, target: str, **options: Any) -> None:  # noqa: ANN401 - fsspec's
        put(self, source, target, **options)
        if "file_downloads" in target and not seen:
            lake = open_lake(small)
            seen.append((len(lake.manifest()), read_by_duckdb(lake) == before))

    monkeypatch.setattr(LocalFileSystem, "put_file", look)
    monkeypatch.setenv("LOAD__WORKERS", "1")
    fill_lake(small)

    assert seen == [(0, True)]
    assert_agree(small)


@pytest.mark.parametrize(
    ("place", "moment", "nth"),
    [
        ("pipelines.lake:Lake", "publish", 1),
        ("pipelines.lake.files:ParquetFile", "write", 4),
        ("pipelines.lake.destination:_RenamingFileSystem", "put_file", 4),
        ("fsspec.implementations.local:LocalFileSystem", "cp_file", 6),
        ("dlt.common.storages.load_package:PackageStorage", "complete_job", 5),
        ("pipelines.lake:Lake", "publish", 2),
        ("dlt.common.storages.load_package:PackageStorage", "complete_loading_package", 3),
    ],
)
def test_next_run_finishes_what_a_killed_one_has_begun(small: Installation, place: str, moment: str, nth: int) -> None:
    """Wherever the process dies while days are replaced, the next run makes lake and warehouse agree, row for row."""
    small.load()
    fill_lake(small)
    rewrite(small, 5, 0, 5, 1).load()
    died = call(fill_lake, small, environment=small.environment, interruption=Interruption(place, moment, nth))
    assert died.returncode == -signal.SIGKILL, died.stderr

    # The moments after the last manifest leave nothing to do.
    fill_lake(small)

    assert_agree(small)


def test_warehouse_is_restored_from_the_lake_alone(computed: Installation) -> None:
    """Without upstream: rows, quarantine, counts and marts are as before, and the next run has nothing to do."""
    assert fill_lake(computed) == 18
    tables = (ROWS, BROKEN, "SELECT * EXCLUDE load_id FROM raw.committed_days ORDER BY ALL")
    before, marts = [computed.query(table) for table in tables], computed.marts()
    shutil.rmtree(computed.folder)
    away = computed.source.rename(computed.source.with_suffix(".away"))

    done = computed.cli("restore", "lake", "--no-site")
    away.rename(computed.source)

    assert done.returncode == 0, done.stderr
    assert before == [computed.query(table) for table in tables]
    assert marts == computed.marts()
    assert_agree(computed)
    again = computed.cli(*RUN)
    assert "Nothing to load" in again.stdout
    assert "0 days written" in again.stdout


def test_ledger_is_rebuilt_too(small: Installation) -> None:
    """What queries have cost is on record in the rebuilt warehouse, each once."""
    small.load()
    with small.warehouse() as warehouse:
        ledger = ExtractLedger(warehouse, resolve_settings())
        window = Window("one", DAYS[0], DAYS[1])
        ledger.begin(BilledQuery("job", "gcp", "US", window, 5))
        ledger.settle("job", "done", Bill(3, 4), rows=3)
        sync_lake(open_lake(small), warehouse)
    before = small.query("FROM raw.extract_ledger")
    shutil.rmtree(small.folder)
    with small.warehouse() as warehouse:
        restore_warehouse(warehouse, open_lake(small))
        restore_warehouse(warehouse, open_lake(small))

    assert len(before) == 1
    assert before == small.query("FROM raw.extract_ledger")


def test_releases_are_rebuilt_and_forgotten_too(small: Installation, lake_folder: Path) -> None:
    """A rebuilt warehouse knows what the index has said; a forgotten project leaves nothing of it in the lake."""
    copied = lake_folder / "raw" / "releases" / "releases.parquet"
    known = """
        SELECT files.* EXCLUDE (_dlt_load_id), etag, digest, status, fetched_at FROM raw.release_files AS files
        JOIN raw.release_pages AS pages ON files.project = pages.project AND _dlt_load_id = load_id ORDER BY ALL
    """
    small.load()
    with SimpleIndex() as index:
        index.add("one", file("one-1.0.tar.gz", yanked="It crashes"), file("one-1.1.tar.gz"))
        index.add("two", project_status={"status": "archived"})
        asking = small.with_settings(**index.settings)
        asking.load_releases()
        fill_lake(small)
        before = small.query(known)
        assert 2 == len(before)
        shutil.rmtree(small.folder)
        with small.warehouse() as warehouse:
            restore_warehouse(warehouse, open_lake(small))
            restore_warehouse(warehouse, open_lake(small))
        assert before == small.query(known)
        assert [("two", "archived", 0)] == small.query(
            "SELECT project, status, files FROM raw.release_pages WHERE project = 'two'"
        )
        assert {} == asking.load_releases(NOW + timedelta(days=1)).changed
        published = copied.stat().st_mtime_ns
        fill_lake(small)
        assert published == copied.stat().st_mtime_ns
        index.add("one", file("one-1.0.tar.gz"))
        asking.load_releases()
        # A change of releases reaches the lake without a day of downloads.
        fill_lake(small)
        copy = open_lake(small).releases()
        assert copy
        assert [("one", False), ("two", None)] == [(row["project"], row["is_yanked"]) for row in copy.to_pylist()]

    with small.warehouse() as warehouse:
        forget_in_lake(["one"], open_lake(small), warehouse)
        bookkeeping.delete_days(warehouse, ["one"])
    releases = open_lake(small).releases()
    assert releases
    assert ["two"] == releases.column("project").to_pylist()
    assert [("two",)] == small.query("SELECT project FROM raw.release_pages")
    assert [] == small.query("FROM raw.release_files")


def test_days_of_a_later_load_are_left_alone(small: Installation) -> None:
    """What the warehouse has loaded since the lake was filled is not taken back."""
    small.load()
    fill_lake(small)
    rewrite(small, 1, 1, 1, 1).load()
    before = small.query(ROWS)

    with small.warehouse() as warehouse:
        assert restore_warehouse(warehouse, open_lake(small)) == 0

    assert before == small.query(ROWS)
    assert fill_lake(small) == 8


def test_file_that_is_not_what_the_manifest_says_stops_the_rebuild(small: Installation) -> None:
    """A file with another number of rows is named, and nothing is loaded."""
    small.load()
    fill_lake(small)
    lake = open_lake(small)
    shutil.copy(lake.path("file_downloads", f"day={DAYS[0]}/one"), lake.path("file_downloads", f"day={DAYS[3]}/one"))
    shutil.rmtree(small.folder)

    with small.warehouse() as warehouse, pytest.raises(LakeError, match=f"day={DAYS[3]}/one.parquet has 2 rows"):
        restore_warehouse(warehouse, open_lake(small))

    with small.warehouse() as warehouse:
        assert {} == bookkeeping.loaded_days(warehouse)


def test_rows_that_the_warehouse_has_lost_are_not_published(small: Installation) -> None:
    """A day whose rows are not those that its load has counted is named, and is not complete in the lake."""
    small.load()
    with small.warehouse() as warehouse:
        bookkeeping.execute(warehouse, "DELETE FROM raw.file_downloads WHERE project = 'two' AND day = '2026-07-02'")
        with pytest.raises(WarehouseError, match="has 0 rows of two on 2026-07-02; its load counted 1"):
            sync_lake(open_lake(small), warehouse)

    assert [] == open_lake(small).manifest()


def test_lake_is_written_anew_from_the_warehouse(small: Installation) -> None:
    """A lake that was damaged, or holds what is no longer wanted, becomes what the warehouse has."""
    small.load()
    fill_lake(small)
    lake = open_lake(small)
    Path(lake.path("file_downloads", f"day={DAYS[0]}/one")).unlink()
    stray = Path(lake.path("file_downloads", "day=2020-01-01/gone"))
    stray.parent.mkdir()
    shutil.copy(lake.path("file_downloads", f"day={DAYS[0]}/two"), stray)

    done = small.cli("sync")

    assert done.returncode == 0, done.stderr
    assert_agree(small)


def test_lake_is_not_emptied_for_a_warehouse_that_holds_nothing(small: Installation) -> None:
    """Where the warehouse was lost, the lake may be all that is left: it stays as it is."""
    small.load()
    fill_lake(small)
    shutil.rmtree(small.folder)
    with small.warehouse() as warehouse:
        bookkeeping.execute(warehouse, "DELETE FROM raw.tracked_projects")

    done = small.cli("rebuild", "--from", "warehouse")

    assert done.returncode == 1
    assert "The warehouse holds no loaded day" in done.stderr
    assert 8 == len(open_lake(small).manifest())


def test_days_of_a_lake_are_not_loaded_from_upstream_again(small: Installation) -> None:
    """A warehouse that was lost stops the run before it asks, and pays for, what the lake has."""
    small.load()
    fill_lake(small)
    shutil.rmtree(small.folder)

    done = small.cli(*RUN)

    assert done.returncode == 1
    assert "holds 8 days, and the warehouse none" in done.stderr
    assert "`just restore lake`" in done.stderr
    assert not small.file.exists()


def test_demo_and_real_data_do_not_meet_in_a_lake(small: Installation, demo: Path, tmp_path: Path) -> None:
    """A lake of demo data takes no real downloads."""
    invented = Installation.of_demo(tmp_path / "demo", demo).with_settings(END_DATE="2026-04-04")
    invented.load()
    fill_lake(invented)
    small.load()

    for done in (small.cli(*RUN), small.cli("restore", "lake", "--no-site")):
        assert done.returncode == 1
        assert "do not hold the same kind of data: demo, parquet" in done.stderr


@pytest.mark.parametrize("origins", [["bigquery", "parquet"], ["demo", "demo"], []])
def test_real_downloads_of_two_upstreams_may_meet_in_a_lake(small: Installation, origins: list[str]) -> None:
    """BigQuery and Parquet files have the same rows: only demo data is apart."""
    days = [CommittedDay("one", DAYS[0], 1, 0, origin, "load") for origin in origins]

    require_same_origin(open_lake(small), days)


def test_outage_delays_nothing_but_the_lake(computed: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows and KPIs are brought up to date while the lake cannot be written; the next run fills it."""

    def fail(*_arguments: object, **_options: object) -> None:
        raise TimeoutError

    later = computed.with_settings(END_DATE="2026-07-12")
    with monkeypatch.context() as outage:
        outage.setattr(LocalFileSystem, "put_file", fail)
        outage.setenv("LOAD__RAISE_ON_MAX_RETRIES", "1")
        done = later.cli(*RUN)

    assert done.returncode == 1
    assert "The lake 'lake' does not answer as it should: TimeoutError" in done.stderr
    daily = "SELECT project, downloads FROM marts.downloads_daily WHERE day = '2026-07-11' ORDER BY 1"
    assert later.query(daily) == [("one", 2), ("two", 3)]
    assert later.cli(*RUN).returncode == 0
    assert_agree(later)


def test_folder_that_cannot_be_made_stops_the_run_before_it_loads(small: Installation, lake_folder: Path) -> None:
    """A file where the folder should be is named."""
    lake_folder.write_text("A file where the folder should be.")

    done = small.cli(*RUN)

    assert done.returncode == 1
    assert f"The lake 'lake' cannot be written: {lake_folder} is a file" in done.stderr
    assert not small.file.exists()


@pytest.mark.parametrize("moment", ["publish", "remove", None])
def test_forgotten_project_leaves_the_lake(
    small: Installation, moment: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its files nor its days are left; where the command stops on the way, the same command does the rest."""
    small.load()
    fill_lake(small)

    def fail(*_arguments: object, **_options: object) -> None:
        raise LakeError("broken", remedy="none")

    with small.warehouse() as warehouse:
        if moment:
            with monkeypatch.context() as broken:
                broken.setattr(f"pipelines.lake.Lake.{moment}", fail)
                with pytest.raises(LakeError, match="broken"):
                    forget_in_lake(["one"], open_lake(small), warehouse)
        forget_in_lake(["one"], open_lake(small), warehouse)

    assert sorted(f"day={day}/two" for day in DAYS) == sorted(open_lake(small).keys("file_downloads"))
    assert [] == open_lake(small).keys("quarantine")
    assert {"two"} == {day.project for day in open_lake(small).manifest()}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"DESTINATIONS": "lake"}, "'destinations' has the wrong form"),
        ({"DESTINATIONS": '["lake"]'}, "'destinations' lacks 'warehouse'"),
        ({"DESTINATIONS": '["warehouse", "pond"]'}, "The destination 'pond' is not known"),
        ({"DESTINATION__LAKE__DESTINATION_TYPE": "duckdb"}, "is not a lake: its destination_type is not 'filesystem'"),
        (
            {"DESTINATION__LAKE__BUCKET_URL": "s3://bucket/prefix"},
            "The settings of the lake 'lake' are incomplete: no credentials.",
        ),
        ({"DESTINATION__LAKE__BUCKET_URL": "postgres://u:p@h/d"}, "begins with no kind of store that is known"),
        ({"DESTINATION__LAKE__BUCKET_URL": "x" * 5000}, "cannot be used: File name too long"),
        ({"DESTINATION__LAKE__BUCKET_URL": ""}, "The destination 'lake' has no `bucket_url`"),
    ],
)
def test_wrong_setting_of_a_lake_is_one_message(small: Installation, settings: dict[str, str], said: str) -> None:
    """It is named before anything is loaded."""
    nowhere = {
        "AWS_CONFIG_FILE": "/nowhere",
        "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    done = small.cli(*RUN, **nowhere, **settings)

    assert done.returncode == 1
    assert said in done.stderr
    assert not small.file.exists()


def test_rebuild_from_what_is_no_lake_is_one_message(small: Installation) -> None:
    """A name that the settings do not have, and a lake that holds nothing."""
    unknown = small.cli("restore", "pond")
    empty = small.cli("restore", "lake")

    assert (unknown.returncode, empty.returncode) == (1, 1)
    assert "The settings name no lake 'pond'; they name lake." in unknown.stderr
    assert "The lake 'lake' holds no complete day" in empty.stderr


@pytest.mark.usefixtures("demo_export")
def test_marts_and_badges_are_exported_into_the_lake(demo_project: Installation) -> None:
    """The name of a lake leads there, beside its tables, and a second export replaces the first."""
    for _ in range(2):
        marts = demo_project.cli("export", "project_summary", "--format", "csv", "--to", "lake")
        badges = demo_project.cli("export", "--badges", "--to", "lake")

    lake = open_lake(demo_project)
    assert (marts.returncode, badges.returncode) == (0, 0), marts.stderr + badges.stderr
    assert f"{lake.url}/marts: project_summary" in marts.stdout
    root = lake.path("x", "x").split("/raw/")[0]
    names = sorted(path.removeprefix(f"{root}/marts/") for path in lake.store.find(f"{root}/marts"))
    assert [*(f"badges/{name}.json" for name in sorted(PROJECTS)), "project_summary.csv"] == names


def test_days_at_both_grains_are_kept_replaced_and_restored(small: Installation) -> None:
    """A day is in the table of its grain and in no other, also after a change; what is restored is equal."""
    both = small.with_settings(GRAINS='{"one": "day"}')
    small.load()
    fill_lake(small)
    both.load(backfill=Backfill(["one"], DAYS[0], DAYS[2]))

    assert fill_lake(both) == 2

    lake = open_lake(both)
    counted = [f"day={day}/one" for day in DAYS[:2]]
    assert counted == sorted(lake.keys("daily_counts"))
    assert sorted(f"day={day}/{name}" for day in DAYS for name in ("one", "two")) == sorted(
        [*lake.keys("file_downloads"), *counted]
    )
    columns = "day, project, file__filename, log_rows"
    assert both.query(f"SELECT {columns} FROM raw.daily_counts ORDER BY ALL") == read_by_duckdb(
        lake, "daily_counts", columns
    )
    kept = ("raw.file_downloads", "raw.daily_counts", "raw.quarantine", "raw.committed_days")
    before = {name: loaded(both)[name] for name in kept}
    both.file.unlink()
    shutil.rmtree(both.folder / "dlt")
    with both.warehouse() as warehouse:
        assert restore_warehouse(warehouse, open_lake(both)) == 8
    assert before == {name: loaded(both)[name] for name in kept}
