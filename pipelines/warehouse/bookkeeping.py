"""Our tables in `raw` beside dlt's, and the view of committed days: what is loaded, computed, tracked and billed."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import duckdb
from dlt.destinations.sql_client import SqlClientBase

from pipelines.errors import WarehouseError
from pipelines.pypi.days import CommittedDay
from pipelines.warehouse import DATASET, STORAGE_VERSION, Warehouse
from pipelines.warehouse.truth import columns_of, recorded

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

_ROW_KEY = ("project", "day", "ordinal", "_dlt_load_id")
PRIMARY_KEYS = {
    "file_downloads": _ROW_KEY,
    "daily_counts": _ROW_KEY,
    "quarantine": _ROW_KEY,
    "loaded_days": ("project", "day", "_dlt_load_id"),
}
"""The tables that dlt loads, with the columns that identify a row; all have a `project`."""

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
    "purpose": "TEXT",
    "grain": "TEXT",
    "bytes_expected": "BIGINT",
    "bytes_processed": "BIGINT",
    "rows_counted": "BIGINT",
    "rules": "TEXT",
    "note": "TEXT",
}
"""`raw.extract_ledger`, which `costs/ledger.py` writes and reads."""

_TABLES = {
    "acknowledged_loads": {"load_id": "TEXT"},
    "applied_models": {"fingerprint": "TEXT", "plan_id": "TEXT", "row_count": "BIGINT"},
    "extract_ledger": LEDGER_COLUMNS,
    "forgotten_days": {"project": "TEXT", "day": "DATE"},
    "release_files": {
        **dict.fromkeys(("project", "filename", "version", "type"), "TEXT"),
        "size": "BIGINT",
        "uploaded_at": "TIMESTAMPTZ",
        "requires_python": "TEXT",
        "is_yanked": "BOOLEAN",
        "yanked_reason": "TEXT",
        "_dlt_load_id": "TEXT",
    },
    "release_pages": {
        **dict.fromkeys(("project", "etag", "digest", "load_id"), "TEXT"),
        "files": "BIGINT",
        "status": "TEXT",
        "status_reason": "TEXT",
        "fetched_at": "TIMESTAMPTZ",
        "failed_since": "TIMESTAMPTZ",
        "failure": "TEXT",
        "is_computed": "BOOLEAN",
    },
    "release_quarantine": dict.fromkeys(("project", "reason", "content", "_dlt_load_id"), "TEXT"),
    "schema_drift": {
        "upstream": "TEXT",
        "field": "TEXT",
        "first_seen": "TIMESTAMPTZ",
        "last_seen": "TIMESTAMPTZ, PRIMARY KEY (upstream, field)",
    },
    "tracked_projects": {"project": "TEXT"},
    "upstream_files": {
        "path": "TEXT",
        "size": "BIGINT",
        "modified": "BIGINT",
        **dict.fromkeys(("digest", "project", "spelling"), "TEXT"),
        "timestamp_day": "DATE",
        "row_count": "BIGINT",
        "loaded_day": "DATE",
    },
}
"""The columns of our tables, with their types."""

_DERIVED = {
    **{name: columns.keys() for name, columns in _TABLES.items() if name != "extract_ledger"},
    "committed_days": {field.name for field in fields(CommittedDay)},
    # That of an earlier version gets its `row_count`.
    "applied_models": {"fingerprint", "plan_id"},
}
"""The columns of what a run can make again: without it, KPIs are computed, or files read, again."""

_CREATE_COMMITTED_DAYS = f"""
    CREATE OR REPLACE VIEW {DATASET}.committed_days AS
    SELECT project, day, accepted, quarantined, origin, {{grain}} AS grain, _dlt_load_id AS load_id
    FROM {DATASET}.loaded_days AS days
    JOIN {DATASET}._dlt_loads AS loads ON days._dlt_load_id = loads.load_id AND loads.status = 0
    QUALIFY ROW_NUMBER() OVER (PARTITION BY project, day ORDER BY _dlt_load_id DESC) = 1
"""
"""The jobs of a load package commit one by one: a day counts only once its load has a row in `_dlt_loads`.

