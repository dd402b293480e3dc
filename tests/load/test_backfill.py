"""A backfill loads the days that it names, whole, and nothing else moves; late data is replaced by whole days."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlmesh import Context

from pipelines.errors import SettingsError
from pipelines.pypi.windows import Backfill
from pipelines.warehouse import bookkeeping
from tests.support.installation import Installation
from tests.support.models import marts_of_loads
from tests.support.rows import download, downloads, july, write

pytestmark = pytest.mark.slow

ROWS = "SELECT * EXCLUDE (ordinal, _dlt_load_id) FROM raw.file_downloads ORDER BY ALL"
COUNTS = "SELECT DAY(day), COUNT(*) FROM raw.file_downloads WHERE project = ? GROUP BY 1 ORDER BY 1"
DAILY = "SELECT DAY(day), downloads FROM marts.downloads_daily WHERE project = ? ORDER BY 1"


BEFORE = {"one": dict.fromkeys(range(1, 11), 2), "two": dict.fromkeys(range(1, 11), 3)}
# The third day has more downloads, the fourth fewer, the fifth none; the seventh changes as well.
AFTER = BEFORE | {"one": BEFORE["one"] | {3: 4, 4: 1, 5: 0, 7: 9}}


@pytest.fixture
def project(project: Installation, tmp_path: Path) -> Installation:
    """Ten days of two projects upstream; the settings want both, from the third day."""
    source = write(tmp_path / "source" / "rows.parquet", downloads(BEFORE))
    return project.reading(source, "one", "two", START_DATE="2026-07-03")


def rewrite(project: Installation, counts: dict[str, dict[int, int]]) -> None:
    write(project.source, downloads(counts))


def cursors(project: Installation) -> dict[str, str]:
    """Where dlt's cursor of each project stands."""
    state = json.loads((project.folder / "dlt" / "pypi" / "state.json").read_text())
    return {name: resource["incremental"]["day"]["last_value"][-10:] for name, resource in _resources(state).items()}


