"""Loads the missing days, chunk by chunk, after it has finished the load of a run that died."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import TypedDict, Unpack

from dlt.extract import DltSource

from pipelines.costs.budget import Guard
from pipelines.costs.forecast import Forecast, WindowCost, likely_bytes
from pipelines.errors import BudgetError, ContractError, IncompleteLoadError, InsightsError, SourceError
from pipelines.load.chunks import Chunk, cut, free_chunks, paid_chunks
from pipelines.load.dlt_errors import translate_dlt_errors
from pipelines.load.file_changes import FileChanges
from pipelines.load.plan import LoadRequest, connect_upstream, plan
from pipelines.load.recovery import finish_pending
from pipelines.pypi.billed_queries import Probe
from pipelines.pypi.files import FileDay
from pipelines.pypi.settings import Settings
from pipelines.pypi.upstreams import Reader, Upstream
from pipelines.pypi.windows import OnRows, Window
from pipelines.warehouse import Warehouse, bookkeeping
from pipelines.warehouse.file_days import write_file_record

MAX_FAILURES_IN_A_ROW = 2
"""So many projects in a row that the upstream cannot deliver: it is the upstream, and the others would wait in vain."""


class LoadOptions(TypedDict, total=False):
    """The optional arguments of the source."""

    tolerance: float
    rows: str
    advance_cursor: bool
    on_rows: OnRows


@dataclass
class LoadProgress:
    """How far a load is; amounts are in US dollars."""

    projects: int
    days: int
    window: Window | None = None
    """The one that is being read."""
    days_done: int = 0
    rows: int = 0
    expected: float = 0
    spent: float = 0


OnProgress = Callable[[LoadProgress], None]


@dataclass(frozen=True)
class LoadReport:
    """The windows and row counts of a load.

    `changed_days` of the windows were loaded before, and are loaded again because their files are new or have changed;
    `gone_days` are kept, although a file of theirs, whose path is named, is gone; by project. Rows without a timestamp
    belong to no day, and are not loaded; nor are rows from the future, if their file has no others.

    `unknown_columns` are upstream but not in the contract; `untracked` projects are in the warehouse but not in the
    settings. `finished_earlier` says whether the load of an earlier run was finished first. `failures` says of what
    could not be loaded why, and of nothing where the last query alone was wrong; amounts are in US dollars.
    `recounted` has the probes, each with the rows of its day, where these have become others since; `remarks` are about
    how rows were read.
    """

    windows: Sequence[Window]
    accepted: int = 0
    quarantined: int = 0
    changed_days: int = 0
    gone_days: Mapping[str, Mapping[date, str]] = field(default_factory=dict)
    rows_without_day: int = 0
    projects_without_rows: Sequence[str] = ()
    unknown_columns: Sequence[str] = ()
    untracked: Sequence[str] = ()
    finished_earlier: bool = False
    failures: Sequence[tuple[str, InsightsError]] = ()
    spent: float = 0
    expected: float = 0
    at_most: float = 0
    recounted: Sequence[tuple[Probe, int]] = ()
    remarks: Sequence[str] = ()

    @property
    def complete(self) -> bool:
        return not self.failures

    def require_complete(self) -> None:
        """Raise the error that ended the load early, or `IncompleteLoadError` about projects that failed."""
        if self.complete:
            return
        last = self.failures[-1][1]
        if isinstance(last, BudgetError) and len(self.failures) == 1:
            raise last
        raise incomplete(self.failures, f"{len({window.project for window in self.windows})} projects were loaded.")


def incomplete(failures: Sequence[tuple[str, InsightsError]], loaded: str) -> IncompleteLoadError:
    """The error that names what failed, and why."""
    whats: dict[str, list[str]] = {}
    for about, error in failures:
        whats.setdefault(error.what, []).append(about)
    what = "\n".join(say_failure(", ".join(names), what) for what, names in whats.items())
    remedy = " ".join(dict.fromkeys(error.remedy for _, error in failures))
    return IncompleteLoadError(f"{what}\n{loaded}", remedy=remedy)


def say_failure(about: str, what: str) -> str:
    """What was not loaded, and why; after the last query of a run that is nothing."""
    return f"Not loaded: {about}. {what}" if about else f"Nothing was left to load. {what}"


@dataclass
class Outcome:
    """What became of the chunks: the windows and rows that are loaded, by project, and what failed."""

    windows: list[Window] = field(default_factory=list)
    rows: dict[str, tuple[int, int]] = field(default_factory=dict)
    failures: dict[str, InsightsError] = field(default_factory=dict)

    def add(self, chunk: Chunk, counts: dict[str, tuple[int, int]]) -> None:
        self.windows += chunk.windows
        for project, (accepted, quarantined) in counts.items():
            before = self.rows.get(project, (0, 0))
            self.rows[project] = (before[0] + accepted, before[1] + quarantined)


def load(request: LoadRequest, on_progress: OnProgress = lambda _progress: None) -> LoadReport:
    """Load the days that the warehouse lacks, or those of a backfill; each day as a whole, and exactly once.

    A project that fails does not stop the others; the report says what failed, unless nothing could be loaded.

    Raises:
        SettingsError: the backfill names an unknown project, or a day that is not settled.
        SourceError: the upstream cannot deliver the rows; most faults are found before anything is written.
        BudgetError: the load would cost more than the settings allow; nothing is read.
        ContractError: too many rows failed the contract; nothing is loaded.
        WarehouseError: the warehouse cannot be written, or has other rows than were extracted.

    """
    settings, warehouse, ledger = request.settings, request.warehouse, request.ledger
    upstream, unknown_columns = connect_upstream(request)
    bookkeeping.record_drift(warehouse, settings.address, unknown_columns, request.now)
    finished_earlier = finish_pending(warehouse)
    ledger.settle_committed()
    paid = upstream.settle_open_queries()
    refused = refused_windows(request)
    planned = plan(request, upstream)
    windows = [part for window in planned.windows for part in cut(window, [*paid, *refused])]
    guard = Guard(ledger, request.now, datetime.now(UTC))
    forecast = Forecast(upstream, ledger, settings)
    wanted = [window for window in windows if window not in refused]
    estimate = forecast.estimate(wanted)
    if estimate.probe_bytes:
        guard.probe(forecast, estimate)
        estimate = forecast.estimate(wanted)
    guard.require_affordable(estimate, unclustered=forecast.unclustered)
    failures = {str(window): refused[window] for window in windows if window in refused}
    done = Loading(request, upstream, guard, forecast, on_progress).run(estimate.windows, failures)
    bookkeeping.require_exact(warehouse)
    for project, changes in planned.changes.items():
        _record_files(project, upstream.file_days(project), done.windows, changes, warehouse)
    bookkeeping.track(warehouse, settings.projects)
    return LoadReport(
        done.windows,
        accepted=sum(accepted for accepted, _ in done.rows.values()),
        quarantined=sum(quarantined for _, quarantined in done.rows.values()),
        projects_without_rows=[
            project
            for project in request.projects
            if done.rows.get(project) == (0, 0) or _has_no_rows(upstream.file_days(project))
        ],
        changed_days=planned.count_changed(done.windows),
        gone_days=planned.gone_days,
        rows_without_day=sum(map(upstream.count_without_day, request.projects)),
        unknown_columns=unknown_columns,
        untracked=sorted(set(bookkeeping.loaded_days(warehouse)) - set(settings.projects)),
        finished_earlier=finished_earlier,
        failures=list(done.failures.items()),
        spent=ledger.spent_since(guard.started),
        expected=estimate.likely,
        at_most=estimate.at_most,
        recounted=recount(warehouse, forecast.probes),
        remarks=upstream.remarks,
    )


def recount(warehouse: Warehouse, probes: Sequence[Probe]) -> list[tuple[Probe, int]]:
    """The probes whose day was loaded with another number of rows than they had counted."""
    loaded = {(day.project, day.day): day.accepted + day.quarantined for day in bookkeeping.committed_days(warehouse)}
    found = [(probe, loaded.get((probe.window.project, probe.window.start))) for probe in probes]
    return [(probe, rows) for probe, rows in found if rows is not None and rows != probe.rows]


def refused_windows(request: LoadRequest) -> dict[Window, ContractError]:
    """The windows that were paid for and failed the contract, and would do so again; a backfill pays for them again."""
    rejections = [] if request.backfill else request.ledger.rejections()
    if not rejections:
        return {}
    rules = rules_of(request.settings)
    return {
        each.window: ContractError(
            f"The rows of {each.window}, read on {each.started.astimezone(UTC):%Y-%m-%d}, are not paid for again. "
            f"{each.why}",
            remedy="Change the contract, `tolerance` or `rows`; or read them again with "
            f"`just backfill {each.window.start} {each.window.end} {each.window.project}`, which is billed.",
        )
        for each in rejections
        if each.rules == rules
    }


def rules_of(settings: Settings) -> str:
    """A fingerprint of all that decides whether rows pass: the contract, and the settings about it."""
    from pipelines.pypi import contract

    content = Path(contract.__file__).read_bytes() + f"{settings.tolerance} {settings.rows}".encode()
    return sha256(content).hexdigest()[:16]


@dataclass
class Loading:
    """Loads chunks within the budgets, and goes on where one project fails."""

    request: LoadRequest
    upstream: Upstream
    guard: Guard
    forecast: Forecast
    on_progress: OnProgress
    _progress: LoadProgress = field(init=False)

    def run(self, costs: Sequence[WindowCost], failures: Mapping[str, InsightsError]) -> Outcome:
        """Load the windows of the projects that have not failed; raise if none could be loaded."""
        done = Outcome(failures=dict(failures))
        self._progress = LoadProgress(
            len({cost.window.project for cost in costs}),
            sum(len(cost.window.days) for cost in costs),
            expected=self.guard.settings.price_of(sum(map(likely_bytes, costs))),
        )
        in_a_row = 0
        waiting = list(self._chunks(costs))[::-1]
        while waiting and in_a_row < MAX_FAILURES_IN_A_ROW:
            chunk = waiting.pop()
            if done.failures.keys() & set(chunk.projects):
                continue
            try:
                self._load(chunk, done)
                in_a_row = 0
            except BudgetError as error:
                left = waiting or chunk.windows[-1] not in done.windows
                done.failures["the days that are left" if left else ""] = error
                break
            except (ContractError, SourceError) as error:
                if len(chunk.projects) > 1:
                    waiting += chunk.by_project()[::-1]
                    continue
                done.failures[chunk.projects[0]] = error
                in_a_row = 0 if isinstance(error, ContractError) else in_a_row + 1
                if isinstance(error, ContractError) and self._billed:
                    self.request.ledger.reject(chunk.windows[0], rules_of(self.request.settings), error.what)
        for project in {project for chunk in waiting for project in chunk.projects} - done.failures.keys():
            if in_a_row == MAX_FAILURES_IN_A_ROW:
                what = f"It was not tried, as {in_a_row} projects in a row could not be read."
                done.failures[project] = SourceError(what, remedy="Run again later.")
        if len(done.failures) > len(failures) and not done.windows:
            found = list(done.failures.items())
            raise found[0][1] if len(found) == 1 else incomplete(found, "Nothing was loaded.")
        return done

    @property
    def _billed(self) -> bool:
        return self.request.settings.upstream == "bigquery"

    def _chunks(self, costs: Sequence[WindowCost]) -> Iterator[Chunk]:
        settings = self.request.settings
        if not self._billed:
            yield from free_chunks([cost.window for cost in costs], self.upstream, settings)
            return
        for cost in costs:
            yield from paid_chunks(cost, self.forecast.rows_per_day(cost.window), settings)

    def _load(self, chunk: Chunk, done: Outcome) -> None:
        """Load a chunk, and commit it."""
        request, settings, progress = self.request, self.request.settings, self._progress

        def on_rows(window: Window, rows: int) -> None:
            progress.window = window
            progress.rows += rows
            self.on_progress(progress)

        costs = [self.forecast.cost_of(window) for window in chunk.windows]
        for cost in costs:
            self.guard.require_next(cost)
            request.ledger.expected[cost.window] = likely_bytes(cost)
        counts = load_windows(
            chunk.windows,
            self.upstream,
            request.warehouse,
            tolerance=settings.tolerance,
            rows=settings.rows,
            advance_cursor=request.backfill is None,
            on_rows=on_rows,
        )
        request.ledger.settle_committed()
        request.warehouse.checkpoint()
        done.add(chunk, counts)
        progress.days_done += chunk.days
        progress.spent = request.ledger.spent_since(self.guard.started)
        for cost in costs:
            self.guard.check_bill(cost)


def load_windows(
    windows: Sequence[Window], reader: Reader, warehouse: Warehouse, **options: Unpack[LoadOptions]
) -> dict[str, tuple[int, int]]:
    """Load the windows, if there are any; return the accepted and the quarantined rows, by project."""
    if not windows:
        return {}
    from pipelines.pypi.source import pypi

    source = pypi(reader, windows, **options)
    _allow_new_columns(source, warehouse)
    with translate_dlt_errors():
        loaded = warehouse.pipeline.run(source).loads_ids
    bookkeeping.ensure_tables(warehouse)
    return bookkeeping.count_rows(warehouse, loaded)


def _record_files(
    project: str,
    found: Mapping[FileDay, date | None],
    windows: Sequence[Window],
    changes: FileChanges,
    warehouse: Warehouse,
) -> None:
    """Record the project's files, and those that each loaded day comes from, if the record says something else."""
    read = {day for window in windows if window.project == project for day in window.days}
    sources = {day: entries for day, entries in changes.sources.items() if entries and day not in read}
    for entry, day in found.items():
        if day in read:
            sources.setdefault(day, []).append(entry)
    write_file_record(warehouse, project, found, sources)


def _has_no_rows(found: Mapping[FileDay, date | None]) -> bool:
    return bool(found) and not any(entry.rows for entry in found)


def _allow_new_columns(source: DltSource, warehouse: Warehouse) -> None:
    """Let dlt add columns in this load that it does not know of a table, as an earlier version has filled it."""
    from pipelines.pypi.columns import TABLES

    known = bookkeeping.recorded_columns(warehouse)
    for table, schema in TABLES.items():
        if table in known and set(schema.names) - known[table]:
            for resource in source.resources.values():
                if resource.table_name == table:
                    resource.apply_hints(schema_contract={"columns": "evolve"})
