"""Plans a load: checks the upstream, finds the windows to load, and estimates their cost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property

from pipelines.costs.budget import Guard
from pipelines.costs.forecast import Estimate, Forecast
from pipelines.costs.ledger import ExtractLedger
from pipelines.errors import SettingsError, SourceError, WarehouseError
from pipelines.pypi.settings import FIRST_DAY, Settings
from pipelines.pypi.upstreams import Upstream, connect
from pipelines.pypi.upstreams.schema import refuse_unknown
from pipelines.pypi.windows import DAY, Backfill, Window, plan_windows
from pipelines.warehouse import Warehouse, bookkeeping
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
    try:
        upstream = connect(settings, request.ledger)
        unknown_columns = upstream.check(request.projects)
    except OSError as error:
        if settings.upstream != "parquet":
            raise
        what = f"{error.filename or settings.address} cannot be read: {error.strerror}."
        raise SourceError(
            what, remedy="Correct `parquet_path` of [sources.pypi], or grant your user access."
        ) from error
    if settings.columns == "freeze":
        refuse_unknown(unknown_columns, settings.address)
    _require_matching_origin(request.warehouse, upstream.origin)
    return upstream, unknown_columns


def plan(request: LoadRequest, upstream: Upstream) -> Sequence[Window]:
    """The windows of the backfill, or else of the settings' days that the warehouse lacks.

    Raises:
        SettingsError: the backfill has no day, or a day that is not settled or before the first download.

    """
    settings, available = request.settings, upstream.available_until()
    if request.backfill:
        _require_loadable(request.backfill, min(filter(None, (settings.settled_until(request.now), available))))
        return [replace(window, grain=settings.grain_of(window.project)) for window in request.backfill.windows]
    today = request.now.astimezone(UTC).date()
    if settings.start > today:
        what = f"The setting 'start_date' is {settings.start}, after today, {today} (UTC): there is nothing to load."
        raise SettingsError(what, remedy="Set `start_date` under [sources.pypi] to a day that is over.")
    end = min(filter(None, (settings.end_at(request.now), available)))
    loaded = bookkeeping.loaded_days(request.warehouse)
    return [
        replace(window, grain=settings.grain_of(project))
        for project in settings.projects
        for window in plan_windows(project, settings.start, end, loaded.get(project, set()), settings.lag_days)
    ]


def estimate(request: LoadRequest, *, probe: bool = False) -> Estimate:
    """What `load` will cost; reads no row, and writes and bills nothing, unless it may `probe`.

    Raises:
        InsightsError: as `connect_upstream` and `plan` do.
        BudgetError: the probe may cost more than the settings allow.

    """
    upstream, _ = connect_upstream(request)
    windows = plan(request, upstream)
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


def _require_matching_origin(warehouse: Warehouse, origin: str) -> None:
    """Raise `WarehouseError` if the load would mix demo data and real downloads."""
    held = bookkeeping.origins(warehouse)
    if held and (origin == "demo") != (held == {"demo"}):
        what = f"The warehouse {warehouse} holds {' and '.join(sorted(held))} data, not {origin}."
        remedy = f"`just reset` removes a demo warehouse; or set {CREDENTIALS_VARIABLE} to a file in another folder."
        raise WarehouseError(what, remedy=remedy)
