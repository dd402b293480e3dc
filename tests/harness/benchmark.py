"""Speed and memory of a load, as ratios within one run: `just benchmark`. Machines differ; the ratios travel.

Speed is over the demo's rows. Memory is the peak of a process that loads some rows, and of one that loads ten times as
many; each once into an empty warehouse, and once again in place of what is there. Where there are real downloads
(PYPI_REAL_DATA), it plans them, too; see `planning.py`.
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
SIZES = (500_000, 5_000_000)
"""Rows of the loads that are compared for memory: the demo's, several times over."""
FLAT = 1.15
"""What a load ten times longer may take at its peak, over the shorter one."""
_MIB = 2**20


def main() -> None:
    console = Console()
    with TemporaryDirectory() as folder:
        # A process's peak starts with its parent's: until the peaks are measured, this one must stay small.
        _run("write", folder)
        peaks = _peaks(Path(folder))
        # Before any SQL is generated: SQLMesh extends SQLGlot's dialects, and one that was used keeps its old self.
        from tests.harness.planning import find_real_data, measure

        console.print(_speed(Path(folder, "demo")))
        console.print(_memory(peaks))
        if source := find_real_data():
            console.print(measure(source, Path(folder)))
    if any(long > FLAT * short for short, long in peaks.values()):
        sys.exit(f"The peak of a load ten times longer is over {FLAT} times that of the shorter one.")


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


def _memory(peaks: dict[str, list[int]]) -> Table:
    table = Table(title="Peak memory of a load, in MiB")
    for heading in ("", *(f"{size:,} rows" for size in SIZES), "ratio"):
        table.add_column(heading, justify="right" if heading else "left")
    for what, (short, long) in peaks.items():
        table.add_row(what, f"{short:,}", f"{long:,}", f"{long / short:.2f}")
    return table


def _write(folder: Path) -> None:
    """The demo's files, and for each of `SIZES` a file of its rows, several times over."""
    write_demo(folder / "demo")
    for size in SIZES:
        rows = f"SELECT rows.* FROM '{folder}/demo/*.parquet' AS rows, RANGE({size}) LIMIT {size}"
        duckdb.sql(f"COPY ({rows}) TO '{folder}/{size}.parquet'")


def _peaks(folder: Path) -> dict[str, list[int]]:
    """MiB at the peak of each load of `SIZES`."""
    peaks: dict[str, list[int]] = {"into an empty warehouse": [], "in place of the same days": []}
    for size in SIZES:
        settings = {
            "SOURCES__PYPI__PARQUET_PATH": str(folder / f"{size}.parquet"),
            "SOURCES__PYPI__UPSTREAM": "parquet",
            "SOURCES__PYPI__LAG_DAYS": str((END - FIRST_DAY).days),
            "DESTINATION__WAREHOUSE__CREDENTIALS": str(folder / str(size) / "warehouse.duckdb"),
        }
        for measured in peaks.values():
            rows, kibibytes = map(int, _run("load", **settings).split())
            assert rows == size, f"{rows} rows were loaded, not {size}"
            measured.append(kibibytes * 1024 // _MIB)
    return peaks


def _load() -> None:
    """Load what the environment says; print the rows and this process's peak memory in KiB."""
    from pipelines.load import load
    from pipelines.load.plan import LoadRequest
    from pipelines.pypi.settings import resolve_settings
    from pipelines.warehouse import resolve_warehouse

    report = load(LoadRequest(resolve_settings(), resolve_warehouse(), datetime.now(UTC)))
    print(report.accepted + report.quarantined, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _run(*arguments: str, **environment: str) -> str:
    """What a part of this benchmark prints, run as a process of its own."""
    command = [sys.executable, "-m", "tests.harness.benchmark", *arguments]
    done = subprocess.run(command, env=os.environ | environment, check=True, capture_output=True, text=True)
    return done.stdout


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
    match sys.argv[1:]:
        case ["write", folder]:
            _write(Path(folder))
        case ["load"]:
            _load()
        case _:
            main()
