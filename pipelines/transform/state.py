"""SQLMesh's state and tables in the warehouse, which are derived from `raw`: where they cannot be used, they go."""

import json
import logging

import duckdb
from duckdb import DuckDBPyConnection

from pipelines.errors import TransformError
from pipelines.warehouse import Warehouse, bookkeeping

UNREADABLE = "had a state that this version of SQLMesh cannot read"
OTHER_ENGINE = "were computed by another engine"
COPIES = "sqlmesh__copies"
"""The schema of marts that another engine has computed, named as SQLMesh names those of its tables: they are dropped
and counted alike."""

_CATALOGS = """
    SELECT DISTINCT REGEXP_EXTRACT(name, '^"?([^".]+)"?[.]', 1), CURRENT_DATABASE() FROM sqlmesh._snapshots
"""
_VIEWS = "SELECT snapshots FROM sqlmesh._environments WHERE name = 'prod'"
_TABLES = """
    SELECT DISTINCT FORMAT('"{}"."{}"', tables.schema_name, tables.table_name)
    FROM duckdb_views() AS views JOIN duckdb_tables() AS tables
        ON tables.database_name = views.database_name AND CONTAINS(tables.schema_name, '__')
        AND tables.table_name = REGEXP_EXTRACT(views.sql, 'sqlmesh__\\w+"?[.]"?(\\w+)', 1)
    WHERE views.database_name = CURRENT_DATABASE() AND views.schema_name IN ('marts', 'staging', 'reference')
    ORDER BY ALL
"""
"""The tables that the views of production read; a view that reads a view counts nothing."""
_STATE = """
    SELECT table_name FROM information_schema.tables
    WHERE table_catalog = CURRENT_DATABASE() AND table_schema = 'sqlmesh'
        AND table_name IN ('_environments', '_snapshots')
"""
_STATE_TABLES = 2
_BROKEN_STATE = """
    SELECT name FROM sqlmesh._snapshots WHERE NOT JSON_VALID(snapshot)
    UNION ALL SELECT name FROM sqlmesh._environments WHERE NOT JSON_VALID(snapshots)
"""
_MADE = """
    SELECT FORMAT('SCHEMA "{}" CASCADE', schema_name) FROM information_schema.schemata
    WHERE catalog_name = CURRENT_DATABASE() AND REGEXP_FULL_MATCH(schema_name, 'sqlmesh(__.+)?')
    UNION ALL SELECT FORMAT('VIEW "{}"."{}"', schema_name, view_name) FROM duckdb_views()
    WHERE database_name = CURRENT_DATABASE() AND REGEXP_FULL_MATCH(schema_name, '(marts|staging|reference)(__.+)?')
"""
"""Tables and state, and the views on them: a table in the schemas of the views is somebody else's."""
_LOST = (duckdb.CatalogException, duckdb.BinderException)


def require_own_name(warehouse: Warehouse) -> None:
    """Raise `TransformError` if the KPIs were computed while the warehouse had another name.

    SQLMesh's views name the database that they were made in, so nothing can be read from them under another name.
    """
    name = _other_name(warehouse)
    if name:
        what = f"The KPIs of {warehouse} were computed under another name, {name}, by which their views read them."
        raise TransformError(what, remedy=f"`just run` computes them again. Or name the warehouse {name} again.")


def find_damage(warehouse: Warehouse) -> str | None:
    """Why the KPIs that SQLMesh has computed cannot be read, as the end of a sentence; `None` if they can."""
    name = _other_name(warehouse)
    if name:
        return f"were computed when the warehouse was named {name}"
    with warehouse.connection() as connection:
        if len(connection.execute(_STATE).fetchall()) == _STATE_TABLES and not is_state_whole(warehouse):
            return UNREADABLE
        if not all(_is_readable(connection, view) for view in _read_views(connection)):
            return "have lost a table or a view"
    computed = bookkeeping.applied_row_count(warehouse)
    if computed is not None and computed != count_rows(warehouse):
        return "have other rows than a run has computed"
    return None


def has_copies(warehouse: Warehouse) -> bool:
    """Whether the marts are copies of what another engine has computed."""
    return bool(warehouse.query("SELECT 1 FROM information_schema.schemata WHERE schema_name = ?", COPIES))


def has_views(warehouse: Warehouse) -> bool:
    """Whether there are marts."""
    return bool(warehouse.query("SELECT 1 FROM duckdb_views() WHERE schema_name = 'marts' LIMIT 1"))


def count_rows(warehouse: Warehouse) -> int:
    """The number of rows in all tables of the models in production, and not in those that a review or a plan left."""
    with warehouse.connection() as connection:
        tables = [table for (table,) in connection.execute(_TABLES).fetchall()]
        counts = " + ".join(f"(SELECT COUNT(*) FROM {table})" for table in tables) or "0"
        return int(connection.execute(f"SELECT {counts}").fetchall()[0][0])


def require_undamaged(warehouse: Warehouse) -> None:
    """Raise `TransformError` if the KPIs that SQLMesh has computed cannot be read, or only under another name."""
    require_own_name(warehouse)
    damage = find_damage(warehouse)
    if damage:
        raise TransformError(f"The KPIs {damage}.", remedy="`just run` computes them again.")


def is_state_whole(warehouse: Warehouse) -> bool:
    """Whether the tables of SQLMesh's state have what it looks for; its cache can hide that they have not."""
    with warehouse.connection() as connection:
        try:
            return not connection.execute(_BROKEN_STATE).fetchall()
        except _LOST:
            return False


def drop_state(warehouse: Warehouse, why: str) -> None:
    """Drop all that SQLMesh has made, and say why; its next plan computes everything from `raw`."""
    logging.getLogger(__name__).warning("The KPIs %s: they are computed again.", why)
    with warehouse.connection() as connection:
        for (made,) in connection.execute(_MADE).fetchall():
            connection.execute(f"DROP {made}")


def _other_name(warehouse: Warehouse) -> str | None:
    if not warehouse.exists:
        return None
    with warehouse.connection() as connection:
        try:
            rows = connection.execute(_CATALOGS).fetchall()
        except duckdb.Error:
            return None
    return next((found for found, own in rows if found and found.lower() != str(own).lower()), None)


def _read_views(connection: DuckDBPyConnection) -> list[str]:
    """The models of production, by SQLMesh's state; none where there is no state that can be read."""
    try:
        row = connection.execute(_VIEWS).fetchone()
        names = [snapshot["name"] for snapshot in json.loads(row[0])] if row else []
    except (duckdb.Error, ValueError, TypeError, KeyError):
        return []
    return [name for name in names if '"raw".' not in name]


def _is_readable(connection: DuckDBPyConnection, view: str) -> bool:
    try:
        connection.execute(f"SELECT 1 FROM {view} LIMIT 0")
    except _LOST:
        return False
    return True
