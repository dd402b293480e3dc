"""Lets the server's DuckDB start without a download."""

import glob
import importlib.util
from pathlib import Path
from typing import Any

import duckdb

connect = duckdb.connect


def _extension(name: str) -> str:
    """The file of a DuckDB extension that a package has brought."""
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    assert spec is not None and spec.origin is not None
    pattern = Path(spec.origin).parent / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    return glob.glob(str(pattern))[0]


def _connect(database: str = ":memory:", read_only: bool = False, config: dict[str, Any] | None = None) -> Any:
    """DuckDB's `connect`, with DuckLake from its package, and the time zone set where no extension is asked for it."""
    options = {"autoinstall_known_extensions": False} | (config or {})
    zone = options.pop("TimeZone", None)
    connection = connect(database, read_only=read_only, config=options)
    connection.execute(f"LOAD '{_extension('ducklake')}'")
    if zone:
        connection.execute(f"SET GLOBAL TimeZone = '{zone}'")
    return connection


def install() -> None:
    """Must run before any module of the server is imported: they take `duckdb.connect` as it is then."""
    duckdb.connect = _connect  # type: ignore[assignment]
    from local_bigquery.sql import dialect

    # Geography would need another extension.
    dialect.FUNCTIONS[:] = [path for path in dialect.FUNCTIONS if path.name != "geography.sql"]
