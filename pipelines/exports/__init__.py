"""Exports the marts: one Parquet file each, and one DuckDB file of tables that the site reads."""

import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from duckdb import DuckDBPyConnection

from pipelines.errors import ExportError, TransformError
from pipelines.transform import MARTS
from pipelines.transform.state import require_own_name
from pipelines.warehouse import Warehouse

EXPORTS = "exports"
DATABASE = "pypi.duckdb"
STORAGE_VERSION = "v1.4.0"
"""The site's engine in the browser is DuckDB 1.4, which reads no later format."""
_DIGESTS_FILE = "digests.json"
_DRAFT = ".exports-"
_DISK_FULL = re.compile("could not write|no space left|disk quota|file too large|temp_directory", re.IGNORECASE)
"""The texts of the operating system and of DuckDB."""


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
    """Write all marts beside the warehouse, or none; keep the files if no mart has changed and each file is whole.

    Raises:
        TransformError: there are no marts yet, or the warehouse had another name when they were computed.
        ExportError: the disk is full, or the folder cannot be written; the earlier files stay as they were.

    """
    folder = warehouse.folder / EXPORTS
    for abandoned in warehouse.folder.glob(f"{_DRAFT}*"):
        shutil.rmtree(abandoned) if abandoned.is_dir() else abandoned.unlink()
    require_own_name(warehouse)
    with warehouse.connection() as connection:
        digests = _digests(connection)
        if not digests:
            raise TransformError("The warehouse has no marts to export.", remedy="`just run` computes them.")
        previous = _read_digests(folder)
        if previous == (digests, _digests_of_files(folder)):
            return Export(folder, digests, changed=False)
        if os.path.lexists(folder) and (previous is None or previous[0] == digests):
            logging.getLogger(__name__).warning(
                "Files in %s are missing, damaged or of an earlier version: they are made again.", folder
            )
        with _translate_write_errors(folder), _draft(folder.parent) as temporary:
            fresh = temporary / EXPORTS
            fresh.mkdir()
            _write(connection, sorted(digests), fresh)
            written = {"marts": digests, "files": _digests_of_files(fresh)}
            (fresh / _DIGESTS_FILE).write_text(json.dumps(written, indent=1))
            if os.path.lexists(folder):
                folder.rename(temporary / "old")
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


def _read_digests(folder: Path) -> tuple[object, object] | None:
    """The digests of marts and files of an earlier export; `None` where there is none, or they cannot be read."""
    try:
        written = json.loads((folder / _DIGESTS_FILE).read_text())
        return written["marts"], written["files"]
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _digests_of_files(folder: Path) -> dict[str, str]:
    """A digest of each file of an export; a file that cannot be read has another one than when it was written."""
    digests: dict[str, str] = {}
    for file in sorted(folder.glob("*")) if folder.is_dir() else ():
        if file.name != _DIGESTS_FILE and file.is_file():
            with file.open("rb") as content:
                digests[file.name] = hashlib.file_digest(content, "sha256").hexdigest()
    return digests


@contextmanager
def _draft(beside: Path) -> Iterator[Path]:
    beside.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=beside, prefix=_DRAFT) as folder:
        yield Path(folder)


@contextmanager
def _translate_write_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, duckdb.Error) as error:
        reason = "the disk is full" if _DISK_FULL.search(str(error)) else getattr(error, "strerror", None)
        if not reason:
            raise
        what = f"The marts cannot be exported to {folder}: {reason}."
        remedy = "Free space there, or grant your user write access. The KPIs are computed: run again."
        raise ExportError(what, remedy=remedy) from error


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
