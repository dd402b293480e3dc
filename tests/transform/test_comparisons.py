"""What is compared is alike: whole periods, without bad days, that the log counts by the same rules."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from sqlmesh import Context

from pipelines.demo import MISSING_DAY, RECOGNISED
from tests.support.models import Models

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
WHEEL = "one-1.0-py3-none-any.whl"


def days(first: date, last: date) -> Iterator[date]:
    """Each day from the first to the last one."""
    while first <= last:
        yield first
        first += DAY


@pytest.fixture
def models(context: Context) -> Models:
    return Models(context)


def compute(models: Models, *names: str) -> None:
    models.compute({each for name in names for each in models.upstream(f"marts.{name}")})


def test_fetches_of_metadata_that_end_change_nothing(models: Models) -> None:
    """Forty wheels a day stay forty, though the log has as many fetches of metadata until 2026-08-23."""
    first, last = date(2026, 8, 1), date(2026, 9, 30)
    for day in days(first, last):
        models.add(day, 40, file__filename=WHEEL)
        if day < date(2026, 8, 24):
            models.add(day, 40, file__filename=f"{WHEEL}.metadata")
    models.commit(first, last)
    compute(models, "downloads_weekly", "downloads_monthly", "anomalies")

    week = "SELECT change_downloads, log_change FROM marts.downloads_weekly WHERE week = '2026-08-24'"
    [(change, mark)] = models.rows(week)
    assert 0 == change
    assert "no longer of their metadata" in mark
    assert [(0,)] == models.rows("SELECT change_downloads FROM marts.downloads_monthly WHERE month = '2026-09-01'")
    assert [] == models.rows("FROM marts.anomalies")


def test_ci_is_compared_only_since_it_is_recorded(models: Models) -> None:
    """Before 2024-02-23 nobody knows the share of CI, and a month before compares with none after by that lens."""
    first, last = date(2024, 1, 1), date(2024, 4, 30)
    for day in days(first, last):
        recorded = day >= date(2024, 2, 23)
        models.add(day, 10, details__ci=None)
        models.add(day, 10, details__ci=True if recorded else None)
    models.commit(first, last)
    compute(models, "ci_weekly", "downloads_monthly", "portfolio_compare")

    shares: dict[date, float | None] = dict(models.rows("SELECT week, ci_share_downloads FROM marts.ci_weekly"))
    assert {None} == {share for week, share in shares.items() if week <= date(2024, 2, 19)}
    assert {0.5} == {share for week, share in shares.items() if week > date(2024, 2, 19)}
    assert [(0, None), (0, None), (None, None)] == models.rows(
        "SELECT change_downloads_by_installers, change_downloads_outside_ci FROM marts.downloads_monthly "
        "WHERE month > '2024-01-01' ORDER BY month"
    )
    weeks = "SELECT change_downloads_outside_ci FROM marts.downloads_weekly WHERE week BETWEEN '2024-02-12' AND "
    assert [(None,), (None,), (None,), (0,)] == models.rows(f"{weeks} '2024-03-04' ORDER BY week")
    assert [(None, 0)] == models.rows(
        "SELECT growth_4w_downloads_outside_ci, growth_4w_downloads_by_installers FROM marts.portfolio_compare "
        "WHERE week = '2024-03-11'"
    )
    assert [(None,)] == models.rows(
        "SELECT index_downloads_outside_ci FROM marts.portfolio_compare WHERE week = '2024-04-22'"
    )


def test_bad_day_makes_no_whole_week_and_no_change(models: Models) -> None:
    """A day on which PyPI lost downloads is no drop of the project, and no rise in the week after."""
    first, last = date(2024, 6, 3), date(2024, 6, 30)
    for day in days(first, last):
        models.add(day, 10 if day == date(2024, 6, 18) else 60)
    models.commit(first, last)
    compute(models, "project_summary", "downloads_monthly")

    assert [(True, 0, None), (True, 0, 0.0), (False, 1, None), (True, 0, None)] == models.rows(
        "SELECT is_whole, days_wrong, change_downloads FROM marts.downloads_weekly ORDER BY week"
    )
    assert [(False, 1)] == models.rows("SELECT is_whole, days_wrong FROM marts.downloads_monthly")
    assert [(None,)] == models.rows("SELECT change_downloads FROM marts.project_summary")


def test_provisional_day_is_marked_wherever_it_counts(models: Models) -> None:
    """The headline of a week whose Sunday may still fill says so."""
    first, last = date(2026, 6, 15), date(2026, 6, 28)
    for day in days(first, last):
        models.add(day, 18 if day == last else 60)
    models.commit(first, last)
    compute(models, "project_summary", "portfolio_weekly")

    [(change, provisional)] = models.rows("SELECT change_downloads, days_provisional FROM marts.project_summary")
    assert (-0.1, 1) == (round(change, 3), provisional)
    assert [(0,), (1,)] == models.rows("SELECT days_provisional FROM marts.portfolio_weekly ORDER BY week")


@pytest.mark.parametrize("others", [(), ("two",)])
def test_loaded_day_without_a_row_is_zero(models: Models, others: tuple[str, ...]) -> None:
    """Three a day and none on Sundays: eight whole weeks, with or without another project that has Sundays."""
    first, last = date(2026, 5, 4), date(2026, 6, 28)
    for day in days(first, last):
        models.add(day, 0 if day.isoweekday() == 7 else 3)
        for other in others:
            models.add(day, 1, project=other)
    for project in ("one", *others):
        models.commit(first, last, project)
    compute(models, "downloads_weekly")

    assert [(0, False)] * 8 == models.rows(
        "SELECT downloads, is_missing FROM marts.downloads_trend WHERE project = 'one' AND weekday = 7"
    )
    assert [(True, 18)] * 8 == models.rows(
        "SELECT is_whole, downloads FROM marts.downloads_weekly WHERE project = 'one'"
    )


def test_day_that_is_not_loaded_is_no_zero(models: Models) -> None:
    """What no load covers has no value, although another project has it."""
    for day in days(date(2026, 6, 1), date(2026, 6, 7)):
        models.add(day, 3, project="two")
        if day.day != 4:
            models.add(day, 3)
    models.commit(date(2026, 6, 1), date(2026, 6, 3))
    models.commit(date(2026, 6, 5), date(2026, 6, 7))
    models.commit(date(2026, 6, 1), date(2026, 6, 7), "two")
    compute(models, "downloads_weekly")

    assert [] == models.rows("FROM marts.downloads_trend WHERE project = 'one' AND day = '2026-06-04'")
    assert [("one", False, 6), ("two", True, 7)] == models.rows(
        "SELECT project, is_whole, days FROM marts.downloads_weekly ORDER BY project"
    )


def test_day_that_all_of_pypi_lacks_is_a_gap(models: Models) -> None:
    """Days before Linehaul was in production are missing, not zero, and only those that are listed."""
    for day in (date(2016, 3, 1), date(2016, 6, 1)):
        models.add(day, 3)
    models.commit(date(2016, 3, 1), date(2016, 6, 1))
    compute(models, "downloads_trend")

    assert [(77,)] == models.rows("SELECT COUNT(*) FROM marts.downloads_trend WHERE is_missing AND downloads IS NULL")
    assert [(0, False)] == models.rows(
        "SELECT downloads, is_missing FROM marts.downloads_trend WHERE day = '2016-03-05'"
    )


def test_generated_log_lacks_the_day_that_the_list_says(models: Models) -> None:
    """The demo's missing day is known to be missing, and the day of its break to be one, only of its log."""
    models.compute(["reference.incidents"])

    assert [(str(RECOGNISED[1]), None, "changed"), (str(MISSING_DAY), str(MISSING_DAY), "missing")] == models.rows(
        "SELECT first_day, last_day, effect FROM reference.incidents WHERE log = 'demo' ORDER BY first_day"
    )


