"""Measures the state of a published site after five years: `python -m tests.harness.state`.

The days are made of the shared real counts (PYPI_REAL_DATA), of which there are 149 for small projects: each later day
is one of these with other counts, and without one row of twenty. Nothing is restored or computed.
"""

import os
import subprocess
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
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
    with TemporaryDirectory() as folder, duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        _measure(connection, data / "file_downloads" / "*.parquet", Path(folder, "large"), repeat=False)
        _measure(connection, data / "file_downloads_history.parquet", Path(folder, "small"), repeat=True)


def _measure(connection: duckdb.DuckDBPyConnection, source: Path, folder: Path, *, repeat: bool) -> None:
    connection.execute(f"CREATE OR REPLACE TEMP TABLE counts AS {_COUNTS}", [str(source)])
    real = connection.execute(
        "SELECT project, day, SUM(log_rows)::BIGINT FROM counts GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    days: dict[str, list[object]] = {}
    for project, day, _ in real:
        days.setdefault(project, []).append(day)
    names = list(days)
    wanted = (
        [
            (names[n % len(names)], f"{names[n % len(names)]}-{n}", number)
            for n in range(PROJECTS)
            for number in range(DAYS)
        ]
        if repeat
        else [(project, project, number) for project, of in days.items() for number in range(len(of))]
    )
    written = 0
    for project, name, number in wanted:
        source_day = days[project][number % len(days[project])]
        rows = connection.execute(
            "SELECT *, HASH(file__filename, country_code, details__python, ?::TEXT) AS luck FROM counts "
            "WHERE project = ? AND day = ?",
            [f"{name} {number}", project, source_day],
        ).to_arrow_table()
        if repeat:
            rows = _varied(connection, rows)
        table = _conformed(rows)
        file = folder / "raw" / "daily_counts" / f"day={FIRST_DAY + timedelta(number)}" / f"{name}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, file, compression="zstd")
        written += file.stat().st_size
    downloads = sum(count for *_, count in real) / len(real)
    print(f"{downloads:,.0f} downloads a day and project: {written / len(wanted):,.0f} bytes, {len(wanted):,} files")
    if repeat:
        size = f"{written / 1e6:,.0f} MB of files, {_packed(folder) / 1e6:,.0f} MB in git"
        print(f"{PROJECTS} projects, {DAYS:,} days: {size}")


def _varied(connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> pa.Table:  # noqa: ARG001 - DuckDB finds `rows`
    return connection.execute(
        "SELECT * REPLACE (log_rows + luck % 3 AS log_rows) FROM rows WHERE luck % 20 > 0"
    ).to_arrow_table()


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
