"""What a first run takes on an engine, for so many downloads: `python -m tests.harness.scale --millions 10`.

Each million is the year's quarter of one more package: downloads like those of the demo's largest, generated, with
other countries and times. A run is a process of its own, as a user starts it, without the site; its memory is the most
that it and its children held together (resident, looked up five times a second).
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from pipelines.demo import write_demo
from tests.support.installation import ROOT, Installation

MILLION = 1_000_000
COUNTRIES = ("US", "CN", "DE", "IN", "GB", "FR", "JP", "BR", "CA", "NL", "KR", "SG", "AU", "IT", "ES", "SE")
STEPS = re.compile(r"✓ (?P<step>[^:]+):.*\((?P<seconds>[0-9.]+) s\)")
_MIB = 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=int, default=1)
    parser.add_argument("--grain", choices=("row", "day"), default="row")
    parser.add_argument("--engine", choices=("warehouse", "spark"), default="warehouse")
    parser.add_argument("--memory-limit", help="Of DuckDB, for the models, such as 2GB.")
    parser.add_argument("--folder", type=Path, help="Where files and warehouse are made; they are removed.")
    options = parser.parse_args()
    with TemporaryDirectory(dir=options.folder) as temporary:
        folder = Path(temporary)
        projects = generate(folder / "log", options.millions)
        project = Installation(folder / "data").reading(folder / "log", *projects, START_DATE="2026-04-02")
        environment = {"TRANSFORM__ENGINE": options.engine}
        if options.memory_limit:
            environment["TRANSFORM__MEMORY_LIMIT"] = options.memory_limit
        if options.engine == "spark":
            environment |= {
                "DESTINATIONS": '["warehouse", "lake"]',
                "DESTINATION__LAKE__DESTINATION_TYPE": "filesystem",
                "DESTINATION__LAKE__BUCKET_URL": str(folder / "lake"),
            }
        result = measure(project.with_settings(GRAIN=options.grain), environment)
    print(json.dumps({"millions": options.millions, "grain": options.grain, "engine": options.engine} | result))


def generate(folder: Path, millions: int) -> list[str]:
    """Write a file for each package; return their names."""
    demo = folder.parent / "demo"
    write_demo(demo)
    folder.mkdir()
    names = [f"package-{number}" for number in range(1, millions + 1)]
    countries = ", ".join(f"'{code}'" for code in COUNTRIES)
    with duckdb.connect(config={"memory_limit": "1GB", "preserve_insertion_order": False}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            "CREATE TABLE downloads AS SELECT row_number() OVER () AS number, log.* "
            f"FROM '{demo}/*.parquet' AS log WHERE project = 'saltmarsh' AND file.project = 'saltmarsh'"
        )
        [(rows,)] = connection.execute("SELECT COUNT(*) FROM downloads").fetchall()
        for name in names:
            draw = f"HASH(number, copy, '{name}')"
            connection.execute(
                f"COPY (SELECT * EXCLUDE (number, copy) REPLACE ("
                f"DATE_TRUNC('day', timestamp) + TO_MICROSECONDS(({draw} % 86400000000)::BIGINT) AS timestamp, "
                f"([{countries}])[1 + ({draw} % {len(COUNTRIES)})::BIGINT] AS country_code, "
                f"'{name}' AS project, STRUCT_UPDATE(file, project := '{name}') AS file) "
                f"FROM downloads, (SELECT UNNEST(RANGE({MILLION // rows + 1})) AS copy) LIMIT {MILLION}) "
                f"TO '{folder / name}.parquet' (FORMAT parquet, COMPRESSION zstd)"
            )
    return names


def measure(project: Installation, environment: dict[str, str]) -> dict[str, object]:
    """The seconds of each step of a run, its CPU seconds, its memory and the size of what it has made."""
    started = time.perf_counter()
    run = subprocess.Popen(
        [sys.executable, "-m", "pipelines", "run", "--no-site"],
        cwd=ROOT,
        env=os.environ | project.environment | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    peak = 0
    while run.poll() is None:
        peak = max(peak, sum(resident(process) for process in family(run.pid)))
        time.sleep(0.2)
    assert run.stdout
    output = run.stdout.read()
    if run.returncode:
        sys.exit(output)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": {found["step"]: float(found["seconds"]) for found in STEPS.finditer(output)},
        "wall_seconds": round(time.perf_counter() - started, 1),
        # A JVM that its parent has left counts in no process's children.
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "memory_mib": peak // _MIB,
        "warehouse_mib": project.file.stat().st_size // _MIB,
    }


def family(pid: int) -> Iterator[int]:
    """The process and all that come from it."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found = children.read_text().split()
        except OSError:
            continue
        for child in found:
            yield from family(int(child))


def resident(pid: int) -> int:
    """Bytes of the process in memory; 0 where it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


if __name__ == "__main__":
    main()
