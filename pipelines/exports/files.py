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


_FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"  # noqa: RUF001 - spreadsheets read the wide characters, too
"""How a text begins that a spreadsheet would run: https://owasp.org/www-community/attacks/CSV_Injection"""


def write_marts(
    warehouse: Warehouse, names: Sequence[str], file_format: Format, place: Place, *, exact: bool = False
) -> list[str]:
    """Write each named mart, or all marts if none is named, to a file; return their names.

    In CSV, an apostrophe before a text that begins like a formula keeps spreadsheets from running it, unless `exact`.

    Raises:
        ExportError: nothing is exported yet, there is no such mart, or a file cannot be written.

    """
    with open_exported(warehouse) as connection, staged(place) as stage:
        available = list_marts(connection)
        chosen = sorted(set(names)) or available
        require_marts(chosen, available)
        for name in chosen:
            file = stage(f"{name}.{file_format}")
            rows, options = f'FROM {MARTS}."{name}" ORDER BY ALL', _OPTIONS[file_format]
            texts = _text_columns(connection, name) if file_format is Format.CSV else []
            if texts:
                options += f", FORCE_QUOTE ({', '.join(texts)})"
            if texts and not exact:
                replaced = ", ".join(
                    f"IF(REGEXP_MATCHES({text}, '{_FORMULA}'), '''' || {text}, {text}) AS {text}" for text in texts
                )
                rows = f"SELECT * REPLACE ({replaced}) FROM ({rows})"
            connection.execute(f"COPY ({rows}) TO {quoted(file)} ({options})")
    return chosen


def _text_columns(connection: DuckDBPyConnection, mart: str) -> list[str]:
    columns = connection.execute(f'DESCRIBE {MARTS}."{mart}"').fetchall()
    return [f'"{name}"' for name, kind, *_ in columns if kind == "VARCHAR"]


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
