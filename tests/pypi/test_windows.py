"""Which days are loaded."""

from datetime import UTC, date, datetime, timedelta

from pipelines.pypi.windows import Window, plan_windows

FIRST = date(2026, 7, 1)


def day(number: int) -> date:
    return FIRST + timedelta(days=number - 1)


def windows(loaded: list[int], lag_days: int = 0) -> list[tuple[int, int]]:
    """First and last day numbers of the windows of ten days."""
    planned = plan_windows("one", day(1), day(11), map(day, loaded), lag_days)
    return [((window.start - FIRST).days + 1, (window.end - FIRST).days) for window in planned]


def test_all_days_are_one_window_at_first() -> None:
    """With nothing loaded the window is from the start to before the end."""
    assert windows([]) == [(1, 10)]


def test_loaded_days_are_left_out() -> None:
    """Only what is missing is loaded: the tail, a hole, the days before."""
    assert windows([3, 4, 7, 8]) == [(1, 2), (5, 6), (9, 10)]


def test_lag_counts_back_from_the_last_loaded_day() -> None:
    """The last two loaded days are read again, with the new ones."""
    assert windows([1, 2, 3, 4, 5], lag_days=2) == [(4, 10)]


def test_lag_counts_back_within_what_is_wanted() -> None:
    """Days that a backfill has loaded after the end are not read again, and those before it are."""
    assert windows([*range(1, 11), 15, 16], lag_days=2) == [(9, 10)]


def test_days_loaded_ahead_leave_the_gap_to_load() -> None:
    """After a backfill of later days only the days between are missing."""
    assert windows([1, 2, 3, 8, 9, 10]) == [(4, 7)]


def test_nothing_is_left_when_all_is_loaded() -> None:
    """There is no empty window."""
    assert windows(list(range(1, 11))) == []


def test_window_is_half_open_at_utc_midnights() -> None:
    """The bounds are the midnights that start the first day and end the last."""
    window = Window("one", day(1), day(3))

    assert (datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 7, 3, tzinfo=UTC)) == window.bounds
    assert [day(1), day(2)] == window.days
