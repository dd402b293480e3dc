"""When a version was released, and how far it was taken up: told, not yet, never, or not to be told."""

from datetime import date, timedelta

import pytest
from sqlmesh import Context

from tests.support.models import Models
from tests.transform.test_comparisons import compute, days

pytestmark = pytest.mark.slow

FIRST, LAST = date(2026, 1, 1), date(2026, 6, 30)


@pytest.fixture
def models(context: Context) -> Models:
    return Models(context)


def share(models: Models, day: date, percent: int, version: str = "2.0", old: str = "1.0") -> None:
    """A hundred downloads of the day, so many of them of the version."""
    models.add(day, percent, file__version=version)
    models.add(day, 100 - percent, file__version=old)


def test_milestones_go_by_the_share_of_seven_days(models: Models) -> None:
    """One day with 95 % is no milestone of a version that has 40 %; what was not reached has a status."""
    release = date(2026, 6, 1)
    for day in days(date(2026, 5, 1), LAST):
        since = (day - release).days
        share(models, day, 0 if since < 0 else 95 if since == 4 else 40)
    models.commit(date(2026, 5, 1), LAST)
    compute(models, "versions")

    [(day, to_25, to_50, to_90, s50, s90, peak)] = models.rows(
        "SELECT released_on, days_to_25_downloads, days_to_50_downloads, days_to_90_downloads, status_50_downloads, "
        "status_90_downloads, peak_share_downloads FROM marts.versions WHERE version = '2.0'"
    )
    assert (release, 0, 4, None, "reached", "not yet") == (day, to_25, to_50, to_90, s50, s90)
    assert 0.51 == round(peak, 2)
    assert [("cannot be told", None)] == models.rows(
        "SELECT status_50_downloads, released_on FROM marts.versions WHERE version = '1.0'"
    )


def test_never_is_told_from_not_yet_and_from_what_cannot_be_told(models: Models) -> None:
    """A version that has lost half of its peak reaches no more; with days missing nobody can tell."""
    for project in ("left", "hole"):
        for day in days(date(2026, 5, 1), LAST):
            since = (day - date(2026, 5, 20)).days
            new = 0 if since < 0 else 30 if since < 14 else 2
            for version, count in (("1.0", 100 - new), ("2.0", new)):
                models.add(day, count, project, file__version=version)
    models.commit(date(2026, 5, 1), LAST, "left")
    models.commit(date(2026, 5, 1), date(2026, 6, 3), "hole")
    models.commit(date(2026, 6, 5), LAST, "hole")
    compute(models, "versions")

    assert [("hole", "reached", "cannot be told", "reached"), ("left", "reached", "never", "reached")] == models.rows(
        "SELECT project, status_25_downloads, status_50_downloads, status_half_life_downloads FROM marts.versions "
        "WHERE version = '2.0' ORDER BY project"
    )


def test_first_download_after_days_that_are_not_loaded_is_no_release(models: Models) -> None:
    """Neither what is first seen soon after the data starts, nor what is after a hole, is known to be released then."""
    for day in days(FIRST, LAST):
        share(models, day, 50 if day >= FIRST + timedelta(days=1) else 0, "1.1")
        models.add(day, 30 if day >= date(2026, 4, 10) else 0, file__version="1.2")
        models.add(day, 30 if day >= date(2026, 5, 20) else 0, file__version="1.3")
    models.connection.execute("DELETE FROM raw.file_downloads WHERE day BETWEEN '2026-04-08' AND '2026-04-14'")
    models.commit(FIRST, date(2026, 4, 7))
    models.commit(date(2026, 4, 15), LAST)
    compute(models, "versions")

    released = "SELECT version, released_on, release_source FROM marts.versions ORDER BY version"
    expected = [(version, None, None) for version in ("1.0", "1.1", "1.2")]
    assert [*expected, ("1.3", date(2026, 5, 20), "first download")] == models.rows(released)


def test_one_slip_decides_nothing(models: Models) -> None:
    """A stray version on the first day hides no release, and makes no version an older major."""
    models.add(FIRST, file__version="2020.1")
    models.add(date(2026, 3, 3), file__version="2021.1")
    for day in days(FIRST, LAST):
        share(models, day, 50 if day >= date(2026, 5, 1) else 0, "1.1")
    models.commit(FIRST, LAST)
    compute(models, "versions", "major_support")

    assert [("1.0", False, None), ("1.1", False, date(2026, 5, 1)), ("2020.1", True, None), ("2021.1", True, None)] == (
        models.rows("SELECT version, is_stray, released_on FROM marts.versions ORDER BY version_order")
    )
    assert [(0, "1")] == models.rows("SELECT DISTINCT older_downloads, newest_major FROM marts.major_support")
