"""Finds the Parquet files of a file, a folder or a glob; a file that has several names counts once."""

import glob
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import NoReturn

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import SourceError
from pipelines.pypi.files import SourceFile

DAMAGED_REMEDY = "Export it again, or remove it from `parquet_path` of [sources.pypi]."
_TRAILER_BYTES = 8
"""The length of the footer, four bytes, and the magic number, at the end of a Parquet file."""


def find_files(path: str) -> dict[SourceFile, pa.Schema]:
    """The files, in the order of their real paths, each with its schema.

    Raises:
        SourceError: there is none, or one cannot be read.

    """
    # By real path, and each inode once: a link to a file that is read already would double its rows.
    found: dict[tuple[int, int], str] = {}
    for file in sorted({os.path.realpath(name) for name in _names(path)}):
        with translate_file_errors(file):
            status = os.stat(file)  # noqa: PTH116 - realpath has no counterpart in pathlib that takes a loop of links
        found.setdefault((status.st_dev, status.st_ino), file)
    if not found:
        what = f"No Parquet file at {path!r}."
        raise SourceError(
            what, remedy="Set `parquet_path` of [sources.pypi] to a file, a folder or a glob that exists."
        )
    return dict(map(_read_footer, found.values()))


@contextmanager
def translate_file_errors(path: str) -> Iterator[None]:
    """Raise `SourceError`, which names the file, instead of the errors of those who read it."""
    try:
        yield
    except PermissionError as error:
        remedy = "Correct `parquet_path` of [sources.pypi], or grant your user access."
        raise SourceError(f"{path} cannot be read: {error.strerror}.", remedy=remedy) from error
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        first_line = str(error).partition("\n")[0]
        raise SourceError(f"{path} cannot be read: {first_line}", remedy=DAMAGED_REMEDY) from error


def literal(path: str) -> str:
    """The path as DuckDB has to be given it, so that it does not take the name for a glob."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in path)


def _names(path: str) -> Iterable[str]:
    if os.path.isdir(path):  # noqa: PTH112 - pathlib raises for what cannot be a path
        names: Iterable[str] = (
            os.path.join(folder, file)  # noqa: PTH118 - names that are not UTF-8 stay as they are
            for folder, _, files in os.walk(path, onerror=_refuse)
            for file in files
            if file.endswith(".parquet")
        )
    else:
        names = glob.glob(path, recursive=True) or [path]  # noqa: PTH207 - pathlib's takes no absolute pattern
    return (name for name in names if os.path.isfile(name))  # noqa: PTH113 - as above


def _refuse(error: OSError) -> NoReturn:
    with translate_file_errors(str(error.filename)):
        raise error


def _read_footer(path: str) -> tuple[SourceFile, pa.Schema]:
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise SourceError(f"The name of the file {path!r} is not UTF-8.", remedy="Rename it.") from error
    with translate_file_errors(path), Path(path).open("rb") as file:
        try:
            schema = pq.read_schema(file)
        except pa.ArrowInvalid as error:
            raise SourceError(f"{path} is not a Parquet file: {error}", remedy=DAMAGED_REMEDY) from error
        status = os.fstat(file.fileno())
        file.seek(status.st_size - _TRAILER_BYTES)
        length = int.from_bytes(file.read(4), "little")
        file.seek(status.st_size - _TRAILER_BYTES - length)
        digest = blake2b(file.read(), digest_size=16).hexdigest()
    return SourceFile(path, status.st_size, status.st_mtime_ns, digest), schema
