"""Computes every mart on another engine, and compares it cell by cell with DuckDB's: `python -m tests.harness.parity`.

Integers, texts, days and truth values have to be equal, ratios to one part in a thousand million. It exits with 1 where
a cell differs.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

import duckdb
from sqlmesh import Context

from pipelines.demo import write_demo
from pipelines.exports import DATABASE, EXPORTS
from pipelines.transform.engines.elsewhere import PACKAGES
from pipelines.transform.fingerprint import MODELS_FOLDER
from tests.support.few_models import write_few
from tests.support.installation import ROOT, Installation

TOLERANCE = 1e-9
"""Of the larger of two ratios: engines add fractions in different orders."""
START_SECONDS = 120
SHOWN = 5
"""Differing cells that are printed of a mart."""


@dataclass(frozen=True)
class Compared:
    """A mart, its rows and cells, and what differs: one text for each column that does, or for the mart's shape."""

    mart: str
    rows: int
    cells: int
    differences: list[str]


def compare(one: Path, other: Path) -> Iterator[Compared]:
    """Compare the marts in two folders of exports."""
    with duckdb.connect() as connection:
        for name, folder in (("one", one), ("other", other)):
            connection.execute(f"ATTACH '{folder / DATABASE}' AS {name} (READ_ONLY)")
        shapes = [_shapes(connection, name) for name in ("one", "other")]
        for mart in sorted(shapes[0].keys() | shapes[1].keys()):
            first, second = (shape.get(mart, ({}, 0)) for shape in shapes)
            if first != second:
                yield Compared(mart, first[1], 0, [f"columns or rows: {first} and {second}"])
            else:
                columns, rows = first
                yield Compared(mart, rows, rows * len(columns), list(_differences(connection, mart, columns)))


def _shapes(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, tuple[dict[str, str], int]]:
    """The types of the columns and the number of rows of each mart."""
    shapes: dict[str, tuple[dict[str, str], int]] = {}
    for mart, column, kind in connection.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = ? AND "
        "schema_name = 'marts' ORDER BY table_name, column_index",
        [database],
    ).fetchall():
        if mart not in shapes:
            count = connection.execute(f'SELECT COUNT(*) FROM {database}.marts."{mart}"').fetchone()
            shapes[mart] = ({}, count[0] if count else 0)
        shapes[mart][0][column] = kind
    return shapes


def _differences(connection: duckdb.DuckDBPyConnection, mart: str, columns: dict[str, str]) -> Iterator[str]:
    # Ratios may differ a little, so they do not order the rows; the grain, which is among the others, does.
    order = ", ".join(f'"{name}"' for name, kind in columns.items() if kind != "DOUBLE")
    sides = []
    for side in ("one", "other"):
        selected = ", ".join(f'"{name}" AS {side}{n}' for n, name in enumerate(columns))
        sides.append(f'(SELECT {selected} FROM {side}.marts."{mart}" ORDER BY {order})')
    connection.execute(f"CREATE OR REPLACE TEMP TABLE pair AS FROM {' POSITIONAL JOIN '.join(sides)}")
    for n, (name, kind) in enumerate(columns.items()):
        one, other = f"one{n}", f"other{n}"
        same = f"{one} IS NOT DISTINCT FROM {other}"
        if kind == "DOUBLE":
            near = f"ABS({one} - {other}) <= {TOLERANCE} * GREATEST(ABS({one}), ABS({other}))"
            same = f"COALESCE({near}, {same})"
        found = connection.execute(f"SELECT {one}, {other} FROM pair WHERE NOT ({same})").fetchall()
        if found:
            shown = ", ".join(f"{a} and {b}" for a, b in found[:SHOWN])
            yield f"{name}: {len(found)} cells, such as {shown}"


def report(compared: Iterator[Compared]) -> bool:
    """Print what was compared; return whether all cells are equal."""
    marts = list(compared)
    for mart in marts:
        for difference in mart.differences:
            print(f"{mart.mart}.{difference}")
    wrong = sum(bool(mart.differences) for mart in marts)
    print(f"{len(marts)} marts, {sum(m.rows for m in marts):,} rows, {sum(m.cells for m in marts):,} cells: ", end="")
    print(f"{wrong} marts differ." if wrong else "all are equal.")
    return not wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", action="store_true", help="Only the marts of few models.")
    parser.add_argument("--workers", type=int, default=0, help="Start a cluster of so many workers on this machine.")
    parser.add_argument("--spark", type=json.loads, default={}, help="Spark's settings, as JSON.")
    options = parser.parse_args()
    with TemporaryDirectory() as temporary, cluster(Path(temporary, "cluster"), options.workers) as address:
        folder = Path(temporary)
        write_demo(folder / "demo")
        lake = {
            "DESTINATIONS": '["warehouse", "lake"]',
            "DESTINATION__LAKE__DESTINATION_TYPE": "filesystem",
            "DESTINATION__LAKE__BUCKET_URL": str(folder / "lake"),
        }
        own = Installation.of_demo(folder / "own", folder / "demo")
        if options.few:
            own.models = folder / "models"
            os.environ["WAREHOUSE"] = ":memory:"
            write_few(Context(paths=[str(MODELS_FOLDER)]), own.models)
        _run(own, "DuckDB", lake)
        other = own.copy(folder / "other")
        spark = {"spark.master": address} | options.spark if address else options.spark
        _run(other, "Spark", lake | {"TRANSFORM__ENGINE": "spark", "TRANSFORM__SPARK": json.dumps(spark)})
        equal = report(compare(own.folder / EXPORTS, other.folder / EXPORTS))
    sys.exit(not equal)


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[str | None]:
    """A master of Spark and its workers on this machine, from pyspark's package; yields the address of the master."""
    if not workers:
        yield None
        return
    home = next(ROOT.glob(PACKAGES)) / "pyspark"
    address, pages = free_address(), free_address()
    master = ["master.Master", "--host", address[0], "--port", str(address[1]), "--webui-port", str(pages[1])]
    url = f"spark://{address[0]}:{address[1]}"
    worker = ["worker.Worker", url, "--host", address[0], "--cores", "1", "--memory", "1g", "--work-dir", str(folder)]
    running = []
    try:
        for arguments in [master, *[worker] * workers]:
            command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{arguments[0]}", *arguments[1:]]
            # Its pages listen on this machine alone, too.
            environment = os.environ | {"SPARK_LOCAL_IP": address[0]}
            running.append(
                subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )
        deadline = time.monotonic() + START_SECONDS
        while alive_workers(pages) < workers:
            if time.monotonic() > deadline:
                sys.exit(f"Not all workers have started in {START_SECONDS} s.")
            time.sleep(0.2)
        yield url
    finally:
        for process in running:
            process.kill()
            process.wait()


def free_address() -> tuple[str, int]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        host, port = found.getsockname()
    return host, port


def alive_workers(pages: tuple[str, int]) -> int:
    """The workers that the master knows; 0 while it does not answer."""
    try:
        with urlopen(f"http://{pages[0]}:{pages[1]}/json/") as answer:
            return int(json.load(answer)["aliveworkers"])
    except (OSError, ValueError):
        return 0


def _run(project: Installation, engine: str, environment: dict[str, str]) -> None:
    start = time.perf_counter()
    done = project.cli("run", "--no-site", **environment)
    if done.returncode:
        sys.exit(f"{engine} failed:\n{done.stderr}")
    print(f"{engine}: {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