Loads of earlier versions have no `grain`: a row of theirs is one download.
"""

_COMMITTED_DAYS_SQL = f"""
    SELECT sql FROM duckdb_views()
    WHERE database_name = CURRENT_DATABASE() AND schema_name = '{DATASET}' AND view_name = 'committed_days'
"""

_PRODUCTION_PLAN = "SELECT plan_id FROM sqlmesh._environments WHERE name = 'prod' AND finalized_ts IS NOT NULL"
"""SQLMesh's state: each plan that is applied to production has a new id, also a plan that is applied by hand."""

_UPSERT_DRIFT = f"""
    INSERT INTO {DATASET}.schema_drift SELECT ?, UNNEST(?), ?, ?
    ON CONFLICT DO UPDATE SET last_seen = excluded.last_seen
"""

_FOUND = """
    WITH found AS (
        SELECT project, day, SUM(log_rows) AS present FROM (
            SELECT project, day, 1 AS log_rows FROM file_downloads
            UNION ALL SELECT project, day, log_rows FROM daily_counts
        ) GROUP BY ALL
    )
"""
_MISCOUNTED = f"""
    {_FOUND}, broken AS (SELECT project, day, SUM({{weight}}) AS kept FROM quarantine GROUP BY ALL)
    SELECT committed.project, committed.day, accepted, COALESCE(present, 0), quarantined, COALESCE(kept, 0)
    FROM committed_days AS committed LEFT JOIN found USING (project, day) LEFT JOIN broken USING (project, day)
    WHERE accepted <> COALESCE(present, 0) OR quarantined <> COALESCE(kept, 0)
    ORDER BY ALL
"""
_TOTALS = f"""
    {_FOUND}
    SELECT committed.project, committed.day, origin, COALESCE(present, 0)::BIGINT, quarantined
    FROM committed_days AS committed LEFT JOIN found USING (project, day)
    ORDER BY ALL
"""


class DailyTotal(NamedTuple):
    """The downloads of a loaded day by the rows that are there, and those in quarantine."""

    project: str
    day: date
    origin: str
    present: int
    quarantined: int


def ensure_tables(warehouse: Warehouse) -> bool:
    """Create our tables and the view if the warehouse exists; return whether it does."""
    if warehouse.exists:
        with warehouse.client() as client:
            _create_tables(client)
    return warehouse.exists


def recorded_columns(warehouse: Warehouse) -> dict[str, set[str]]:
    """The columns that dlt knows of the tables that loads have filled; none before the first load."""
    if not warehouse.exists:
        return {}
    with warehouse.client() as client:
        return {table: {*columns} for table, columns in recorded(client, columns_of(client, DATASET), DATASET).items()}


def add_columns(warehouse: Warehouse) -> None:
    """Add the columns that tables of an earlier version lack; dlt would in its next load, and models read them before.

    They are NULL: what they say was not recorded.
    """
    from pipelines.pypi.columns import GRAINS

    with warehouse.client() as client:
        present = columns_of(client, DATASET)
        for grain in GRAINS.values():
            for leaf in grain.leaves:
                if leaf.may_lack and grain.table in present and leaf.column not in present[grain.table]:
                    client.execute_sql(f"ALTER TABLE {DATASET}.{grain.table} ADD COLUMN {leaf.column} TEXT")


def drop_misshapen(warehouse: Warehouse) -> None:
    """Drop those of our derived tables, or the view, that lack a column, and say so; the run makes them again."""
    if not warehouse.exists:
        return
    with warehouse.client() as client:
        found = columns_of(client, DATASET)
        for name, columns in _DERIVED.items():
            if name in found and not columns <= found[name].keys():
                logging.getLogger(__name__).warning("%s.%s has another shape: it is made again.", DATASET, name)
                views = client.execute_sql(f"SELECT 1 FROM duckdb_views() WHERE view_name = '{name}'")
                client.execute_sql(f"DROP {'VIEW' if views else 'TABLE'} {DATASET}.{name}")
                if name == "forgotten_days":
                    _create_tables(client)
                    # Nobody knows which days the KPIs still count: no number of rows is the right one.
                    client.execute_sql(f"UPDATE {DATASET}.applied_models SET row_count = -1")


def execute(warehouse: Warehouse, sql: str, *parameters: Any) -> None:  # noqa: ANN401 - whatever SQL takes
    """Write to one of our tables, in a warehouse that is created if needed; the change is durable on return."""
    with warehouse.client() as client:
        _create_tables(client)
        client.execute_sql(sql, *parameters)


