"""Plans a load: checks the upstream, finds the windows to load, and estimates their cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cached_property

from pipelines.costs.budget import Guard
from pipelines.costs.forecast import Estimate, Forecast
from pipelines.costs.ledger import ExtractLedger
from pipelines.errors import SettingsError, WarehouseError
from pipelines.load.file_changes import FileChanges, compare_files
from pipelines.pypi.days import CommittedDay
from pipelines.pypi.settings import FIRST_DAY, Settings
from pipelines.pypi.upstreams import Upstream, connect
from pipelines.pypi.upstreams.schema import refuse_unknown
from pipelines.pypi.windows import DAY, Backfill, Window, plan_windows
from pipelines.warehouse import Warehouse, bookkeeping
from pipelines.warehouse.file_days import read_file_record
from pipelines.warehouse.settings import CREDENTIALS_VARIABLE


@dataclass(frozen=True)
class LoadRequest:
    """What to load at the time `now`: the days that the warehouse lacks, or those of a backfill."""

    settings: Settings
    warehouse: Warehouse
    now: datetime
    backfill: Backfill | None = None

    @property
    def projects(self) -> list[str]:
        return list(self.backfill.projects if self.backfill else self.settings.projects)

    @cached_property
    def ledger(self) -> ExtractLedger:
        return ExtractLedger(self.warehouse, self.settings)


@dataclass(frozen=True)
class LoadPlan:
    """The windows to load, and for each project that has files what they have become since its days were loaded."""

    windows: Sequence[Window]
    changes: Mapping[str, FileChanges] = field(default_factory=dict)

    def count_changed(self, windows: Sequence[Window]) -> int:
        """The number of days in the windows that were loaded before, and whose files are new or have changed."""
        return sum(day in window for window in windows for day in self._of(window.project).changed)

    @property
    def gone_days(self) -> dict[str, dict[date, str]]:
        """The days that are kept, although a file of theirs is gone, with its path; by project."""
        return {project: changes.gone for project, changes in self.changes.items() if changes.gone}

    def _of(self, project: str) -> FileChanges:
        return self.changes.get(project, FileChanges())


def connect_upstream(request: LoadRequest) -> tuple[Upstream, list[str]]:
    """The upstream, checked against contract and warehouse, and its fields that are not in the contract.

    Raises:
        SettingsError: the backfill names an unknown project.
        SourceError: the upstream cannot be reached, or does not fit the contract.
        WarehouseError: the load would mix demo data and real downloads.

    """
    settings = request.settings
    if request.backfill:
        _require_known(request.backfill, request)
    upstream = connect(settings, request.now, request.ledger)
    known = [entry for project in request.projects for entry in read_file_record(request.warehouse, project).known]
    unknown_columns = upstream.check(request.projects, known)
    if settings.columns == "freeze":
        refuse_unknown(unknown_columns, settings.address)
    _require_matching_origin(request.warehouse, upstream.origin)
    return upstream, unknown_columns


def plan(request: LoadRequest, upstream: Upstream) -> LoadPlan:
    """The windows of the backfill, or else of the settings' days that the warehouse lacks, or whose files have changed.

    Raises:
        SettingsError: the backfill has no day, or a day that is not settled, or before the first download, or whose
            file is gone.
        WarehouseError: days are loaded that upstream has not reached.

    """
    settings = request.settings
    committed = bookkeeping.committed_by_project(request.warehouse)
    # A machine whose clock is ahead would count days as loaded that nobody has lived yet.
    now = min(filter(None, (request.now, upstream.time)))
    _require_past(committed, (upstream.time or request.now).astimezone(UTC).date())
    changes = {
        project: compare_files(found, read_file_record(request.warehouse, project).sources, committed.get(project, {}))
        for project in request.projects
        if (found := upstream.file_days(project))
    }
    if request.backfill:
        windows = _backfill_windows(request.backfill, upstream, settings, settings.settled_until(now), changes)
        return LoadPlan(_with_grain(windows, settings), changes)
    today = now.astimezone(UTC).date()
    if settings.start > today:
        what = f"The setting 'start_date' is {settings.start}, after today, {today} (UTC): there is nothing to load."
        raise SettingsError(what, remedy="Set `start_date` under [sources.pypi] to a day that is over.")
    settled = settings.end_at(now)
    windows = []
    for project in settings.projects:
        end = min(filter(None, (settled, upstream.available_until(project, settings.end))))
        files = changes.get(project, FileChanges())
        windows += plan_windows(
            project,
            settings.start,
            end,
            committed.get(project, ()),
            settings.lag_days,
            changed={day for day in files.changed if day < settled},
            kept=files.gone,
        )
    return LoadPlan(_with_grain(windows, settings), changes)


def _with_grain(windows: Sequence[Window], settings: Settings) -> list[Window]:
    return [replace(window, grain=settings.grain_of(window.project)) for window in windows]


def estimate(request: LoadRequest, *, probe: bool = False) -> Estimate:
    """What `load` will cost; reads no row, and writes and bills nothing, unless it may `probe`.

    Raises:
        InsightsError: as `connect_upstream` and `plan` do.
        BudgetError: the probe may cost more than the settings allow.

    """
    upstream, _ = connect_upstream(request)
    windows = plan(request, upstream).windows
    forecast = Forecast(upstream, request.ledger, request.settings)
    found = forecast.estimate(windows)
    if probe and found.probe_bytes:
        Guard(request.ledger, request.now, datetime.now(UTC)).probe(forecast, found)
        found = forecast.estimate(windows)
    return found


def _require_known(backfill: Backfill, request: LoadRequest) -> None:
    """Refuse a project that is neither tracked nor loaded: its name is probably a typo."""
    known = {*request.settings.projects, *bookkeeping.loaded_days(request.warehouse)}
    for project in backfill.projects:
        if project not in known:
            what = f"The project {project!r} is neither in the settings nor in the warehouse."
            raise SettingsError(what, remedy="Check its name, or add it to `projects` of [sources.pypi].")


def _backfill_windows(
    backfill: Backfill, upstream: Upstream, settings: Settings, settled: date, changes: Mapping[str, FileChanges]
) -> list[Window]:
    """The windows of the backfill, each up to where upstream ends for its project."""
    ends = {}
    for project in backfill.projects:
        available = [upstream.available_until(project, end) for end in {None, settings.end}]
        changed = [day + DAY for day in changes.get(project, FileChanges()).changed]
        ends[project] = min(settled, max([*filter(None, available), *changed], default=settled))
    _require_loadable(backfill, max(ends.values()))
    windows = [Window(name, backfill.start, min(backfill.end, end)) for name, end in ends.items()]
    for window in windows:
        for day, path in sorted(changes.get(window.project, FileChanges()).gone.items()):
            if day in window:
                what = f"The downloads of {window.project} on {day} were loaded from {path}, which is gone."
                remedy = "A backfill would remove them. Bring the file back, or leave this day out."
                raise SettingsError(what, remedy=remedy)
    return [window for window in windows if window.days]


def _require_loadable(backfill: Backfill, end: date) -> None:
    if backfill.start < FIRST_DAY:
        what = f"The backfill starts on {backfill.start}, before the first download on record."
        raise SettingsError(what, remedy=f"Start it on {FIRST_DAY} or later.")
    if backfill.end <= backfill.start:
        what = f"The backfill from {backfill.start} to before {backfill.end} has no day."
        raise SettingsError(what, remedy="END is exclusive, and must come after START.")
    if backfill.end > end:
        what = f"The backfill ends on {backfill.end - DAY}; the last complete day of the upstream is {end - DAY}."
        raise SettingsError(what, remedy=f"END is exclusive: set it to {end} or earlier.")


def _require_past(committed: Mapping[str, Mapping[date, CommittedDay]], today: date) -> None:
    """Raise `WarehouseError` if a day that is not over counts as loaded: a clock was wrong then, or is wrong now."""
    early = {day for days in committed.values() for day in days if day >= today}
    if early:
        what = (
            f"Today is {today}, but {len(early)} days count as loaded that are not over: {min(early)} to {max(early)}."
        )
        remedy = (
            f"If the date is right, a run with a wrong clock has loaded them: `just forget --from {min(early)}` "
            "removes them. If it is wrong, set this machine's clock."
        )
        raise WarehouseError(what, remedy=remedy)


def _require_matching_origin(warehouse: Warehouse, origin: str) -> None:
    """Raise `WarehouseError` if the load would mix demo data and real downloads."""
    held = bookkeeping.origins(warehouse)
    if held and (origin == "demo") != (held == {"demo"}):
        what = f"The warehouse {warehouse} holds {' and '.join(sorted(held))} data, not {origin}."
        remedy = f"`just reset` removes a demo warehouse; or set {CREDENTIALS_VARIABLE} to a file in another folder."
        raise WarehouseError(what, remedy=remedy)
