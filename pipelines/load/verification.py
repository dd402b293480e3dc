"""Compares the daily totals of a warehouse, loaded from wherever, with those of ClickHouse's public copy of the log."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from operator import attrgetter

from pipelines.errors import WarehouseError
from pipelines.progress import Update
from pipelines.pypi.settings import Settings
from pipelines.pypi.upstreams.clickpy import ClickpyUpstream
from pipelines.pypi.windows import DAY
from pipelines.warehouse import Warehouse
from pipelines.warehouse.bookkeeping import DailyTotal, daily_totals


@dataclass(frozen=True)
class Difference:
    """A day of which the warehouse and the copy have another number of downloads; `quarantined` is a part of `ours`."""

    project: str
    day: date
    ours: int
    theirs: int
    quarantined: int

    @property
    def relative(self) -> float | None:
        """What we have more, or less, as a fraction of what the copy has; None where it has nothing."""
        return (self.ours - self.theirs) / self.theirs if self.theirs else None


@dataclass
class Verification:
    """What was compared with the copy at `address`, which ends before `until`."""

    address: str
    until: date | None
    projects: dict[str, int] = field(default_factory=dict)
    """By project, how many days were compared."""
    differences: list[Difference] = field(default_factory=list)
    later: dict[str, int] = field(default_factory=dict)
    """By project, how many loaded days the copy does not have yet."""
    own: int = 0
    """Days that were loaded from a copy: of these, equality shows only that nothing was lost since."""


def verify(
    warehouse: Warehouse, settings: Settings, projects: Collection[str], now: datetime, update: Update
) -> Verification:
    """Compare each loaded day of the projects, or of all; read both, and change nothing.

    Raises:
        WarehouseError: there is nothing that can be compared: no day of a project, or demo data.
        SourceError: the copy cannot be read, or has no download of any of the projects.

    """
    totals = _require_real(daily_totals(warehouse), projects, warehouse)
    by_project = {project: list(days) for project, days in groupby(totals, attrgetter("project"))}
    upstream = _connect(settings, [*by_project], now)
    upstream.check([*by_project])
    until = upstream.available_until("", None)
    found = Verification(settings.clickpy.url, until)
    for project, days in by_project.items():
        compared = [total for total in days if until and total.day < until]
        found.projects[project] = len(compared)
        if len(compared) < len(days):
            found.later[project] = len(days) - len(compared)
        if compared:
            update(f"{project}, {len(compared):,} days")
            found.own += sum(total.origin == ClickpyUpstream.origin for total in compared)
            found.differences += _differences(compared, upstream)
    return found


def _connect(settings: Settings, projects: list[str], now: datetime) -> ClickpyUpstream:
    of_these = settings.copy()
    of_these.projects = projects
    return ClickpyUpstream(of_these, now)


def _require_real(totals: list[DailyTotal], projects: Collection[str], warehouse: Warehouse) -> list[DailyTotal]:
    """Those of the projects, or all, if each project has some, and none is of demo data."""
    if not totals:
        raise WarehouseError(f"{warehouse} has no loaded day to verify.", remedy="Load with `just run` first.")
    if any(total.origin == "demo" for total in totals):
        what = f"{warehouse} holds demo data, which is generated: nothing can verify it."
        raise WarehouseError(what, remedy="Load real downloads first: `just try PACKAGE`, or docs/first-load.md.")
    if unknown := sorted({*projects} - {total.project for total in totals}):
        loaded = ", ".join(sorted({total.project for total in totals}))
        raise WarehouseError(f"{warehouse} has no day of {', '.join(unknown)}.", remedy=f"It has days of {loaded}.")
    return [total for total in totals if not projects or total.project in projects]


def _differences(days: list[DailyTotal], upstream: ClickpyUpstream) -> Iterator[Difference]:
    """The days that differ; one query counts all days of the project, where the copy's limits allow it."""
    theirs = upstream.count_days(days[0].project, days[0].day, days[-1].day + DAY)
    for total in days:
        ours, there = total.present + total.quarantined, theirs.get(total.day, 0)
        if ours != there:
            yield Difference(total.project, total.day, ours, there, total.quarantined)