def query_committed(warehouse: Warehouse, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - as above
    """The rows of a query on `committed_days`; none before the first load."""
    rows = warehouse.query(sql, *parameters)
    # The view is missing after a run that died in its first load, and in a warehouse of an earlier version.
    if not rows and warehouse.columns("loaded_days") and not warehouse.columns("committed_days"):
        ensure_tables(warehouse)
        rows = warehouse.query(sql, *parameters)
    return rows


def committed_days(warehouse: Warehouse) -> list[CommittedDay]:
    """Each project's days, each in its latest committed load; ordered by day and project."""
    names = [field.name for field in fields(CommittedDay)]
    rows = query_committed(warehouse, f"SELECT {', '.join(names)} FROM committed_days ORDER BY day, project")
    return [CommittedDay(**dict(zip(names, row, strict=True))) for row in rows]


def committed_by_project(warehouse: Warehouse) -> dict[str, dict[date, CommittedDay]]:
    """Each project's days, each in its latest committed load."""
    days: dict[str, dict[date, CommittedDay]] = {}
    for entry in committed_days(warehouse):
        days.setdefault(entry.project, {})[entry.day] = entry
    return days


def loaded_days(warehouse: Warehouse) -> dict[str, set[date]]:
    """The days of committed loads, by project."""
    return {project: set(days) for project, days in committed_by_project(warehouse).items()}


def count_rows(warehouse: Warehouse, load_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """The accepted and the quarantined rows of the loads, by project."""
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
    """The projects that the warehouse or the KPIs may hold, committed or not."""
    ensure_tables(warehouse)
    tables = (*PRIMARY_KEYS, "forgotten_days", "release_pages")
    return {row[0] for row in warehouse.query(" UNION ".join(f"SELECT project FROM {table}" for table in tables))}


def track(warehouse: Warehouse, names: Sequence[str]) -> None:
    """Record which projects the settings name; the marts show the others as no longer tracked."""
    if not ensure_tables(warehouse):
        return
    with warehouse.transaction() as client:
        client.execute_sql("DELETE FROM tracked_projects")
        client.execute_sql("INSERT INTO tracked_projects SELECT UNNEST(?)", list(names))


def delete_days(warehouse: Warehouse, names: Sequence[str], start: date = date.min) -> None:
    """Delete the projects' rows and loaded days from `start` on; remember the days until the KPIs lack them."""
    chosen, parameters = "WHERE LIST_CONTAINS(?::TEXT[], project) AND day >= ?", (list(names), start)
    with warehouse.transaction() as client:
        client.execute_sql(
            "INSERT INTO forgotten_days SELECT DISTINCT project, day FROM ("
            "SELECT project, day FROM file_downloads UNION ALL SELECT project, day FROM daily_counts "
            f"UNION ALL SELECT project, day FROM loaded_days) {chosen}",
            *parameters,
        )
        for table in PRIMARY_KEYS:
            client.execute_sql(f"DELETE FROM {table} {chosen}", *parameters)
        if start == date.min:
            for table in ("upstream_files", "release_files", "release_quarantine", "release_pages"):
                client.execute_sql(f"DELETE FROM {table} WHERE LIST_CONTAINS(?::TEXT[], project)", list(names))
        else:
            # Without its days, a file would be taken for one that is known to have none.
            client.execute_sql(
                "UPDATE upstream_files SET loaded_day = NULL "
                "WHERE LIST_CONTAINS(?::TEXT[], project) AND loaded_day >= ?",
                *parameters,
            )


def forgotten_days(warehouse: Warehouse) -> set[date]:
    """The days of forgotten projects that the KPIs may still count."""
    ensure_tables(warehouse)
    return {row[0] for row in warehouse.query("SELECT DISTINCT day FROM forgotten_days")}


def pending_days(warehouse: Warehouse) -> dict[str, list[date]]:
    """The days of the committed loads that the KPIs do not include yet, by load id."""
    ensure_tables(warehouse)
    pending: dict[str, list[date]] = {}
    rows = warehouse.query(
        "SELECT DISTINCT load_id, day FROM committed_days "
        "WHERE load_id NOT IN (SELECT load_id FROM acknowledged_loads) ORDER BY 1, 2"
    )
    for load_id, day in rows:
        pending.setdefault(load_id, []).append(day)
    return pending


def has_pending_releases(warehouse: Warehouse) -> bool:
    """Whether the KPIs do not include yet what the index has given last of some project."""
    ensure_tables(warehouse)
    return bool(warehouse.query("SELECT 1 FROM release_pages WHERE load_id IS NOT NULL AND NOT is_computed LIMIT 1"))


def applied_fingerprint(warehouse: Warehouse, engine: str | None = None) -> str | None:
    """The fingerprint of the models that computed the KPIs; `None` if another plan, or engine, was applied since.

    With `engine`, the name of one that computes outside of the warehouse.
    """
    query, parameters = _applied_by(engine)
    rows = warehouse.query(f"SELECT fingerprint FROM {DATASET}.applied_models WHERE plan_id = {query}", *parameters)
    return str(rows[0][0]) if rows else None


def _applied_by(engine: str | None) -> tuple[str, list[str]]:
    return ("?", [engine]) if engine else (f"({_PRODUCTION_PLAN})", [])


def applied_row_count(warehouse: Warehouse, engine: str | None = None) -> int | None:
    """The number of rows that the plan in production, or the engine, has left, if a run has applied it to the end."""
    ensure_tables(warehouse)
    query, parameters = _applied_by(engine)
    rows = warehouse.query(f"SELECT row_count FROM {DATASET}.applied_models WHERE plan_id = {query}", *parameters)
    return rows[0][0] if rows else None


def forget_applied(warehouse: Warehouse) -> None:
    """Forget what was applied, before a plan changes it."""
    if ensure_tables(warehouse):
        execute(warehouse, f"DELETE FROM {DATASET}.applied_models")


def acknowledge(  # noqa: PLR0913, PLR0917 - what was computed, and by what
    warehouse: Warehouse,
    load_ids: Sequence[str],
    days: Collection[date],
    fingerprint: str,
    row_count: int,
    engine: str | None = None,
) -> None:
    """Record that the KPIs include loads, forgotten `days`, releases and models; call it once the audits passed.

    `row_count` is the number of rows in all tables that the models have filled; `engine` as for `applied_fingerprint`.
    """
    query, parameters = _applied_by(engine)
    with warehouse.transaction() as client:
        client.execute_sql("DELETE FROM applied_models")
        client.execute_sql(f"INSERT INTO applied_models SELECT ?, {query}, ?", fingerprint, *parameters, row_count)
        client.execute_sql("INSERT INTO acknowledged_loads (load_id) SELECT UNNEST(?::TEXT[])", list(load_ids))
        client.execute_sql("DELETE FROM forgotten_days WHERE LIST_CONTAINS(?::DATE[], day)", list(days))
        client.execute_sql("UPDATE release_pages SET is_computed = TRUE")


def record_drift(warehouse: Warehouse, upstream: str, fields: Sequence[str], now: datetime) -> None:
    """Record in `raw.schema_drift` that a table or path has `fields` that are not in the contract."""
    if fields:
        execute(warehouse, _UPSERT_DRIFT, upstream, list(fields), now, now)


def require_exact(warehouse: Warehouse) -> None:
    """Raise `WarehouseError` unless each committed day has as many rows as its extract counted."""
    # Rows of the quarantine had no weight before there were grains.
    weight = "COALESCE(log_rows, 1)" if "log_rows" in warehouse.columns("quarantine") else "1"
    wrong = query_committed(warehouse, _MISCOUNTED.format(weight=weight))
    if wrong:
        project, day, accepted, found, quarantined, kept = wrong[0]
        table = "file_downloads" if accepted != found else "quarantine"
        expected, there = (accepted, found) if accepted != found else (quarantined, kept)
        what = (
            f"{len(wrong)} loaded days have another number of rows than was extracted, first {project} on {day}: "
            f"{expected:,} extracted, {there:,} in the warehouse."
        )
        remedy = f"Another program has changed raw.{table}: load the days again with `just backfill`."
        raise WarehouseError(what, remedy=remedy)


def daily_totals(warehouse: Warehouse) -> list[DailyTotal]:
    """What is there of each loaded day, counted in the rows themselves; ordered by project and day."""
    return [DailyTotal(*row) for row in query_committed(warehouse, _TOTALS)]


def read_ledger(warehouse: Warehouse) -> "pa.Table":
    """All of `raw.extract_ledger`."""
    ensure_tables(warehouse)
    with warehouse.connection() as connection:
        return connection.execute(f"FROM {DATASET}.extract_ledger ORDER BY started_at").to_arrow_table()


def restore_ledger(warehouse: Warehouse, ledger: "pa.Table | None") -> None:
    """Add the entries of `ledger` that `raw.extract_ledger` lacks; a cost that cannot be is left out."""
    if ledger:
        ensure_tables(warehouse)
        with warehouse.connection() as connection:
            connection.register("lake_ledger", ledger)
            connection.execute(
                f"INSERT INTO {DATASET}.extract_ledger BY NAME SELECT * REPLACE "
                "(CASE WHEN ISFINITE(cost) AND cost >= 0 THEN cost END AS cost) FROM lake_ledger ON CONFLICT DO NOTHING"
            )
            connection.unregister("lake_ledger")


def empty(warehouse: Warehouse, draft: Path) -> int:
    """Write a warehouse that has only the ledger, as its money is spent, to `draft`; return its number of queries."""
    if not warehouse.columns("extract_ledger"):
        return 0
    columns, file = _declared(LEDGER_COLUMNS), str(warehouse.file).replace("'", "''")
    with duckdb.connect(draft, config={"storage_compatibility_version": STORAGE_VERSION}) as connection:
        connection.execute(f"ATTACH '{file}' AS whole (READ_ONLY)")
        connection.execute(f"CREATE SCHEMA {DATASET}; CREATE TABLE {DATASET}.extract_ledger ({columns})")
        connection.execute(f"INSERT INTO {DATASET}.extract_ledger BY NAME FROM whole.{DATASET}.extract_ledger")
        return int(connection.execute(f"SELECT COUNT(*) FROM {DATASET}.extract_ledger").fetchall()[0][0])


def _create_tables(client: SqlClientBase[Any]) -> None:
    # Names are qualified: before the first load there is no dataset that the client could use.
    tables = (f"CREATE TABLE IF NOT EXISTS {DATASET}.{name} ({_declared(each)})" for name, each in _TABLES.items())
    client.execute_sql("; ".join((f"CREATE SCHEMA IF NOT EXISTS {DATASET}", *tables)))
    present = columns_of(client, DATASET)
    for name, kind in LEDGER_COLUMNS.items():
        if name not in present["extract_ledger"]:
            # A ledger of an earlier version.
            client.execute_sql(f"ALTER TABLE {DATASET}.extract_ledger ADD COLUMN {name} {kind}")
    if "row_count" not in present["applied_models"]:
        client.execute_sql(f"ALTER TABLE {DATASET}.applied_models ADD COLUMN row_count BIGINT")
    # dlt creates the tables in its first load.
    if "loaded_days" in present:
        if "daily_counts" not in present:
            _create_daily_counts(client)
        _create_committed_days(client, present["loaded_days"])


def _declared(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())


def _create_committed_days(client: SqlClientBase[Any], loaded_days: Collection[str]) -> None:
    """Create the view, or replace one that was made before there were grains."""
    grain = "COALESCE(grain, 'row')" if "grain" in loaded_days else "'row'"
    with client.execute_query(_COMMITTED_DAYS_SQL) as cursor:
        views = cursor.fetchall()
    if not views or ("grain" in loaded_days and "coalesce" not in str(views[0][0]).lower()):
        client.execute_sql(_CREATE_COMMITTED_DAYS.format(grain=grain))


def _create_daily_counts(client: SqlClientBase[Any]) -> None:
    """Create the table that dlt would create in its next load: models read it before."""
    import pyarrow as pa

    from pipelines.pypi.columns import COUNTS

    empty = COUNTS.row_schema.append(pa.field("_dlt_load_id", pa.string(), nullable=False)).empty_table()
    connection = cast("DuckDBPyConnection", client.native_connection)
    connection.register("empty_counts", empty)
    connection.execute(f"CREATE TABLE {DATASET}.daily_counts AS FROM empty_counts")
    connection.unregister("empty_counts")
