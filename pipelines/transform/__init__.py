"""Computes the KPIs with SQLMesh, for the days that loads have touched."""

from datetime import date

from pipelines.warehouse import Warehouse, bookkeeping


def transform(warehouse: Warehouse) -> list[date]:
    """Bring the marts up to date with models, committed loads and forgotten projects; return the recomputed days.

    Raises:
        TransformError: a test of a changed model, an evaluation or an audit failed; the loads stay unacknowledged,
            so a later run computes their days again.

    """
    from pipelines.transform.plan import apply_plan

    pending = bookkeeping.pending_days(warehouse)
    forgotten = bookkeeping.forgotten_days(warehouse)
    days = sorted(forgotten.union(*pending.values()))
    apply_plan(warehouse, days)
    bookkeeping.acknowledge(warehouse, list(pending), forgotten)
    return days
