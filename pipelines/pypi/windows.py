"""Which whole UTC days to load: the missing days, and the last few loaded days again."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Window:
    """The days of one project from `start` to before `end`."""

    project: str
    start: date
    end: date
    grain: str = "row"
    """The name of the grain at which they are loaded, of `columns.GRAINS`."""

    @property
    def days(self) -> list[date]:
        return _days(self.start, self.end)

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """Start and end as UTC midnights."""
        return datetime.combine(self.start, time(), UTC), datetime.combine(self.end, time(), UTC)

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end

    def __str__(self) -> str:
        return f"{self.project} {self.start} to {self.end - DAY}"


@dataclass(frozen=True)
class Backfill:
    """Days from `start` to before `end` to load for each of `projects`, even if they are loaded already."""

    projects: Sequence[str]
    start: date
    end: date

    @property
    def windows(self) -> list[Window]:
        return [Window(project, self.start, self.end) for project in self.projects]


OnRows = Callable[[Window, int], None]
"""Is told of each batch that is read: its window, and its number of rows."""


def plan_windows(  # noqa: PLR0913 - named, with separate meanings
    project: str,
    start: date,
    end: date,
    loaded: Iterable[date],
    lag_days: int,
    *,
    changed: Collection[date] = (),
    kept: Collection[date] = (),
) -> list[Window]:
    """The windows of `[start, end)` to load, and of the `changed` days from `start` on.

    `loaded` are the days of committed loads, with or without rows. Every other day is missing, also in a gap or after
    `start` was moved back. Of the days up to the last loaded one before `end`, the last `lag_days` are loaded again,
    except those that are `kept`, because upstream no longer has them.
    """
    done = {day for day in loaded if day < end}
    if done:
        done -= set(_days(max(done) + DAY - timedelta(days=lag_days), max(done) + DAY)) - set(kept)
    done -= set(changed)
    later = {day for day in changed if day >= max(start, end)}
    return join_days(project, [day for day in _days(start, end) if day not in done] + sorted(later))


def join_days(project: str, days: Iterable[date]) -> list[Window]:
    """Join ascending `days` into windows of consecutive days."""
    windows: list[Window] = []
    for day in days:
        if windows and windows[-1].end == day:
            windows[-1] = Window(project, windows[-1].start, day + DAY)
        else:
            windows.append(Window(project, day, day + DAY))
    return windows


def _days(start: date, end: date) -> list[date]:
    return [start + DAY * n for n in range((end - start).days)]
