"""Computes the KPIs with SQLMesh, for the days that loads have changed."""

from datetime import date
from typing import NamedTuple

from pipelines.transform.fingerprint import compute_fingerprint
from pipelines.transform.state import UNREADABLE, count_rows, drop_state, find_damage
from pipelines.warehouse import Warehouse, bookkeeping

MARTS = "marts"
"""The schema of the public models."""


class Transformed(NamedTuple):
    """The days that were restated, and whether models or releases differ from those that had made the marts."""

    days: list[date]
    models_changed: bool
    releases_changed: bool = False


def transform(warehouse: Warehouse) -> Transformed:
    """Bring the marts up to date with models, committed loads, releases and forgotten projects.

    SQLMesh is started only if one of these has changed since the last run.

    Raises:
        TransformError: a test of a changed model, an evaluation or an audit failed; the loads stay unacknowledged,
            so a later run computes their days again.

    """
    fingerprint = compute_fingerprint()
    # SQLMesh opens the file itself: by then it has to be closed.
    with warehouse.kept_open():
        damage = find_damage(warehouse)
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
