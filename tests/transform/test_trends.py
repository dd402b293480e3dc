"""Shares of windows, and trends with what is known of them."""

import random
from datetime import date, timedelta

import pyarrow as pa
import pytest
from sqlmesh import Context

from pipelines.lenses import Lens
from tests.support.models import Models
from tests.transform.test_comparisons import compute, days

pytestmark = pytest.mark.slow

FIRST, LAST = date(2026, 3, 30), date(2026, 6, 28)
"""Thirteen whole weeks."""
PYTHON = "3.10"
SUPPORT = "SELECT {} FROM marts.python_support WHERE python_minor = '{}'"


@pytest.fixture
def models(context: Context) -> Models:
    return Models(context)


def test_python_that_has_vanished_is_part_of_the_fall(models: Models) -> None:
    """Python 3.8 had 40 % until 56 days before the end: what dropping 3.10 costs fell by 19.1 points a month."""
    for day in days(FIRST, LAST):
        old = 40 if (LAST - day).days >= 56 else 0
        for python, count in (("3.8.1", old), ("3.10.1", 10), ("3.12.1", 90 - old)):
            models.add(day, count, details__python=python)
    models.commit(FIRST, LAST)
    compute(models, "python_support")

    [(slope, low, high)] = models.rows(
        SUPPORT.format(
            "slope_drop_share_downloads, slope_low_drop_share_downloads, slope_high_drop_share_downloads", PYTHON
        )
    )
    assert -19.1 == round(100 * slope, 1)
    assert low < slope < high < 0
    assert [(0,)] == models.rows(SUPPORT.format("downloads", "3.8"))


@pytest.mark.parametrize("downloads", [200, 20_000])
def test_constant_share_is_steady(models: Models, downloads: int) -> None:
    """With chance alone, about one of twenty intervals excludes zero: the rest is steady in a sentence."""
    draw = random.Random(20260701)  # noqa: S311 - a simulation
    series = 200
    rows = []
    for number in range(series):
        for week in range(13):
            old = round(draw.normalvariate(downloads * 0.1, (downloads * 0.09) ** 0.5))
            day = FIRST + timedelta(weeks=week)
            rows += [(day, f"p{number}", PYTHON, old), (day, f"p{number}", "3.12", downloads - old)]
    names = models.upstream("marts.python_support")
    models.compute(names)
    # Rows of the log would be millions.
    counted = pa.Table.from_pylist(  # noqa: F841 - DuckDB finds it by its name
        [{"day": day, "project": project, "python_minor": python, "n": n} for day, project, python, n in rows]
    )
    lenses = ", ".join(f"n AS {lens.column}" for lens in Lens)
    models.connection.execute(
        f"INSERT INTO staging.daily_downloads BY NAME SELECT day, project, python_minor, {lenses} FROM counted"
    )
    models.connection.execute(
        "INSERT INTO raw.committed_days BY NAME SELECT project, UNNEST(GENERATE_SERIES(?, ?, INTERVAL 1 DAY))::DATE "
        "AS day FROM (SELECT DISTINCT project FROM counted)",
        [FIRST, LAST],
    )
    models.compute({*names} - {"staging.downloads", "staging.daily_downloads"})

    ends = models.rows(SUPPORT.format("slope_low_drop_share_downloads, slope_high_drop_share_downloads", PYTHON))
    assert series == len(ends)
    assert sum(low > 0 or high < 0 for low, high in ends) <= series * 0.1


def test_change_needs_both_windows_whole(models: Models) -> None:
    """One missing day in the 28 days before is enough for no change, and a window says how many days it has."""
    for day in days(FIRST, LAST):
        models.add(day, 4)
    models.commit(FIRST, date(2026, 5, 9))
    models.commit(date(2026, 5, 11), LAST)
    models.commit(FIRST, LAST, "never")
    compute(models, "python_support", "breakdown_periods")

    assert [(28, 1.0, None)] == models.rows(
        "SELECT days, share_downloads, change_share_downloads FROM marts.python_support"
    )


def test_window_of_three_days_has_no_shares_and_a_project_that_lags_has_its_own(models: Models) -> None:
    """Shares of a few days are refused; the window of a project ends with its own last loaded day."""
    last = date(2026, 7, 31)
    for day in days(date(2026, 7, 29), last):
        models.add(day, 5, "short")
    for day in days(date(2026, 6, 1), date(2026, 6, 30)):
        models.add(day, 5, "behind")
    models.commit(date(2026, 7, 29), last, "short")
    models.commit(date(2026, 6, 1), date(2026, 6, 30), "behind")
    compute(models, "breakdown_periods", "python_support")

    breakdown = "SELECT project, last_day, days, downloads, share_downloads FROM marts.breakdown_periods"
    assert [("behind", date(2026, 6, 30), 28, 140, 1.0), ("short", last, 3, 15, None)] == models.rows(
        f"{breakdown} WHERE dimension = 'python' AND period = '4w' ORDER BY project"
    )
    support = "SELECT project, days, share_downloads, drop_share_downloads FROM marts.python_support ORDER BY project"
    assert [("behind", 28, 1.0, 1.0), ("short", 3, None, None)] == models.rows(support)


def test_new_major_makes_older_only_what_follows_it(models: Models) -> None:
    """The days before a major was there are no downloads of an older one; before 1.0 the second number counts."""
    for day in days(date(2026, 6, 1), date(2026, 6, 28)):
        for project, old, new in (("one", "1.0", "2.0"), ("early", "0.6.1", "0.7.0")):
            models.add(day, 10, project, file__version=old)
            if day >= date(2026, 6, 20):
                models.add(day, 10, project, file__version=new)
    for project in ("one", "early"):
        models.commit(date(2026, 6, 1), date(2026, 6, 28), project)
    compute(models, "major_support")

    found = models.rows(
        "SELECT newest_major, older_downloads, share_older_downloads FROM marts.major_support "
        "WHERE week >= '2026-06-15' ORDER BY newest_major, week"
    )
    assert [("0.7", 20, 20 / 90), ("0.7", 70, 0.5), ("2", 20, 20 / 90), ("2", 70, 0.5)] == found


def test_python_that_falls_has_a_day_below_five_percent_with_an_interval(models: Models) -> None:
    """A fall of a point a week from 20 % ends below 5 % some weeks after the end, and SPEC 0 has its own day."""
    for day in days(FIRST, LAST):
        week = (day - FIRST).days // 7
        old = 200 - 10 * week + (1 if week % 2 else -1)
        models.add(day, old, details__python="3.10.1")
        models.add(day, 1000 - old, details__python="3.12.1")
    models.commit(FIRST, LAST)
    compute(models, "python_support")

    columns = "below_5_from_downloads, below_5_on_downloads, below_5_until_downloads, spec0_drop_on"
    [(first, on, last, spec0)] = models.rows(SUPPORT.format(columns, PYTHON))
    assert first <= on <= last
    assert date(2026, 7, 14) < on < date(2026, 8, 20)
    assert date(2024, 10, 4) == spec0
    assert [(None, date(2026, 10, 2))] == models.rows(SUPPORT.format("below_5_on_downloads, spec0_drop_on", "3.12"))