def _resources(state: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    found: dict[str, Any] = state.get("sources", {}).get("pypi", {}).get("resources", {})
    return found


def test_days_are_replaced_and_nothing_moves(project: Installation) -> None:
    """More, fewer and no rows are all taken over; days outside stay, as do the cursors of both projects."""
    project.load()
    before = cursors(project)
    rewrite(project, AFTER)

    report = project.load(backfill=Backfill(["one"], july(3), july(6)))

    assert (report.accepted, len(report.windows)) == (5, 1)
    assert [(3, 4), (4, 1), (6, 2), (7, 2), (8, 2), (9, 2), (10, 2)] == project.query(COUNTS, "one")
    assert [(number, 3) for number in range(3, 11)] == project.query(COUNTS, "two")
    assert before == cursors(project)
    assert [("one", 6, 10), ("two", 3, 10)] == [
        (window.project, window.start.day, window.days[-1].day) for window in project.load().windows
    ]


def test_days_ahead_leave_the_gap_to_the_next_run(project: Installation) -> None:
    """A backfill may run ahead of the loads; the next run fills the days between, and those of the other project."""
    project.with_settings(END_DATE="2026-07-05").load()
    before = cursors(project)

    project.load(backfill=Backfill(["one"], july(8), july(11)))
    assert before == cursors(project)
    report = project.load()

    assert [("one", 5, 7), ("two", 5, 10)] == [
        (window.project, window.start.day, window.days[-1].day) for window in report.windows
    ]
    assert [(number, 2) for number in range(3, 11)] == project.query(COUNTS, "one")


def test_days_before_the_start_date_are_loaded(project: Installation) -> None:
    """The range is what was asked for, whatever the settings want, and the next run is content with it."""
    project.load()

    project.load(backfill=Backfill(["one", "two"], july(1), july(3)))

    assert [(number, 2) for number in range(1, 11)] == project.query(COUNTS, "one")
    assert project.load().windows == []


def test_first_load_may_be_a_backfill(project: Installation) -> None:
    """It remembers where the data came from, leaves no cursor, and the next run loads what is missing."""
    project.load(backfill=Backfill(["one"], july(5), july(7)))

    assert {} == cursors(project)
    assert [("parquet",)] == project.query("SELECT DISTINCT origin FROM raw.loaded_days")
    assert [("one", 3, 4), ("one", 7, 10), ("two", 3, 10)] == [
        (window.project, window.start.day, window.days[-1].day) for window in project.load().windows
    ]


def test_demo_is_not_mixed_in_after_a_backfill(project: Installation, demo: Path) -> None:
    """The refusal to mix demo and real data holds also where no run has set a cursor."""
    project.load(backfill=Backfill(["one"], july(5), july(7)))

    done = Installation.of_demo(project.folder, demo).cli()

    assert done.returncode == 1
    assert "holds parquet data, not demo" in done.stderr


def test_cursor_does_not_go_back_with_the_start_date(project: Installation) -> None:
    """Days before the first one that was loaded are filled, and the cursor stays at the last."""
    project.load()

    project.with_settings(START_DATE="2026-07-01").load()

    assert {"downloads_one": "2026-07-10", "downloads_two": "2026-07-10"} == cursors(project)


def test_untracked_project_can_be_mended(project: Installation) -> None:
    """A project that has left the settings keeps its data, and a backfill that names it still corrects them."""
    project.load()
    rewrite(project, AFTER)
    two = project.with_settings(PROJECTS='["two"]')

    report = two.load(backfill=Backfill(["one"], july(3), july(6)))

    assert report.untracked == ["one"]
    assert [(3, 4), (4, 1)] == two.query(COUNTS, "one")[:2]
    assert two.query("FROM raw.tracked_projects") == [("two",)]


ERRORS = {
    "no day": (["2026-07-03", "2026-07-03"], "END is exclusive, and must come after START"),
    "before the first": (["2015-12-31", "2016-01-02"], "Start it on 2016-01-01 or later"),
    "after the last": (["2026-07-03", "2026-07-12"], "END is exclusive: set it to 2026-07-11 or earlier"),
    "unknown": (["2026-07-03", "2026-07-04", "three"], "'three' is neither in the settings nor in the warehouse"),
    "no date": (["2026-07-03", "tomorrow"], "'tomorrow' does not match"),
}


@pytest.mark.parametrize(("arguments", "said"), ERRORS.values(), ids=ERRORS)
def test_a_range_that_cannot_be_loaded_is_refused(project: Installation, arguments: list[str], said: str) -> None:
    """The message says what is wrong with the range and which one would do; nothing is loaded."""
    done = project.cli("backfill", "--no-site", *arguments)

    assert done.returncode != 0
    assert said in " ".join(done.stderr.replace("│", "").split())
    assert not project.file.exists()


def test_days_that_are_not_settled_are_refused(project: Installation) -> None:
    """On the seventh, with one day to settle, the fifth is the last that can be asked for."""
    noon = datetime(2026, 7, 7, 12, tzinfo=UTC)

    with pytest.raises(SettingsError, match="the last complete day of the upstream is 2026-07-05"):
        project.load(noon, Backfill(["one"], july(3), july(7)))
    assert project.load(noon, Backfill(["one"], july(3), july(6))).accepted == 6


def test_kpis_of_exactly_the_touched_days_are_computed(
    computed: Installation, context: Context, tmp_path: Path
) -> None:
    """After a backfill rows and marts are those of a warehouse that was loaded so at once."""
    broken = download(july(4), country_code="xx")
    one, two = dict.fromkeys(range(1, 11), 2), dict.fromkeys(range(1, 11), 3)
    # The record learns where this copy of the files is.
    computed.load()
    write(computed.source, [*downloads({"one": one, "two": two | {3: 4, 4: 1, 5: 0, 7: 9}}), broken])

    done = computed.cli("backfill", "--no-site", "2026-07-01", "2026-07-06", "two")

    assert done.returncode == 0, done.stderr
    assert "Loaded 2026-07-01 to 2026-07-05 of 1 projects: 11 rows accepted, 0 quarantined." in done.stdout
    assert "KPIs recomputed: 5 days, 2026-07-01 to 2026-07-05." in done.stdout
    at_once = [*downloads({"one": one, "two": two | {3: 4, 4: 1, 5: 0}}), broken]
    whole = Installation(tmp_path / "whole", models=computed.models).reading(
        write(tmp_path / "whole.parquet", at_once), "one", "two"
    )
    whole.load()
    assert whole.query(ROWS) == computed.query(ROWS)
    assert marts_of_loads(context, whole) == computed.marts()


def test_same_days_again_change_nothing(computed: Installation) -> None:
    """With the same data upstream, reading days again leaves the rows as they are, of which KPIs are computed."""
    before = computed.query(ROWS)

    computed.with_settings(LAG_DAYS="3").load()

    assert before == computed.query(ROWS)
    with computed.warehouse() as warehouse:
        assert [[july(8), july(9), july(10)]] == [*bookkeeping.pending_days(warehouse).values()]


def test_a_project_that_left_the_settings_is_shown_so(computed: Installation) -> None:
    """The change of the settings alone reaches summary, mart and exports, and so does the way back."""
    tracked = "SELECT project, is_tracked FROM marts.project_summary ORDER BY 1"

    without = computed.with_settings(PROJECTS='["two"]').cli()

    assert "No longer in the settings, but still in the warehouse: one." in without.stdout
    assert [("one", False), ("two", True)] == computed.query(tracked)
    assert "Export the marts: unchanged" not in without.stdout
    assert [("one", False), ("two", True)] == duckdb.sql(
        f"SELECT project, is_tracked FROM '{computed.folder}/exports/project_summary.parquet' ORDER BY 1"
    ).fetchall()
    assert [(number, 2) for number in range(1, 11)] == computed.query(DAILY, "one")
    assert "No longer in the settings" not in computed.cli().stdout
    assert [("one", True), ("two", True)] == computed.query(tracked)
