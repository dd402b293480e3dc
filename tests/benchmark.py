"""Speed and memory of a load, as ratios within one run: `just benchmark`. Machines differ; the ratios travel.

Speed is over the demo's rows. Memory is the peak of a process of its own that loads the demo's rows several times over,
once some and once ten times as many.
"""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import duckdb
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from pipelines.demo import END, FIRST_DAY, PROJECTS, write_demo
from pipelines.pypi.columns import LEAVES, nested
from pipelines.pypi.contract import FileDownload
from pipelines.pypi.upstreams.parquet import ParquetUpstream
from pipelines.pypi.validation import split
from pipelines.pypi.windows import Window

SAMPLE = 20_000
"""Rows that are validated one by one: all of them would take too long."""
COPIES = (2, 20)
"""How many times over the demo's rows are loaded to measure memory."""
_MIB = 2**20


def main() -> None:
    console = Console()
    with TemporaryDirectory() as folder:
        demo = Path(folder, "demo")
        write_demo(demo)
        console.print(_speed(demo))
        console.print(_memory(demo, Path(folder)))


def _speed(demo: Path) -> Table:
    upstream = ParquetUpstream(str(demo), "timestamp")
    batches = [batch for name in PROJECTS for batch in upstream.read(Window(name, FIRST_DAY, END))]
    rows = sum(batch.num_rows for batch in batches)
    sample = [nested(row) for row in batches[0].slice(0, SAMPLE).to_pylist()]
    seconds = {
        "DuckDB alone reads the Parquet files into a table": _seconds(lambda: _read_alone(demo)),
        "The source reads them": _seconds(lambda: [list(upstream.read(Window(p, FIRST_DAY, END))) for p in PROJECTS]),
        "The contract is checked, by distinct values": _seconds(lambda: [split(_numbered(b), "") for b in batches]),
        f"The contract is checked row by row (a sample of {len(sample):,} rows, scaled)": rows
        / len(sample)
        * _seconds(lambda: [_keeps(row) for row in sample]),
    }
    table = Table(title=f"Speed over {rows:,} rows")
    table.add_column("")
    table.add_column("seconds", justify="right")
    table.add_column("ratio", justify="right")
    baseline = next(iter(seconds.values()))
    for what, took in seconds.items():
        table.add_row(what, f"{took:.2f}", f"{took / baseline:.2f}")
    return table


def _memory(demo: Path, folder: Path) -> Table:
    table = Table(title="Peak memory of a load")
    for heading in ("rows", "MiB", "ratio"):
        table.add_column(heading, justify="right")
    baseline = 0.0
    for copies in COPIES:
        source = folder / f"{copies}.parquet"
        duckdb.sql(f"COPY (SELECT rows.* FROM '{demo}/*.parquet' AS rows, RANGE({copies})) TO '{source}'")
        settings = {
            "SOURCES__PYPI__PARQUET_PATH": str(source),
            "SOURCES__PYPI__UPSTREAM": "parquet",
            "DESTINATION__WAREHOUSE__CREDENTIALS": str(folder / f"load-{copies}" / "warehouse.duckdb"),
        }
        command = [sys.executable, "-m", "tests.benchmark", "load"]
        done = subprocess.run(command, env=os.environ | settings, check=True, capture_output=True, text=True)
        rows, kibibytes = map(int, done.stdout.split())
        baseline = baseline or kibibytes
        table.add_row(f"{rows:,}", f"{kibibytes * 1024 / _MIB:,.0f}", f"{kibibytes / baseline:.2f}")
    return table


def _load() -> None:
    """Load what the environment says; print the rows and this process's peak memory in KiB."""
    from pipelines.load import load
    from pipelines.pypi.settings import resolve_settings
    from pipelines.warehouse import open_warehouse

    report = load(resolve_settings(), open_warehouse(), datetime.now(UTC), lambda _window, _rows: None)
    print(report.accepted + report.quarantined, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _read_alone(demo: Path) -> None:
    fields = ", ".join(f"{'.'.join(leaf.path)} AS {leaf.column}" for leaf in LEAVES)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE file_downloads AS SELECT {fields} FROM '{demo}/*.parquet'")


def _numbered(batch: pa.Table) -> pa.Table:
    ordinals = pa.array(range(batch.num_rows), pa.int64())
    day: date = FIRST_DAY
    return batch.append_column("day", pa.repeat(pa.scalar(day), batch.num_rows)).append_column("ordinal", ordinals)


def _keeps(row: dict[str, object]) -> bool:
    try:
        FileDownload.model_validate(row)
    except ValueError:
        return False
    return True


def _seconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


if __name__ == "__main__":
    _load() if sys.argv[1:] == ["load"] else main()
