"""Measures the state of a published site after five years: `python -m tests.harness.state`.

The days are made of the shared real counts (PYPI_REAL_DATA), of which there are 149 for small projects: each later day
is one of these with other counts, and without one row of twenty. Nothing is restored or computed.
"""

import os
import subprocess
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.lake.files import SCHEMAS
from pipelines.pypi.settings import FIRST_DAY
from tests.support.installation import ROOT

PROJECTS, DAYS = 10, 1826
# What ClickHouse's copy has of a download.
_COUNTS = """
    SELECT project, timestamp::DATE AS day, country_code, file.filename AS file__filename,
        file.project AS file__project, file.version AS file__version, file.type AS file__type,
        details.installer.name AS details__installer__name,
        REGEXP_EXTRACT(details.python, '^([^.]+[.][^.]+)', 1) AS details__python,
        details.distro.libc.lib AS details__distro__libc__lib,
        details.distro.libc.version AS details__distro__libc__version,
        details.system.name AS details__system__name, details.ci AS details__ci, COUNT(*) AS log_rows
    FROM READ_PARQUET(?) GROUP BY ALL
"""


def main() -> None:
    """Print bytes and files of the state, and of one day of a small and of a large project."""
    data = Path(os.environ.get("PYPI_REAL_DATA", ROOT.parent / "shared" / "data"))
    with TemporaryDirectory() as folder:
        large = _real_days(data / "file_downloads" / "*.parquet")
        _write([(f"large-{number}", FIRST_DAY, table) for number, table in enumerate(large)], Path(folder, "large"))
        small = _real_days(data / "file_downloads_history.parquet")
        draw = np.random.default_rng(seed=1)
        days = (
            (f"small-{project}", FIRST_DAY + timedelta(day), _varied(small[(project * DAYS + day) % len(small)], draw))
            for project in range(PROJECTS)
            for day in range(DAYS)
        )
        written = _write(days, Path(folder, "small"))
        size = f"{written / 1e6:,.0f} MB of files, {_packed(Path(folder, 'small')) / 1e6:,.0f} MB in git"
        print(f"{PROJECTS} projects, {DAYS:,} days: {size}")


def _real_days(source: Path) -> list[pa.Table]:
    """The counts of each day of each project, as a file of a lake has them."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = FALSE")
        connection.execute(f"CREATE TEMP TABLE counts AS {_COUNTS}", [str(source)])
        keys = connection.execute("SELECT DISTINCT project, day FROM counts ORDER BY ALL").fetchall()
        sql = "SELECT * FROM counts WHERE project = ? AND day = ?"
        return [_conformed(connection.execute(sql, key).to_arrow_table()) for key in keys]


def _varied(table: pa.Table, draw: np.random.Generator) -> pa.Table:
    """The table with other counts, and without one row of twenty."""
    counts = pc.add(table.column("log_rows"), pa.array(draw.integers(0, 3, table.num_rows)))
    place = table.column_names.index("log_rows")
    kept = pa.array(draw.random(table.num_rows) >= 0.05)
    return table.set_column(place, table.schema.field(place), counts).filter(kept)


def _write(days: Iterable[tuple[str, date, pa.Table]], folder: Path) -> int:
    """Write the files as a lake has them; print how large one is, and return the bytes of all."""
    written = files = downloads = 0
    for project, day, table in days:
        file = folder / "raw" / "daily_counts" / f"day={day}" / f"{project}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, file, compression="zstd")
        written, files = written + file.stat().st_size, files + 1
        downloads += pc.sum(table.column("log_rows")).as_py() or 0
    print(f"{downloads / files:,.0f} downloads a day and project: {written / files:,.0f} bytes, {files:,} files")
    return written


def _conformed(rows: pa.Table) -> pa.Table:
    schema = SCHEMAS["daily_counts"]
    columns = [
        rows.column(field.name).cast(field.type)
        if field.name in rows.column_names
        else pa.nulls(rows.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _packed(folder: Path) -> int:
    """Bytes of the pack of one commit."""
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    tree = subprocess.run(["git", "write-tree"], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()
    pack = subprocess.run(
        ["git", "pack-objects", "--revs", "--stdout"],
        cwd=folder,
        input=f"{tree}\n".encode(),
        capture_output=True,
        check=True,
    ).stdout
    return len(pack)


if __name__ == "__main__":
    main()
