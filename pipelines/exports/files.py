"""Writes marts as files for other tools, from the exported marts, so that the warehouse need not be opened."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from duckdb import DuckDBPyConnection

from pipelines.choices import Format
from pipelines.errors import ExportError
from pipelines.exports import DATABASE, EXPORTS, list_marts, quoted
from pipelines.exports.places import Place
from pipelines.transform import MARTS
from pipelines.warehouse import Warehouse

_OPTIONS = {
    Format.PARQUET: "FORMAT parquet, COMPRESSION zstd",
    Format.CSV: "FORMAT csv, HEADER, NULLSTR '', DATEFORMAT '%Y-%m-%d'",
    Format.JSON: "FORMAT json, ARRAY, DATEFORMAT '%Y-%m-%d'",
    Format.JSONL: "FORMAT json, DATEFORMAT '%Y-%m-%d'",
}


def write_marts(warehouse: Warehouse, names: Sequence[str], file_format: Format, place: Place) -> list[str]:
    """Write each named mart, or all marts if none is named, to a file; return their names.

    Raises:
        ExportError: nothing is exported yet, there is no such mart, or a file cannot be written.

    """
    with open_exported(warehouse) as connection, staged(place) as stage:
        available = list_marts(connection)
        chosen = sorted(set(names)) or available
        require_marts(chosen, available)
        for name in chosen:
            file = stage(f"{name}.{file_format}")
            connection.execute(f'COPY (FROM {MARTS}."{name}" ORDER BY ALL) TO {quoted(file)} ({_OPTIONS[file_format]})')
    return chosen


def require_marts(names: Sequence[str], available: Sequence[str]) -> None:
    """Raise `ExportError` unless all named marts are available."""
    for name in names:
        if name not in available:
            raise ExportError(f"There is no mart {name!r}.", remedy=f"The marts are {', '.join(available)}.")


@contextmanager
def open_exported(warehouse: Warehouse) -> Iterator[DuckDBPyConnection]:
    """Open the DuckDB file of the exported marts, read-only.

    Raises:
        ExportError: nothing is exported yet, or DuckDB cannot write a file.

    """
    file = warehouse.folder / EXPORTS / DATABASE
    if not file.exists():
        raise ExportError(f"There are no exported marts at {file} yet.", remedy="`just run` exports them.")
    with duckdb.connect(file, read_only=True) as connection:
        try:
            yield connection
        except duckdb.IOException as error:
            what = f"The marts cannot be written: {error}"
            raise ExportError(what, remedy="Free disk space for temporary files.") from error


@contextmanager
def staged(place: Place) -> Iterator[Callable[[str], Path]]:
    """Yield a function that gives each file name a temporary path; at the end, all files are put into the place."""
    with TemporaryDirectory() as folder:

        def stage(name: str) -> Path:
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            return path

        yield stage
        for file in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
            place.put(file, file.relative_to(folder).as_posix())