def test_months_compare_by_their_weekdays(models: Models) -> None:
    """May 2026 has more weekends than April: with the same days of the week nothing has changed."""
    first, last = date(2026, 4, 1), date(2026, 5, 31)
    for day in days(first, last):
        models.add(day, 2 if day.isoweekday() > 5 else 10)
    models.commit(first, last)
    compute(models, "downloads_monthly")

    assert [(0,)] == models.rows("SELECT change_downloads FROM marts.downloads_monthly WHERE month = '2026-05-01'")


def test_portfolio_is_of_tracked_projects_and_of_weeks_that_all_have(models: Models) -> None:
    """Who is no longer tracked counts no more, and a week that a project lacks altogether is not whole."""
    first, last = date(2026, 6, 1), date(2026, 6, 28)
    for day in days(first, last):
        early = day < date(2026, 6, 22)
        models.add(day, 11 if early else 4)
        models.add(day, 9 if early else 8, project="gone")
        models.add(day, 5, project="late")
    models.commit(first, last)
    models.commit(first, last, "gone")
    models.commit(first, date(2026, 6, 7), "late")
    models.commit(date(2026, 6, 15), last, "late")
    models.connection.execute("DELETE FROM raw.tracked_projects WHERE project = 'gone'")
    compute(models, "portfolio_weekly", "portfolio_compare")

    assert [(True, 112), (False, 77), (True, 112), (True, 63)] == models.rows(
        "SELECT is_whole, downloads FROM marts.portfolio_weekly ORDER BY week"
    )


def test_project_that_is_added_later_moves_no_index(models: Models) -> None:
    """Each project starts at 100 in its own first whole week."""
    for day in days(date(2026, 6, 1), date(2026, 6, 28)):
        models.add(day, 10 if day < date(2026, 6, 8) else 20)
        if day >= date(2026, 6, 15):
            models.add(day, 7, project="later")
    models.commit(date(2026, 6, 1), date(2026, 6, 28))
    models.commit(date(2026, 6, 15), date(2026, 6, 28), "later")
    compute(models, "portfolio_compare")

    assert [("later", 100), ("one", 200)] == models.rows(
        "SELECT project, index_downloads FROM marts.portfolio_compare WHERE week = '2026-06-22' ORDER BY project"
    )


def test_freshness_goes_by_the_clock_and_costs_by_utc(models: Models) -> None:
    """Data that is old is behind, though nothing newer is loaded; the reader's time zone moves no cost."""
    models.add(date(2026, 7, 1))
    models.commit(date(2026, 7, 1), date(2026, 7, 1))
    models.connection.execute(
        "INSERT INTO raw.extract_ledger BY NAME SELECT 'one' AS project, 1.0 AS cost, 'done' AS status, "
        "TIMESTAMPTZ '2026-07-01 01:00:00+00' AS started_at"
    )
    models.compute()
    models.connection.execute("SET TimeZone = 'America/Los_Angeles'")

    [(behind, others, expected)] = models.rows(
        "SELECT days_behind, days_behind_others, "
        "DATE_DIFF('day', DATE '2026-07-01', (NOW() AT TIME ZONE 'UTC')::DATE) - 1 FROM marts.freshness"
    )
    assert (max(expected, 0), 0) == (behind, others)
    assert [(date(2026, 7, 1),)] == models.rows("SELECT month FROM marts.costs_monthly")
