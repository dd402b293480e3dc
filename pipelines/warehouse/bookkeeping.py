"""What the warehouse knows of its own loads: our tables in `raw` beside dlt's, and the view of what is committed."""

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

from pipelines.errors import WarehouseError
from pipelines.pypi.days import CommittedDay
from pipelines.warehouse import DATASET, Warehouse

if TYPE_CHECKING:
    import pyarrow as pa

_ROW_KEY = ("project", "day", "ordinal", "_dlt_load_id")
PRIMARY_KEYS = {
    "file_downloads": _ROW_KEY,
    "quarantine": _ROW_KEY,
    "loaded_days": ("project", "day", "_dlt_load_id"),
}
"""The tables that dlt loads, all of them by project, and what identifies a row of each."""

LEDGER_COLUMNS = {
    "job_id": "TEXT PRIMARY KEY",
    "gcp_project": "TEXT",
    "location": "TEXT",
    "project": "TEXT",
    "start_day": "DATE",
    "end_day": "DATE",
    "started_at": "TIMESTAMPTZ",
    "bytes_estimated": "BIGINT",
    "bytes_billed": "BIGINT",
    "cost": "DOUBLE",
    "rows_read": "BIGINT",
    "seconds": "DOUBLE",
    "status": "TEXT",
}
"""`raw.extract_ledger`, which `costs/ledger.py` writes and reads."""

_TABLES = {
    "acknowledged_loads": "load_id TEXT",
    "applied_models": "fingerprint TEXT, plan_id TEXT",
    "extract_ledger": ", ".join(f"{name} {kind}" for name, kind in LEDGER_COLUMNS.items()),
    "forgotten_days": "project TEXT, day DATE",
    "schema_drift": "upstream TEXT, field TEXT, first_seen TIMESTAMPTZ, last_seen TIMESTAMPTZ, "
    "PRIMARY KEY (upstream, field)",
    "tracked_projects": "project TEXT",
}

_COMMITTED_DAYS = f"""
    CREATE VIEW IF NOT EXISTS {DATASET}.committed_days AS
    SELECT project, day, accepted, quarantined, origin, _dlt_load_id AS load_id
    FROM {DATASET}.loaded_days AS days
    JOIN {DATASET}._dlt_loads AS loads ON days._dlt_load_id = loads.load_id AND loads.status = 0
    QUALIFY ROW_NUMBER() OVER (PARTITION BY project, day ORDER BY _dlt_load_id DESC) = 1
"""
"""Jobs of a package commit one by one: a day counts only once its whole load has its row in `_dlt_loads`."""

_PRODUCTION_PLAN = "SELECT plan_id FROM sqlmesh._environments WHERE name = 'prod' AND finalized_ts IS NOT NULL"
"""SQLMesh's state: each plan that is applied to production has another id, also one that is applied by hand."""

_UPSERT_DRIFT = f"""
    INSERT INTO {DATASET}.schema_drift SELECT ?, UNNEST(?), ?, ?
    ON CONFLICT DO UPDATE SET last_seen = excluded.last_seen
"""

_MISCOUNTED = """
    WITH found AS (
        SELECT project, day, COUNT(*) AS present FROM file_downloads GROUP BY ALL
    )
    SELECT committed.project, committed.day, accepted, COALESCE(present, 0)
    FROM committed_days AS committed LEFT JOIN found USING (project, day)
    WHERE accepted <> COALESCE(present, 0)
    ORDER BY ALL
"""


def ensure(warehouse: Warehouse) -> bool:
    """Make our tables and the view, where there is a warehouse; return whether there is."""
    if warehouse.exists:
        with warehouse.client() as client:
            _make(client)
    return warehouse.exists


def execute(warehouse: Warehouse, sql: str, *parameters: Any) -> None:  # noqa: ANN401 - whatever SQL takes
    """Write to one of our tables, in a warehouse that is made where there is none; it is durable on return."""
    with warehouse.client() as client:
        _make(client)
        client.execute_sql(sql, *parameters)


