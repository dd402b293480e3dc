"""Exports the marts: one Parquet file each, and one DuckDB file of tables that the site reads."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from duckdb import DuckDBPyConnection

from pipelines.errors import TransformError
from pipelines.transform import MARTS
from pipelines.warehouse import Warehouse

EXPORTS = "exports"
DATABASE = "pypi.duckdb"
STORAGE_VERSION = "v1.4.0"
"""The site's engine in the browser is DuckDB 1.4, which reads no later format."""
_DIGESTS_FILE = "digests.json"


@dataclass(frozen=True)
class Export:
    """The exported marts; `digests` has a digest of each mart's content, `changed` says whether one has changed."""

    folder: Path
    digests: dict[str, str]
    changed: bool

    @property
    def database(self) -> Path:
        """The DuckDB file; its marts are tables, because a view would refer to the warehouse by name."""
        return self.folder / DATABASE


def export(warehouse: Warehouse) -> Export:
    """Write all marts beside the warehouse, or none; keep the files if no mart has changed.

    Raises:
        TransformError: there are no marts yet.

    """
    folder = warehouse.folder / EXPORTS
    for abandoned in warehouse.folder.glob("exports-*"):
        shutil.rmtree(abandoned)
    with warehouse.connection() as connection:
        digests = _digests(connection)
        if not digests:
            raise TransformError("The warehouse has no marts to export.", remedy="`just run` computes them.")
        if _previous_digests(folder) == digests:
            return Export(folder, digests, changed=False)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent, prefix="exports-") as temporary:
            fresh = Path(temporary, "exports")
            fresh.mkdir()
            _write(connection, sorted(digests), fresh)
            (fresh / _DIGESTS_FILE).write_text(json.dumps(digests, indent=1))
            if folder.exists():
                folder.rename(Path(temporary, "old"))
            fresh.rename(folder)
    return Export(folder, digests, changed=True)


def list_marts(connection: DuckDBPyConnection) -> list[str]:
    """The names of the marts in a warehouse or an exported database."""
    rows = connection.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = ? ORDER BY 1", [MARTS]
    )
    return [name for (name,) in rows.fetchall()]


def quoted(path: Path) -> str:
    """The path as an SQL literal, for statements that take no parameter."""
    return "'" + str(path).replace("'", "''") + "'"


def _digests(connection: DuckDBPyConnection) -> dict[str, str]:
    """A digest of each mart's columns, and of its rows in any order."""
    digests: dict[str, str] = {}
    for name in list_marts(connection):
        columns = connection.execute(f'DESCRIBE {MARTS}."{name}"').fetchall()
        content = connection.execute(f'SELECT COUNT(*), BIT_XOR(HASH(mart)) FROM {MARTS}."{name}" AS mart').fetchone()
        digests[name] = str(([column[:2] for column in columns], content))
    return digests


def _previous_digests(folder: Path) -> dict[str, str] | None:
    file = folder / _DIGESTS_FILE
    digests: dict[str, str] | None = json.loads(file.read_text()) if file.exists() else None
    return digests


def _write(connection: DuckDBPyConnection, names: list[str], folder: Path) -> None:
    connection.execute(f"ATTACH {quoted(folder / DATABASE)} AS exported (STORAGE_VERSION '{STORAGE_VERSION}')")
    try:
        connection.execute(f"CREATE SCHEMA exported.{MARTS}")
        for name in names:
            table = f'exported.{MARTS}."{name}"'
            connection.execute(f'CREATE TABLE {table} AS SELECT * FROM {MARTS}."{name}" ORDER BY ALL')
            connection.execute(
                f"COPY (FROM {table}) TO {quoted(folder / f'{name}.parquet')} (FORMAT parquet, COMPRESSION zstd)"
            )
    finally:
        connection.execute("DETACH exported")
