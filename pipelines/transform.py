"""Computes the KPIs: SQLMesh's plan for what has changed, and a restatement of the days that dlt has touched."""

import gc
import io
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
from rich.console import Console
from sqlmesh import Context
from sqlmesh.core.console import Console as SQLMeshConsole
from sqlmesh.core.console import TerminalConsole, set_console
from sqlmesh.utils.errors import SQLMeshError

from pipelines.errors import TransformError
from pipelines.pypi.settings import FIRST_DAY
from pipelines.pypi.windows import DAY
from pipelines.warehouse import Warehouse, unopened

PROJECT = Path(__file__).parents[1] / "sqlmesh"
ENVIRONMENT = "prod"
CONSUMER = "kpis"
SIGNAL = "raw_loaded"

WIDTH = 180
# What it logs, it prints as well.
logging.getLogger("sqlmesh.core.console").setLevel(logging.ERROR)
_AUDIT_REMEDY = (
    "`just plan` shows what would change, `just audit` names the failing audits; nothing was exported or shown."
)


def transform(warehouse: Warehouse) -> list[date]:
    """Bring the marts up to date with models, committed loads and forgotten projects; return the recomputed days.

    Raises:
        TransformError: a test of a changed model, an evaluation or an audit failed; the loads stay unacknowledged,
            so a later run computes their days again.

    """
    pending = warehouse.pending_days(CONSUMER)
    forgotten = warehouse.forgotten_days()
    days = sorted(forgotten.union(*pending.values()))
    output = io.StringIO()
    console = TerminalConsole(console=Console(file=output, width=WIDTH))
    with open_context(warehouse, console) as context, translated(output):
        plan = context.plan_builder(ENVIRONMENT, skip_tests=True).build()
        if plan.context_diff.has_changes:
            # Unit tests take seconds: only models that somebody has changed here have to pass them again.
            if not plan.context_diff.is_new_environment:
                plan = context.plan_builder(ENVIRONMENT).build()
            context.apply(plan)
        if not plan.context_diff.is_new_environment:
            for start, end in _ranges(days):
                context.plan(
                    ENVIRONMENT,
                    restate_models=aggregates(context),
                    start=start,
                    end=end,
                    skip_tests=True,
                    no_prompts=True,
                    auto_apply=True,
                )
    warehouse.acknowledge(CONSUMER, list(pending), forgotten)
    return days


def audit(warehouse: Warehouse, now: datetime) -> None:
    """Run all audits over the whole history, and print each verdict.

    Raises:
        TransformError: an audit failed, or there is no plan to audit yet.

    """
    with open_context(warehouse, TerminalConsole(console=Console())) as context, translated(io.StringIO()):
        if not context.audit(FIRST_DAY, now.astimezone(UTC).date() - DAY):
            raise TransformError("Audits failed; they are named above.", remedy=_AUDIT_REMEDY)


def aggregates(context: Context) -> list[str]:
    """The models that read rows, told by their signal; all marts follow from them, so restating them restates all."""
    return sorted(model.name for model in context.models.values() if any(name == SIGNAL for name, _ in model.signals))


def _ranges(days: Sequence[date]) -> list[tuple[date, date]]:
    """The first and last days of each run of consecutive `days`."""
    ranges: list[tuple[date, date]] = []
    for day in days:
        if ranges and ranges[-1][1] + DAY == day:
            ranges[-1] = (ranges[-1][0], day)
        else:
            ranges.append((day, day))
    return ranges


@contextmanager
def open_context(warehouse: Warehouse, console: SQLMeshConsole) -> Iterator[Context]:
    """SQLMesh on the warehouse, which prints to `console`."""
    warehouse.require_existing()
    os.environ["WAREHOUSE"] = str(warehouse)
    set_console(console)
    # SQLMesh keeps many objects: looking for garbage among them as often as Python does takes a fifth of its time.
    gc.set_threshold(50_000, 20, 20)
    try:
        context = Context(paths=[str(PROJECT)])
    except duckdb.Error as error:
        raise unopened(error) from error
    except SQLMeshError as error:
        what = f"SQLMesh cannot read its project: {error}"
        raise TransformError(what, remedy="Correct the model, or take the change back.") from error
    try:
        yield context
    finally:
        context.close()


@contextmanager
def translated(output: io.StringIO) -> Iterator[None]:
    """Turns SQLMesh's errors into ours, with the end of what it printed."""
    try:
        yield
    except SQLMeshError as error:
        printed = "\n".join(line for line in output.getvalue().splitlines()[-40:] if line.strip())
        raise TransformError(f"SQLMesh stopped: {error}\n{printed}".rstrip(), remedy=_AUDIT_REMEDY) from error
