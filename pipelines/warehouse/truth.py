"""Checks that what loads have written is there: nothing else can say which downloads there were.

A table that is missing would otherwise read as one without rows: days would be taken for loaded, and their rows be
gone, or be taken for missing, and be paid for again.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from pipelines.errors import WarehouseError

LOADED_TABLES = ("file_downloads", "quarantine", "loaded_days", "_dlt_loads")
"""The tables that each load fills, beside `COUNTS`."""
COUNTS = "daily_counts"
"""Filled by the loads of this version, and not by those of earlier ones."""
LEDGER = "extract_ledger"
LEDGER_COLUMNS = ("job_id", "project", "start_day", "end_day", "started_at", "bytes_billed", "cost", "status")
"""The columns of the ledger by which it is decided what may be spent; a later version may add others."""
_TYPES = {
    "bigint": "BIGINT",
    "bool": "BOOLEAN",
    "date": "DATE",
    "text": "VARCHAR",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
}
"""The types that dlt gives to columns in DuckDB."""
_REMEDY = (
    "Another program has changed it: restore a backup of the warehouse. Or move the warehouse away, and begin with an "
    "empty one: `just restore LAKE` loads the days from a lake, `just run` from the upstream, which may bill them."
)

Columns = Mapping[str, Mapping[str, str]]
"""The type of each column, by table."""


def require_whole(client: SqlClientBase[Any], warehouse: str, dataset: str) -> None:
    """Check the tables that loads have filled, by what dlt has recorded of them; a first load has nothing to lose.

    Raises:
        WarehouseError: a table or a column is missing, or a column has another type.

    """
    found = columns_of(client, dataset)
    what = next(_damages(client, found, dataset), None)
    if what:
        raise WarehouseError(f"The warehouse {warehouse} is damaged: {what}.", remedy=_REMEDY)


def columns_of(client: SqlClientBase[Any], dataset: str) -> dict[str, dict[str, str]]:
    """The type of each column of the dataset, by table."""
    rows = client.execute_sql(
        "SELECT table_name, column_name, data_type FROM information_schema.columns "
        "WHERE table_catalog = CURRENT_DATABASE() AND table_schema = ?",
        dataset,
    )
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in rows or ():
        found.setdefault(table, {})[column] = kind
    return found


def _damages(client: SqlClientBase[Any], found: Columns, dataset: str) -> Iterator[str]:
    expected = recorded(client, found, dataset)
    for table, columns in expected.items():
        if table in found:
            yield from _differences(f"{dataset}.{table}", columns, found[table])
        else:
            yield f"the table {dataset}.{table}, which loads have filled, is missing"
    if LEDGER in found:
        yield from (
            f"{dataset}.{LEDGER} has no column {column}" for column in LEDGER_COLUMNS if column not in found[LEDGER]
        )
    elif expected and client.execute_sql(f"SELECT 1 FROM {dataset}.loaded_days WHERE origin = 'bigquery' LIMIT 1"):
        yield f"the table {dataset}.{LEDGER}, which says what queries have cost, is missing"


def _differences(table: str, expected: Mapping[str, str], found: Mapping[str, str]) -> Iterator[str]:
    for column, kind in expected.items():
        if column not in found:
            yield f"{table} has no column {column}"
        elif found[column] != kind:
            yield f"the column {column} of {table} is {found[column]}, not {kind}"


def recorded(client: SqlClientBase[Any], found: Columns, dataset: str) -> Columns:
    """The tables that loads have filled, with the columns that dlt has recorded; none before the first load.

    dlt records a schema once it has made its tables, and before it fills them.
    """
    if "schema" in found.get("_dlt_version", {}):
        rows = client.execute_sql(
            f"SELECT schema FROM {dataset}._dlt_version WHERE schema_name = 'pypi' ORDER BY inserted_at DESC LIMIT 1"
        )
        tables = _parse(rows[0][0]) if rows else {}
        if tables:
            return tables
    filled = any(
        client.execute_sql(f"SELECT 1 FROM {dataset}.{table} LIMIT 1") for table in LOADED_TABLES if table in found
    )
    computed = not found.keys() & set(LOADED_TABLES) and client.execute_sql(
        "SELECT 1 FROM information_schema.tables "
        "WHERE table_catalog = CURRENT_DATABASE() AND table_schema = 'sqlmesh' AND table_name = '_snapshots'"
    )
    return {table: {} for table in LOADED_TABLES if filled or computed}


def _parse(schema: str) -> Columns:
    """The tables of a schema of dlt; none where it is damaged."""
    try:
        tables = json.loads(schema)["tables"]
        return {
            name: {
                column: _TYPES[hints["data_type"]]
                for column, hints in tables[name]["columns"].items()
                if hints.get("data_type") in _TYPES
            }
            for name in (*LOADED_TABLES, COUNTS)
            if name in tables
        }
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}
