"""Computes the KPIs with SQLMesh, for the days that loads have changed."""

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from pipelines.transform.engines.settings import Engine, resolve_engine
from pipelines.transform.fingerprint import compute_fingerprint
from pipelines.transform.state import (
    OTHER_ENGINE,
    UNREADABLE,
    count_rows,
    drop_state,
    find_damage,
    has_copies,
    has_views,
)
from pipelines.warehouse import Warehouse, bookkeeping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelines.lake import Lake

MARTS = "marts"
"""The schema of the public models."""


class Transformed(NamedTuple):
    """The days that were restated, and whether models or releases differ from those that had made the marts."""

    days: list[date]
    models_changed: bool
    releases_changed: bool = False


def find_source(lakes: "Sequence[Lake]") -> "Lake | None":
    """The lake of whose files the models are computed, which has to be synced before; `None`: of the warehouse's rows.

    Raises:
        SettingsError: there is no such engine, or the lake that it reads is not among `lakes`.

    """
    engine = resolve_engine()
    if not engine.is_elsewhere:
        return None
    from pipelines.lake.settings import lake_named

    return lake_named(engine.lake, lakes)


def transform(warehouse: Warehouse) -> Transformed:
    """Bring the marts up to date with models, committed loads, releases and forgotten projects.

    SQLMesh is started only if one of these has changed since the last run.

    Raises:
        TransformError: a test of a changed model, an evaluation or an audit failed; the loads stay unacknowledged,
            so a later run computes their days again.

    """
    engine = resolve_engine()
    if engine.is_elsewhere:
        return _transform_elsewhere(warehouse, engine)
    fingerprint = compute_fingerprint()
    # SQLMesh opens the file itself: by then it has to be closed.
    with warehouse.kept_open():
        damage = OTHER_ENGINE if has_copies(warehouse) else find_damage(warehouse)
        if damage:
            drop_state(warehouse, damage)
        pending = bookkeeping.pending_days(warehouse)
        forgotten = bookkeeping.forgotten_days(warehouse)
        applied = bookkeeping.applied_fingerprint(warehouse)
        releases_changed = bookkeeping.has_pending_releases(warehouse)
        days = sorted(forgotten.union(*pending.values()))
        if damage:
            days = sorted({day.day for day in bookkeeping.committed_days(warehouse)})
    if days or applied != fingerprint or releases_changed:
        _apply(warehouse, days, releases_changed=releases_changed)
        bookkeeping.acknowledge(warehouse, list(pending), forgotten, fingerprint, count_rows(warehouse))
    return Transformed(days, applied != fingerprint, releases_changed)


def _transform_elsewhere(warehouse: Warehouse, engine: Engine) -> Transformed:
    """The same on an engine that reads a lake: the caller has synced it."""
    from pipelines.lake.settings import lake_named, resolve_lakes
    from pipelines.transform.engines.elsewhere import compute_marts

    lake = lake_named(engine.lake, resolve_lakes(warehouse))
    fingerprint = compute_fingerprint()
    with warehouse.kept_open():
        pending = bookkeeping.pending_days(warehouse)
        forgotten = bookkeeping.forgotten_days(warehouse)
        releases_changed = bookkeeping.has_pending_releases(warehouse)
        applied = bookkeeping.applied_fingerprint(warehouse, engine.engine)
        if not has_copies(warehouse) and has_views(warehouse):
            drop_state(warehouse, OTHER_ENGINE)
        if bookkeeping.applied_row_count(warehouse, engine.engine) != count_rows(warehouse):
            applied = None
        days = sorted(forgotten.union(*pending.values()))
        if applied is None:
            # What the engine has of earlier runs may lack days that were loaded since.
            days = sorted({day.day for day in bookkeeping.committed_days(warehouse)})
        if days or applied != fingerprint or releases_changed:
            bookkeeping.forget_applied(warehouse)
            compute_marts(warehouse, engine, lake, days, releases_changed=releases_changed)
            rows = count_rows(warehouse)
            bookkeeping.acknowledge(warehouse, list(pending), forgotten, fingerprint, rows, engine.engine)
    return Transformed(days, applied != fingerprint, releases_changed)


def _apply(warehouse: Warehouse, days: list[date], *, releases_changed: bool) -> None:
    from pipelines.transform.plan import apply_plan, is_state_readable

    bookkeeping.forget_applied(warehouse)
    try:
        apply_plan(warehouse, days, releases_changed=releases_changed)
    except Exception:
        if is_state_readable(warehouse):
            raise
        drop_state(warehouse, UNREADABLE)
        apply_plan(warehouse, days, releases_changed=releases_changed)
