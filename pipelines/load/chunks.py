"""Cuts a load into chunks of whole days, each committed by itself: a run that dies loses the chunk at work, no more."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from pipelines.costs.forecast import WindowCost, likely_bytes
from pipelines.pypi.settings import Settings
from pipelines.pypi.upstreams import Upstream
from pipelines.pypi.windows import DAY, Window


@dataclass(frozen=True)
class Chunk:
    """Windows that are read and committed together; of one project, unless reading is free."""

    windows: Sequence[Window]

    @property
    def projects(self) -> list[str]:
        return list(dict.fromkeys(window.project for window in self.windows))

    @property
    def days(self) -> int:
        return sum(len(window.days) for window in self.windows)

    def by_project(self) -> list["Chunk"]:
        return [Chunk(list(windows)) for _, windows in groupby(self.windows, key=lambda window: window.project)]


def cut(window: Window, at: Iterable[Window]) -> list[Window]:
    """The parts of the window inside and outside of each window of `at` that it contains.

    A read that is paid for is found again by its window, so its days have to stay together.
    """
    inside = [
        other
        for other in at
        if (other.project, other.grain) == (window.project, window.grain)
        and window.start <= other.start
        and other.end <= window.end
    ]
    starts = {window.start, *(edge for other in inside for edge in (other.start, other.end))} - {window.end}
    edges = [*sorted(starts), window.end]
    return [replace(window, start=start, end=end) for start, end in pairwise(edges)]


def paid_chunks(cost: WindowCost, rows_per_day: float, settings: Settings) -> list[Chunk]:
    """One chunk for each query of the window: as many days as the settings' rows and bytes allow, one at least."""
    window, days = cost.window, cost.window.days
    size = len(days)
    if rows_per_day:
        size = min(size, int(settings.chunk_rows / rows_per_day))
    if expected := likely_bytes(cost):
        size = min(size, int(settings.chunk_gib * 2**30 / expected * len(days)))
    # A window that is paid for already has its rows in one result.
    size = max(1, size) if cost.at_most else len(days)
    pieces = [days[first : first + size] for first in range(0, len(days), size)]
    return [Chunk([replace(window, start=piece[0], end=piece[-1] + DAY)]) for piece in pieces]


def free_chunks(windows: Sequence[Window], upstream: Upstream, settings: Settings) -> Iterator[Chunk]:
    """As few chunks as the settings' rows allow: reading is free, and each commit takes its time."""
    days: list[Window] = []
    rows = 0
    for window in windows:
        counts = upstream.count_days(window.project, window.start, window.end)
        for day in window.days:
            count = counts.get(day, 0)
            if days and rows + count > settings.chunk_rows:
                yield Chunk(_joined(days))
                days, rows = [], 0
            days.append(replace(window, start=day, end=day + DAY))
            rows += count
    if days:
        yield Chunk(_joined(days))


def _joined(days: Iterable[Window]) -> list[Window]:
    """The windows of consecutive days."""
    windows: list[Window] = []
    for day in days:
        last = windows[-1] if windows else None
        if last and (last.project, last.grain, last.end) == (day.project, day.grain, day.start):
            windows[-1] = replace(last, end=day.end)
        else:
            windows.append(day)
    return windows
