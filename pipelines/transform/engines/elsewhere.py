"""Computes the models on another engine, where the rows are, and copies the marts into the warehouse.

The warehouse keeps the bookkeeping and the marts, so exports, site and lakes are made as always. What the engine keeps,
SQLMesh's state among it, is in a folder beside the warehouse, named after the engine.
"""

import json
import os
import sys
from collections.abc import Sequence
from datetime import date
from importlib.util import find_spec
from pathlib import Path

from pipelines.children import run_child
from pipelines.duckdb_imports import without_pandas
from pipelines.errors import TransformError
from pipelines.lake import DATASET, Lake
from pipelines.lake.files import DOWNLOADS
from pipelines.redaction import without_secrets
from pipelines.transform.engines.job import BOOKKEEPING, Job, clear, marts_folder, raw_folder
from pipelines.transform.engines.settings import Engine
from pipelines.transform.fingerprint import MODELS_FOLDER
from pipelines.transform.state import COPIES
from pipelines.warehouse import Warehouse, bookkeeping

PACKAGES = ".venv-spark/lib/python*/site-packages"
"""Where `just setup --with-spark` installs pyspark, which needs no package but its own."""
ROOT = Path(__file__).parents[3]
_LAST_LINES = 40


def compute_marts(
    warehouse: Warehouse, engine: Engine, lake: Lake, days: Sequence[date], *, releases_changed: bool = False
) -> None:
    """Apply the models on the engine, compute the ascending `days` again, and copy the marts into the warehouse.

    Raises:
        LakeError: the lake does not answer.
        TransformError: Spark is not installed, or a plan, an evaluation or an audit failed there.

    """
    folder = warehouse.folder / engine.engine
    clear(folder)
    _write_bookkeeping(warehouse, raw_folder(folder))
    filled = [table for table in DOWNLOADS if lake.keys(table)]
    table_urls = f"{lake.url}/{DATASET}"
    job = Job(str(MODELS_FOLDER), table_urls, filled, [str(day) for day in days], releases_changed, engine.options)
    job.write(folder)
    command = [sys.executable, "-m", "pipelines.transform.engines.spark", str(folder)]
    code, output = run_child(command, _environment(), cwd=ROOT, capture=True)
    if code:
        lines = [line for line in output.splitlines() if line.strip()][-_LAST_LINES:]
        raise TransformError(
            without_secrets("\n".join(["Spark stopped.", *lines])),
            remedy="Nothing was copied, exported or shown. docs/engines.md says what Spark needs.",
        )
    _copy(warehouse, marts_folder(folder))


def _environment() -> dict[str, str]:
    """The environment of a Python that finds pyspark: its own, or the one that is installed beside the models."""
    if find_spec("pyspark"):
        return dict(os.environ)
    packages = next(ROOT.glob(PACKAGES), None)
    if not packages:
        raise TransformError("Spark is not installed.", remedy="Run: just setup --with-spark")
    return os.environ | {"PYTHONPATH": str(packages)}


def _write_bookkeeping(warehouse: Warehouse, folder: Path) -> None:
    bookkeeping.ensure_tables(warehouse)
    bookkeeping.add_columns(warehouse)
    with warehouse.connection() as connection:
        for table in BOOKKEEPING:
            connection.execute(f"COPY {DATASET}.{table} TO {_quoted(folder / f'{table}.parquet')} (FORMAT parquet)")


def _copy(warehouse: Warehouse, folder: Path) -> None:
    """Replace the marts of the warehouse, all or none, by those of the folder."""
    kinds: dict[str, dict[str, str]] = json.loads((folder / "types.json").read_text())
    with warehouse.connection() as connection, without_pandas():
        connection.begin()
        try:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {COPIES}; CREATE SCHEMA IF NOT EXISTS marts")
            for name, columns in kinds.items():
                selected = ", ".join(f'CAST("{column}" AS {kind}) AS "{column}"' for column, kind in columns.items())
                file = _quoted(folder / f"{name}.parquet")
                connection.execute(f'CREATE OR REPLACE TABLE {COPIES}."{name}" AS SELECT {selected} FROM {file}')
                connection.execute(f'CREATE OR REPLACE VIEW marts."{name}" AS FROM {COPIES}."{name}"')
            connection.commit()
        except BaseException:
            connection.rollback()
            raise


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
