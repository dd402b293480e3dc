"""Badges of shields.io: the last whole month of each project, by a lens that is named."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.exports.badges import shorten
from tests.support.installation import Installation

JUNE = date(2026, 6, 1)
JULY = date(2026, 7, 1)
LABELS = {
    "all": ("downloads", "downloads"),
    "without-mirrors": ("downloads_without_mirrors", "downloads without mirrors"),
    "installers": ("downloads_by_installers", "downloads by installers"),
    "outside-ci": ("downloads_outside_ci", "downloads outside CI"),
}


@pytest.fixture
def exported(project: Installation) -> Installation:
    """A project with the marts that badges are made of, exported by hand."""
    (project.folder / "exports").mkdir(parents=True)
    with duckdb.connect(project.folder / "exports" / "pypi.duckdb") as connection:
        connection.execute("CREATE SCHEMA marts")
        connection.execute("CREATE TABLE marts.load_status AS SELECT FALSE AS is_demo")
        connection.execute(
            "CREATE TABLE marts.project_summary AS SELECT UNNEST(['new', 'old', 'quiet', 'one']) AS project"
        )
        connection.execute(
            "CREATE TABLE marts.downloads_monthly (month DATE, project TEXT, is_whole BOOLEAN, downloads BIGINT, "
            "downloads_without_mirrors BIGINT, downloads_by_installers BIGINT, downloads_outside_ci BIGINT, "
            "days_provisional INT DEFAULT 0, comparable_since_downloads DATE, "
            "comparable_since_downloads_outside_ci DATE, "
            "comparable_since_downloads_without_mirrors DATE, comparable_since_downloads_by_installers DATE)"
        )
        connection.executemany(
            "INSERT INTO marts.downloads_monthly BY NAME SELECT ? AS month, ? AS project, ? AS is_whole, "
            "? AS downloads, ? AS downloads_without_mirrors, ? AS downloads_by_installers, ? AS downloads_outside_ci",
            [
                (date(2026, 5, 1), "one", True, 9, 9, 9, 9),
                (JUNE, "one", True, 4_000_000, 45_678, 12_345, 999),
                (JULY, "one", False, 77, 77, 77, 77),
                (JUNE, "quiet", True, 0, 0, 0, 0),
                (date(2025, 1, 1), "old", True, 5, 5, 5, 5),
                (JULY, "new", False, 77, 77, 77, 77),
            ],
        )
    return project


def badges(folder: Path) -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text()) for path in sorted((folder / "badges").iterdir())}


def test_badge_has_the_last_whole_month_and_names_it(exported: Installation) -> None:
    """A month in progress is no number, a project without a whole one says so, and zero is a number."""
    done = exported.cli("export", "--badges")

    assert done.returncode == 0, done.stderr
    label = {"schemaVersion": 1, "label": "downloads by installers"}
    assert {
        "new": {**label, "message": "no whole month yet", "color": "lightgrey"},
        "old": {**label, "message": "5 in 2025-01", "color": "blue"},
        "one": {**label, "message": "12.3k in 2026-06", "color": "blue"},
        "quiet": {**label, "message": "0 in 2026-06", "color": "blue"},
    } == badges(exported.folder / "marts")
    assert f"{exported.folder / 'marts' / 'badges'}: new, old, one, quiet\n" == done.stdout


def test_badge_says_that_a_month_may_still_fill_or_mixes_two_ways_of_counting(exported: Installation) -> None:
    """What is known of the number's days stands beside it."""
    with duckdb.connect(exported.folder / "exports" / "pypi.duckdb") as connection:
        connection.execute("UPDATE marts.downloads_monthly SET days_provisional = 1 WHERE project = 'quiet'")
        connection.execute(
            "UPDATE marts.downloads_monthly SET comparable_since_downloads_by_installers = month + 9 "
            "WHERE project = 'old'"
        )
    exported.cli("export", "--badges")

    found = {name: badge["message"] for name, badge in badges(exported.folder / "marts").items()}
    assert ("0 in 2026-06 (provisional)", "5 in 2025-01 (counting changed)") == (found["quiet"], found["old"])


@pytest.mark.parametrize(
    ("lens", "message"),
    [("all", "4M"), ("without-mirrors", "45.7k"), ("installers", "12.3k"), ("outside-ci", "999")],
)
def test_label_names_the_lens(exported: Installation, tmp_path: Path, lens: str, message: str) -> None:
    """Each lens has its column and its name."""
    exported.cli("export", "--badges", "--lens", lens, "--to", str(tmp_path))

    badge = badges(tmp_path)["one"]
    assert (LABELS[lens][1], f"{message} in 2026-06") == (badge["label"], badge["message"])


@pytest.mark.usefixtures("demo_export")
def test_badges_of_the_demo_say_so_and_show_the_marts(demo_project: Installation, tmp_path: Path) -> None:
    """Generated downloads do not pass for real ones; the number is the mart's, and that of its days."""
    done = demo_project.cli("export", "--badges", "--to", str(tmp_path))

    assert done.returncode == 0, done.stderr
    june = demo_project.query(
        "SELECT project, SUM(downloads_by_installers)::BIGINT FROM marts.downloads_daily "
        "WHERE day BETWEEN '2026-06-01' AND '2026-06-30' GROUP BY ALL"
    )
    assert {project: f"{shorten(downloads)} in 2026-06 (provisional) (demo data)" for project, downloads in june} == {
        project: badge["message"] for project, badge in badges(tmp_path).items()
    }


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1k"),
        (1049, "1k"),
        (12_345, "12.3k"),
        (960_000, "960k"),
        (999_949, "999.9k"),
        (999_999, "1M"),
        (4_560_000_000, "4.6B"),
    ],
)
def test_number_is_shortened(number: int, text: str) -> None:
    """By thousands, with one digit after the point where there is one."""
    assert text == shorten(number)


def test_exports_without_months_are_one_message(exported: Installation) -> None:
    """Exports of an earlier version lack the mart; it is named."""
    with duckdb.connect(exported.folder / "exports" / "pypi.duckdb") as connection:
        connection.execute("DROP TABLE marts.downloads_monthly")

    done = exported.cli("export", "--badges")

    assert done.returncode == 1
    assert "There is no mart 'downloads_monthly'" in done.stderr


def test_badges_are_not_of_a_mart(exported: Installation) -> None:
    """To name one beside them is a slip."""
    done = exported.cli("export", "project_summary", "--badges")

    assert done.returncode == 2
    assert not (exported.folder / "marts").exists()
