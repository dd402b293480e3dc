"""Alerts: what a scheduled job gets to know, and by which exit code."""

import re
import shutil
from pathlib import Path

import duckdb
import pytest

from pipelines.demo import MISSING_DAY, PROJECTS
from pipelines.lenses import Lens
from tests.support.installation import ROOT, Installation

# The demo's own: a day that upstream lacks, and a release that many fetched on its first day.
GAP_DAYS = 62
RELEASE_DAYS = 36


def test_nothing_unusual_exits_with_zero(demo_project: Installation) -> None:
    """The last week of the demo is quiet: one line says so, and that the data is generated."""
    done = demo_project.cli("alerts")

    assert (0, "") == (done.returncode, done.stderr)
    assert (
        "No anomaly of severity warning or above in the last 7 days through 2026-06-30 of demo data: "
        "generated, not real, by `downloads_by_installers`.\n"
    ) == done.stdout


def test_missing_day_is_a_markdown_table_and_exit_code_3(demo_project: Installation) -> None:
    """A day that upstream lacks is one row for each project, without downloads."""
    done = demo_project.cli("alerts", "--days", str(GAP_DAYS))

    assert 3 == done.returncode
    table = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert "| day | project | severity | reason | downloads | usual | change | score |" == table[0]
    assert [
        f"| {MISSING_DAY} | {project} | warning | gap (The generated log lacks this day.) |"
        for project in sorted(PROJECTS)
    ] == [" | ".join(row.split(" | ")[:4]) + " |" for row in table[2:] if "spike" not in row]


def test_spike_has_its_cause(demo_project: Installation) -> None:
    """What most of it consists of stands beside the reason."""
    done = demo_project.cli("alerts", "--days", "14")

    assert 3 == done.returncode
    [spike] = [line for line in done.stdout.splitlines() if line.startswith("| 2026-")]
    assert spike.startswith("| 2026-06-17 | lanternfish | warning | spike (")
    assert "country SG +" in spike


def test_days_end_with_the_last_one_in_the_data(demo_project: Installation) -> None:
    """The days count back from the last loaded one: the missing day is the first of 62, and outside of 61."""
    done = demo_project.cli("alerts", "--days", str(GAP_DAYS - 1))

    assert 3 == done.returncode
    assert str(MISSING_DAY) not in done.stdout


def test_severity_chooses_what_fails_the_job(demo_project: Installation) -> None:
    """What a release explains is told from info on, with its version; nothing of the demo is critical.

    On its first day others rise, too: 2.0.0 explains most of that rise, and all of the next day's.
    """
    told = demo_project.cli("alerts", "--days", str(RELEASE_DAYS), "--severity", "info")
    quiet = demo_project.cli("alerts", "--days", "90", "--severity", "critical")

    assert (3, 0) == (told.returncode, quiet.returncode)
    assert "| 2026-05-27 | saltmarsh | info | release (2.0.0) |" in told.stdout
    assert re.search(r"\| 2026-05-26 \| saltmarsh \| info \| spike \(.*version 2\.0\.0 \+\d+\)", told.stdout)
    assert "No anomaly of severity critical" in quiet.stdout


def test_numbers_are_those_of_the_mart_by_the_lens(demo_project: Installation) -> None:
    """Each lens shows its own numbers."""
    for lens in (Lens.ALL, Lens.OUTSIDE_CI):
        done = demo_project.cli("alerts", "--days", "90", "--severity", "info", "--lens", lens)
        rows = demo_project.query(
            "SELECT day, project, downloads, usual, score FROM marts.anomalies "
            "WHERE lens = ? AND NOT score IS NULL ORDER BY day DESC",
            lens.column,
        )

        assert rows
        for day, project, downloads, usual, score in rows:
            [line] = [line for line in done.stdout.splitlines() if line.startswith(f"| {day} | {project} |")]
            assert f"| {downloads:,} | {usual:,.0f} |" in line
            assert line.endswith(f"| {score:+.1f} |")


def test_lenses_are_columns_of_the_marts(demo_project: Installation) -> None:
    """What may be chosen is what the marts have."""
    [(lenses,)] = demo_project.query("SELECT LIST(DISTINCT lens ORDER BY lens) FROM marts.anomalies")

    assert sorted(lens.column for lens in Lens) == lenses


def test_without_kpis_it_is_an_error_and_not_quiet(project: Installation) -> None:
    """No data is no all-clear: exit code 1, and what to do."""
    done = project.cli("alerts")

    assert 1 == done.returncode
    assert "No KPIs have been computed yet." in done.stderr
    assert "just run" in done.stderr


def test_mart_that_is_lost_is_an_error_and_not_quiet(project: Installation) -> None:
    """Nor is a mart that somebody has dropped: the message names it."""
    project.folder.mkdir()
    with duckdb.connect(project.file) as connection:
        connection.execute("CREATE SCHEMA marts")
        connection.execute("CREATE VIEW marts.load_status AS SELECT DATE '2026-07-01' AS last_day, FALSE AS is_demo")

    done = project.cli("alerts")

    assert 1 == done.returncode
    assert "anomalies does not exist" in done.stderr
    assert "just run" in done.stderr


@pytest.mark.parametrize(
    "option", [("--severity", "bad"), ("--days", "0"), ("--days", "99999999999999"), ("--lens", "few")]
)
def test_wrong_argument_exits_with_2(project: Installation, option: tuple[str, str]) -> None:
    """A mistyped argument has a code of its own, so that a job does not take it for an anomaly."""
    assert 2 == project.cli("alerts", *option).returncode


def test_critical_day_fails_the_job_by_default(demo_project: Installation, tmp_path: Path) -> None:
    """With default options a critical day of the last week is told."""
    changed = Installation(tmp_path, demo_project.settings)
    shutil.copy(demo_project.file, changed.file)
    with duckdb.connect(changed.file) as connection:
        [(table,)] = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'marts__anomalies%'"
        ).fetchall()
        connection.execute(
            f"INSERT INTO sqlmesh__marts.{table} "
            "(day, project, lens, severity, reason, downloads, usual, score, change) VALUES "
            "('2026-06-24', 'saltmarsh', 'downloads_by_installers', 'critical', 'drop', 9, 1000, -9.9, -0.991)"
        )

    done = changed.cli("alerts")

    assert 3 == done.returncode
    assert "| 2026-06-24 | saltmarsh | critical | drop | 9 | 1,000 | -99% | -9.9 |" in done.stdout
    assert "## Anomalies of severity warning or above: 1" in done.stdout


def test_exit_codes_are_documented() -> None:
    """docs/alerts.md names each exit code and severity."""
    text = (ROOT / "docs" / "alerts.md").read_text()

    for word in ("| 0 |", "| 1 |", "| 2 |", "| 3 |", "`info`", "`warning`", "`critical`"):
        assert word in text
