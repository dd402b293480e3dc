"""Applies SQLMesh's plan for models that have changed, restates days, and runs audits."""

import io
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time
from itertools import groupby

import duckdb
from rich.console import Console
from sqlmesh import Context
from sqlmesh.core.console import NoopConsole, TerminalConsole
from sqlmesh.core.model.definition import AuditResult
from sqlmesh.utils.errors import SQLMeshError

from pipelines.errors import InsightsError, TransformError
from pipelines.pypi.settings import FIRST_DAY
from pipelines.pypi.windows import DAY
from pipelines.transform.context import ENVIRONMENT, WIDTH, open_context, translate_sqlmesh_errors
from pipelines.transform.state import is_state_whole, require_undamaged
from pipelines.warehouse import Warehouse

SIGNAL = "raw_loaded"
RELEASES = "raw.release_files"


def apply_plan(warehouse: Warehouse, days: Sequence[date], *, releases_changed: bool = False) -> None:
    """Apply the models to production where they have changed, and compute the ascending `days` again.

    Without days, `releases_changed` computes only what follows from releases.

    Raises:
        TransformError: a test of a changed model, an evaluation or an audit failed.

    """
    output = io.StringIO()
    console = TerminalConsole(console=Console(file=output, width=WIDTH))
    with open_context(warehouse, console) as context, translate_sqlmesh_errors(output):
        apply_in(context, days, releases_changed=releases_changed)


def apply_in(context: Context, days: Sequence[date], *, releases_changed: bool = False) -> None:
    """The same by SQLMesh's own errors, on whatever engine the context has."""
    plan = context.plan_builder(ENVIRONMENT, skip_tests=True).build()
    if plan.context_diff.has_changes:
        # Unit tests take seconds: only models that somebody has changed here have to pass them again.
        if not plan.context_diff.is_new_environment:
            plan = context.plan_builder(ENVIRONMENT).build()
        context.apply(plan)
    if not plan.context_diff.is_new_environment:
        for start, end in _ranges(days):
            _restate(context, aggregates(context), start, end)
        readers = _readers_of_releases(context)
        if releases_changed and readers and not days:
            yesterday = datetime.now(UTC).date() - DAY
            _restate(context, readers, yesterday, yesterday)


def _restate(context: Context, models: Sequence[str], start: date, end: date) -> None:
    """Compute the models, and what reads them, again for the days from `start` to `end`."""
    today = datetime.now(UTC).date()
    context.plan(
        ENVIRONMENT,
        restate_models=models,
        start=start,
        end=end,
        # SQLMesh plans no day that is to come, but a run with a wrong clock may have loaded some.
        execution_time=datetime.combine(end + DAY, time(), UTC) if end >= today else None,
        skip_tests=True,
        no_prompts=True,
        auto_apply=True,
    )


def is_state_readable(warehouse: Warehouse) -> bool:
    """Whether SQLMesh can read what it has recorded in the warehouse of its plans and models."""
    if not is_state_whole(warehouse):
        return False
    try:
        with open_context(warehouse, NoopConsole(), load=False) as context:
            environment = context.state_sync.get_environment(ENVIRONMENT)
            if environment:
                context.state_sync.get_snapshots(environment.snapshots)
    except InsightsError:
        # Not because of the state, which has not been read yet.
        return True
    except (SQLMeshError, duckdb.Error, ValueError, TypeError, LookupError):
        return False
    return True


def run_audits(warehouse: Warehouse, console: Console, now: datetime) -> None:
    """Run all audits over the whole history, and print each verdict; those that do not block a plan only warn.

    Raises:
        TransformError: an audit failed, or there is nothing to audit yet, or no longer.

    """
    require_undamaged(warehouse)
    with open_context(warehouse, NoopConsole()) as context, translate_sqlmesh_errors(io.StringIO()):
        failed = [result for result in _audit(context, console, now) if result.blocking]
    if failed:
        what = f"{len(failed)} audits failed; the queries above select the wrong rows."
        remedy = "`just audit` changes nothing: what is exported and shown may have these rows. docs/models.md."
        raise TransformError(what, remedy=remedy)


def _audit(context: Context, console: Console, now: datetime) -> list[AuditResult]:
    """Run all audits, print each verdict, and return the results that found rows.

    Not by `Context.audit`, which counts an audit that only warns as failed.
    """
    found: list[AuditResult] = []
    for snapshot in context.snapshots.values():
        for result in context.snapshot_evaluator.audit(
            snapshot, start=FIRST_DAY, end=now.astimezone(UTC).date() - DAY, snapshots=context.snapshots
        ):
            if result.skipped:
                verdict = "SKIPPED"
            elif not result.count:
                verdict = "PASS"
            else:
                verdict = "FAIL" if result.blocking else "WARN"
                found.append(result)
            where = f" on {result.model.name}" if result.model else ""
            console.print(f"{verdict} {result.audit.name}{where}", markup=False, soft_wrap=True)
    for result in found:
        rows = f"{result.count:,} rows" if result.count != 1 else "1 row"
        console.print(f"\n{result.audit.name}: {rows}, by this query:", markup=False, soft_wrap=True)
        if result.query:
            console.print(result.query.sql("duckdb", pretty=True), markup=False, soft_wrap=True)
    warnings = sum(not result.blocking for result in found)
    console.print(f"\nFinished with {len(found) - warnings} failed audits and {warnings} warnings.")
    return found


def aggregates(context: Context) -> list[str]:
    """The models that read rows, known by their signal; all marts follow from them, so restating them restates all."""
    return sorted(model.name for model in context.models.values() if any(name == SIGNAL for name, _ in model.signals))


def _readers_of_releases(context: Context) -> list[str]:
    """The models that read releases: whole tables, which no day can be computed of alone."""
    releases = context.get_model(RELEASES, raise_if_missing=True).fqn
    return sorted(model.name for model in context.models.values() if releases in context.dag.graph[model.fqn])


def _ranges(days: Sequence[date]) -> Iterator[tuple[date, date]]:
    """The first and last days of each run of consecutive `days`."""
    for _, run in groupby(enumerate(days), lambda pair: pair[1] - pair[0] * DAY):
        consecutive = [day for _, day in run]
        yield consecutive[0], consecutive[-1]
