"""Files of marts for other tools: written from the exported marts, so that nothing waits for the warehouse."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import duckdb
from duckdb import DuckDBPyConnection

from pipelines.errors import ExportError
from pipelines.export import DATABASE, EXPORTS, SCHEMA
from pipelines.warehouse import Warehouse

FOLDER = "marts"


class Format(StrEnum):
    """What a mart can be written as, which is also how the name of its file ends."""

    PARQUET = "parquet"
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"


_OPTIONS = {
    Format.PARQUET: "FORMAT parquet, COMPRESSION zstd",
    Format.CSV: "FORMAT csv, HEADER, NULLSTR '', DATEFORMAT '%Y-%m-%d'",
    Format.JSON: "FORMAT json, ARRAY, DATEFORMAT '%Y-%m-%d'",
    Format.JSONL: "FORMAT json, DATEFORMAT '%Y-%m-%d'",
}


class Place(Protocol):
    """Where files go."""

    def put(self, file: Path, name: str) -> None:
        """Show the whole of a local file under `name`, which may have folders, in one step.

        Raises:
            ExportError: it cannot be written there.

        """


@dataclass(frozen=True)
class LocalFolder:
    """A folder of this machine."""

    folder: Path

    def __str__(self) -> str:
        return str(self.folder)

    def put(self, file: Path, name: str) -> None:
        """Copy it beside its place, then move it there: who reads it sees the old file or the new one."""
        target = self.folder / name
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, part)
            part.replace(target)
        except OSError as error:
            what = f"{target} cannot be written: {error.strerror}."
            raise ExportError(what, remedy="Name another folder with --to, or give yourself the permission.") from error
        finally:
            with suppress(OSError):
                part.unlink()


def find_folder(warehouse: Warehouse, to: str | None) -> LocalFolder:
    """The folder `to`, or the one beside the warehouse.

    Raises:
        ExportError: each run replaces what is in that folder.

    """
    folder = Path(to) if to else warehouse.folder / FOLDER
    replaced = (warehouse.folder / EXPORTS).resolve()
    if replaced in (folder.resolve(), *folder.resolve().parents):
        what = f"{folder} is replaced by each run, and what you put there would be gone."
        raise ExportError(what, remedy="Name another folder with --to.")
    return LocalFolder(folder)


def write_marts(warehouse: Warehouse, names: Sequence[str], written_as: Format, place: Place) -> list[str]:
    """Write the marts, or all if none is named, as a file each; return their names.

    Raises:
        ExportError: nothing is exported yet, there is no such mart, or a file cannot be written.

    """
    with open_exported(warehouse) as connection, staged(place) as stage:
        there = find_marts(connection)
        chosen = sorted(set(names)) or there
        require_marts(chosen, there)
        for name in chosen:
            file = stage(f"{name}.{written_as}")
            connection.execute(
                f'COPY (FROM {SCHEMA}."{name}" ORDER BY ALL) TO {_literal(file)} ({_OPTIONS[written_as]})'
            )
    return chosen


def find_marts(connection: DuckDBPyConnection) -> list[str]:
    """The names of the exported marts."""
    rows = connection.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = ? ORDER BY 1", [SCHEMA]
    )
    return [name for (name,) in rows.fetchall()]


def require_marts(names: Sequence[str], there: Sequence[str]) -> None:
    """Raise `ExportError` unless all the marts are there."""
    for name in names:
        if name not in there:
            raise ExportError(f"There is no mart {name!r}.", remedy=f"There are {', '.join(there)}.")


@contextmanager
def open_exported(warehouse: Warehouse) -> Iterator[DuckDBPyConnection]:
    """The DuckDB file of the exported marts, to be read only.

    Raises:
        ExportError: nothing is exported yet.

    """
    file = warehouse.folder / EXPORTS / DATABASE
    if not file.exists():
        raise ExportError(f"There are no exported marts at {file} yet.", remedy="`just run` makes them.")
    with duckdb.connect(file, read_only=True) as connection:
        try:
            yield connection
        except duckdb.IOException as error:
            raise ExportError(
                f"The marts cannot be written: {error}", remedy="Make room for temporary files."
            ) from error


@contextmanager
def staged(place: Place) -> Iterator[Callable[[str], Path]]:
    """Paths to write files to, by their names; they are put into their place together, once all are written."""
    with TemporaryDirectory() as folder:

        def stage(name: str) -> Path:
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            return path

        yield stage
        for file in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
            place.put(file, file.relative_to(folder).as_posix())


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
