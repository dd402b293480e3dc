"""Files have an identity: a day is loaded again when its files are new or have changed, and kept when they are gone."""

import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from pipelines.errors import SettingsError
from pipelines.pypi.windows import Backfill, Window
from tests.support.installation import Installation
from tests.support.rows import download, downloads, july, write

pytestmark = pytest.mark.slow

COUNTS = """
    SELECT project || DAY(day), COUNT(*)::INT FROM raw.file_downloads GROUP BY ALL
    UNION ALL SELECT project || DAY(day), 0 FROM raw.committed_days WHERE accepted = 0 ORDER BY 1
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "source"


@pytest.fixture
def files(project: Installation, folder: Path) -> Installation:
    """Two projects in a file each; the first ends two days before the second, in the middle of its last day."""
    write(folder / "one.parquet", downloads({"one": {1: 2, 2: 1}}))
    write(folder / "two.parquet", downloads({"two": {1: 1, 4: 1}}))
    return project.reading(folder, "one", "two")


def counts(project: Installation) -> dict[str, int]:
    return dict(project.query(COUNTS))


BEFORE = {"one1": 2, "one2": 1, "two1": 1, "two2": 0, "two3": 0, "two4": 1}


def test_each_project_is_loaded_up_to_its_own_last_row(files: Installation) -> None:
    """No day of a project counts as loaded, with zero downloads, because another project has rows on it."""
    files.load()

    assert counts(files) == BEFORE
    assert files.load().windows == []


def test_end_date_covers_every_project(files: Installation) -> None:
    """Whoever sets it says that the files are complete up to it: there, no row is no download."""
    files.with_settings(END_DATE="2026-07-06").load()

    assert counts(files) == BEFORE | {"one3": 0, "one4": 0, "one5": 0, "two5": 0}


def test_files_that_come_later_are_loaded(files: Installation, folder: Path) -> None:
    """More rows of a day that is loaded, rows of a day that was empty, and the days after: whole, and nothing else."""
    files.load()
    write(folder / "three.parquet", downloads({"one": {2: 9, 3: 1}, "two": {3: 7}}))

    report = files.load()

    assert [Window("one", july(2), july(4)), Window("two", july(3), july(4))] == report.windows
    assert (report.changed_days, report.accepted) == (2, 18)
    assert counts(files) == BEFORE | {"one2": 10, "one3": 1, "two3": 7}
    assert files.load().windows == []


def rewrite(folder: Path) -> None:
    write(folder / "one.parquet", downloads({"one": {1: 3}}))


def touch(folder: Path) -> None:
    os.utime(folder / "one.parquet", (0, 0))


def replace_in_place(folder: Path) -> None:
    """Other content of the same size and time."""
    before = (folder / "one.parquet").stat()
    rows = [download(july(day), country_code="FR") for day in (1, 1, 2)]
    after = write(folder / "one.parquet", rows).stat()
    assert before.st_size == after.st_size
    os.utime(folder / "one.parquet", ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    ("change", "expected"),
    [(rewrite, {"one1": 3, "one2": 0}), (touch, {}), (replace_in_place, {})],
    ids=["rewritten", "touched", "same size and time"],
)
def test_days_of_a_file_that_changes_are_loaded_again(
    files: Installation, folder: Path, change: Callable[[Path], None], expected: dict[str, int]
) -> None:
    """Also those that the file no longer has; the days of other files are left alone."""
    files.load()
    change(folder)

    report = files.load()

    assert [Window("one", july(1), july(3))] == report.windows
    assert report.changed_days == 2
    assert counts(files) == BEFORE | expected
    assert files.load().windows == []


def test_days_whose_file_is_gone_are_kept_and_named(files: Installation, folder: Path) -> None:
    """They are not emptied, not even by a lag or a backfill, and count as before when the file comes back."""
    write(folder / "more.parquet", downloads({"one": {2: 1}}))
    files.load()
    away = (folder / "one.parquet").rename(folder.parent / "one.parquet")

    report = files.with_settings(LAG_DAYS="3").load()

    assert {"one": {july(1): str(folder / "one.parquet"), july(2): str(folder / "one.parquet")}} == report.gone_days
    assert [window.project for window in report.windows] == ["two"]
    assert counts(files) == BEFORE | {"one2": 2}
    with pytest.raises(SettingsError, match=r"one on 2026-07-01 were loaded from .*one\.parquet, which is gone"):
        files.load(backfill=Backfill(["one"], july(1), july(3)))
    away.rename(folder / "back.parquet")
    report = files.load()
    assert (report.gone_days, report.windows) == ({}, [])


def test_file_that_is_replaced_by_another_is_loaded(files: Installation, folder: Path) -> None:
    """A file that holds the days of one that is gone takes its place."""
    files.load()
    (folder / "one.parquet").unlink()
    write(folder / "new.parquet", downloads({"one": {1: 1, 2: 4}}))

    report = files.load()

    assert report.gone_days == {}
    assert counts(files) == BEFORE | {"one1": 1, "one2": 4}


def test_days_without_a_record_are_loaded_again_where_their_number_of_rows_differs(
    files: Installation, folder: Path
) -> None:
    """A warehouse that a lake or an earlier version has filled, or a run that died, does not know its files."""
    files.load()
    with duckdb.connect(files.file) as connection:
        connection.execute("DROP TABLE raw.upstream_files")
    write(folder / "one.parquet", downloads({"one": {1: 2, 2: 5}}))

    assert [Window("one", july(2), july(3))] == files.load().windows
    assert counts(files) == BEFORE | {"one2": 5}
    rewrite(folder)
    assert [Window("one", july(1), july(3))] == files.load().windows


def test_project_without_a_download_stops_no_other(files: Installation, folder: Path) -> None:
    """It is named, and loaded once it has one."""
    report = files.with_settings(PROJECTS='["one", "new"]').load()

    assert report.projects_without_rows == ["new"]
    assert counts(files) == {"one1": 2, "one2": 1}
    write(folder / "new.parquet", [download(july(2), "new")])
    report = files.with_settings(PROJECTS='["one", "new"]').load()
    assert [Window("new", july(1), july(3))] == report.windows


def test_rows_from_the_future_are_in_quarantine_and_extend_nothing(files: Installation, folder: Path) -> None:
    """One row of the year 2990 makes no empty days, stays in quarantine once, and leaves it with its file's cure."""
    rows = downloads({"one": {1: 2, 2: 1}})
    write(folder / "one.parquet", [*rows, download(date(2990, 1, 1))])

    report = files.load()

    assert (report.accepted, report.quarantined) == (5, 1)
    assert counts(files) == BEFORE
    assert [(july(2),)] == files.query("SELECT day FROM raw.quarantine WHERE contains(reason, 'from the future')")
    assert files.load().windows == []
    write(folder / "one.parquet", rows)
    assert files.load().quarantined == 0
    assert files.query("FROM raw.quarantine") == []


def test_unsettled_days_of_files_wait(files: Installation) -> None:
    """On the third, with one day to settle, a file's second day is not loaded yet, changed or not."""
    noon = datetime(2026, 7, 3, 12, tzinfo=UTC)
    files.load(noon)

    assert counts(files) == {"one1": 2, "two1": 1}
    touch(files.source)
    assert [Window("one", july(1), july(2))] == files.load(noon).windows
