"""Files of marts for other tools: written from the exported marts, so that nothing waits for the warehouse."""

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


def write_marts(warehouse: Warehouse, names: Sequence[str], written_as: Format, place: Place) -> list[str]:
    """Write the marts, or all if none is named, as a file each; return their names.

    Raises:
        ExportError: nothing is exported yet, there is no such mart, or a file cannot be written.

    """
    with open_exported(warehouse) as connection, staged(place) as stage:
        there = list_marts(connection)
        chosen = sorted(set(names)) or there
        require_marts(chosen, there)
        for name in chosen:
            file = stage(f"{name}.{written_as}")
            connection.execute(f'COPY (FROM {MARTS}."{name}" ORDER BY ALL) TO {quoted(file)} ({_OPTIONS[written_as]})')
    return chosen


def require_marts(names: Sequence[str], there: Sequence[str]) -> None:
    """Raise `ExportError` unless all the marts are there."""
    for name in names:
        if name not in there:
            raise ExportError(f"There is no mart {name!r}.", remedy=f"The marts are {', '.join(there)}.")


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