def query_committed(warehouse: Warehouse, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - as above
    """The rows of a query on `committed_days`; none before the first load."""
    rows = warehouse.query(sql, *parameters)
    # A run that died after its first load, or an earlier version, has left no view.
    if not rows and warehouse.columns("loaded_days") and not warehouse.columns("committed_days"):
        ensure(warehouse)
        rows = warehouse.query(sql, *parameters)
    return rows


def committed_days(warehouse: Warehouse) -> list[CommittedDay]:
    """Each project's days as their latest committed loads have left them, by day and project."""
    names = ", ".join(field.name for field in fields(CommittedDay))
    rows = query_committed(warehouse, f"SELECT {names} FROM committed_days ORDER BY day, project")
    return [CommittedDay(*row) for row in rows]


def loaded_days(warehouse: Warehouse) -> dict[str, set[date]]:
    """The days of each project that a committed load has covered."""
    days: dict[str, set[date]] = {}
    for entry in committed_days(warehouse):
        days.setdefault(entry.project, set()).add(entry.day)
    return days


def count_rows(warehouse: Warehouse, load_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Rows accepted and quarantined by the loads, by project."""
    counts = query_committed(
        warehouse,
        "SELECT project, SUM(accepted), SUM(quarantined) FROM committed_days "
        "WHERE LIST_CONTAINS(?, load_id) GROUP BY 1",
        list(load_ids),
    )
    return {project: (int(accepted), int(quarantined)) for project, accepted, quarantined in counts}


def origins(warehouse: Warehouse) -> set[str]:
    """The origins of the committed data: `demo`, `parquet`, `bigquery`."""
    return {entry.origin for entry in committed_days(warehouse)}


def projects(warehouse: Warehouse) -> set[str]:
    """The projects of which the warehouse, or the KPIs, may hold anything, committed or not."""
    ensure(warehouse)
    tables = (*PRIMARY_KEYS, "forgotten_days")
    return {row[0] for row in warehouse.query(" UNION ".join(f"SELECT project FROM {table}" for table in tables))}


def track(warehouse: Warehouse, names: Sequence[str]) -> None:
    """Record which projects the settings name; the marts show the others as no longer tracked."""
    if not ensure(warehouse):
        return
    with warehouse.transaction() as client:
        client.execute_sql("DELETE FROM tracked_projects")
        client.execute_sql("INSERT INTO tracked_projects SELECT UNNEST(?)", list(names))


def forget(warehouse: Warehouse, project: str) -> None:
    """Delete the project's rows and the record of its loads; keep its days until the KPIs have followed."""
    with warehouse.transaction() as client:
        client.execute_sql(
            "INSERT INTO forgotten_days SELECT project, day FROM file_downloads WHERE project = ? "
            "UNION SELECT project, day FROM loaded_days WHERE project = ?",
            project,
            project,
        )
        for table in PRIMARY_KEYS:
            client.execute_sql(f"DELETE FROM {table} WHERE project = ?", project)


def forgotten_days(warehouse: Warehouse) -> set[date]:
    """The days of forgotten projects that the KPIs may still count."""
    ensure(warehouse)
    return {row[0] for row in warehouse.query("SELECT DISTINCT day FROM forgotten_days")}


def pending_days(warehouse: Warehouse) -> dict[str, list[date]]:
    """The days of each committed load that the KPIs have not taken, by load id."""
    ensure(warehouse)
    pending: dict[str, list[date]] = {}
    rows = warehouse.query(
        "SELECT DISTINCT load_id, day FROM committed_days "
        "WHERE load_id NOT IN (SELECT load_id FROM acknowledged_loads) ORDER BY 1, 2"
    )
    for load_id, day in rows:
        pending.setdefault(load_id, []).append(day)
    return pending


def applied_models(warehouse: Warehouse) -> str | None:
    """The fingerprint of the models that the KPIs were computed by, unless somebody has planned others since."""
    rows = warehouse.query(
        f"SELECT fingerprint FROM {DATASET}.applied_models WHERE plan_id = ({_PRODUCTION_PLAN})",
    )
    return str(rows[0][0]) if rows else None


def acknowledge(warehouse: Warehouse, load_ids: Sequence[str], days: Collection[date], fingerprint: str) -> None:
    """Record that the KPIs have taken the loads, the forgotten `days` and the models, once their audits have passed."""
    with warehouse.transaction() as client:
        client.execute_sql("DELETE FROM applied_models")
        client.execute_sql(f"INSERT INTO applied_models SELECT ?, ({_PRODUCTION_PLAN})", fingerprint)
        client.execute_sql("INSERT INTO acknowledged_loads (load_id) SELECT UNNEST(?::TEXT[])", list(load_ids))
        client.execute_sql("DELETE FROM forgotten_days WHERE LIST_CONTAINS(?::DATE[], day)", list(days))


def record_drift(warehouse: Warehouse, upstream: str, fields: Sequence[str], now: datetime) -> None:
    """Record in `raw.schema_drift` that a table or path has `fields` that the contract does not know."""
    if fields:
        execute(warehouse, _UPSERT_DRIFT, upstream, list(fields), now, now)


def require_exact(warehouse: Warehouse) -> None:
    """Raise `WarehouseError` unless each committed day has the rows that its extract counted."""
    wrong = query_committed(warehouse, _MISCOUNTED)
    if wrong:
        project, day, expected, found = wrong[0]
        what = (
            f"{len(wrong)} loaded days have another number of rows than was extracted, first {project} on {day}: "
            f"{expected:,} extracted, {found:,} in the warehouse."
        )
        raise WarehouseError(
            what, remedy="Something else has written raw.file_downloads. Restore it, or start again from nothing."
        )


def read_ledger(warehouse: Warehouse) -> "pa.Table":
    """All of `raw.extract_ledger`."""
    ensure(warehouse)
    with warehouse.connection() as connection:
        return connection.execute(f"FROM {DATASET}.extract_ledger ORDER BY started_at").to_arrow_table()


def restore_ledger(warehouse: Warehouse, ledger: "pa.Table | None") -> None:
    """Add entries that `raw.extract_ledger` lacks."""
    if ledger:
        ensure(warehouse)
        with warehouse.connection() as connection:
            connection.register("lake_ledger", ledger)
            connection.execute(f"INSERT INTO {DATASET}.extract_ledger BY NAME FROM lake_ledger ON CONFLICT DO NOTHING")
            connection.unregister("lake_ledger")


def _make(client: SqlClientBase[Any]) -> None:
    # Before the first load there is no dataset that the client could have chosen: the names say it.
    client.execute_sql(f"CREATE SCHEMA IF NOT EXISTS {DATASET}")
    for table, columns in _TABLES.items():
        client.execute_sql(f"CREATE TABLE IF NOT EXISTS {DATASET}.{table} ({columns})")
    try:
        client.execute_sql(_COMMITTED_DAYS)
    except DatabaseUndefinedRelation:
        # dlt makes the tables of the view with its first load.
        return
