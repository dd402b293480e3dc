"""Speed of SQLMesh's plan over real downloads, against the same SQL run by hand: a part of `just benchmark`.

By hand, DuckDB runs what the models render to, into a file, and nothing else: no audits, unit tests, state or versions.
"""

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from time import perf_counter

from rich.table import Table
from sqlmesh import Context
from sqlmesh.core.console import NoopConsole, set_console

from tests.support.installation import ROOT, Installation
from tests.support.models import Models

LAST = date(2026, 7, 3)
PROJECTS = '["chdb", "marimo", "dbt-duckdb", "ibis-framework", "connectorx", "lancedb"]'


def find_real_data() -> Path | None:
    """The folder of real downloads that PYPI_REAL_DATA names, if it is there."""
    folder = Path(os.environ.get("PYPI_REAL_DATA", ROOT.parent / "shared" / "data")) / "file_downloads"
    return folder if folder.exists() else None


def measure(source: Path, folder: Path) -> Table:
    """Seconds of a plan from nothing, and of one day again, each by SQLMesh and by hand."""
    settings = {"PARQUET_PATH": str(source), "PROJECTS": PROJECTS, "START_DATE": "2026-07-01", "LAG_DAYS": "1"}
    project = Installation(folder / "data", settings)
    project.load()
    rows = project.query("SELECT COUNT(*), COUNT(*) FILTER (day = ?) FROM raw.file_downloads", LAST)[0]
    planned = _seconds(project.transform)
    by_hand = Models(_context(), folder / "memory.duckdb", warehouse=project.file)
    with by_hand.reading():
        written = _seconds(by_hand.compute)

    # The last day is read again, as by each daily run.
    project.load()
    planned_day = _seconds(project.transform)
    with by_hand.reading():
        written_day = _seconds(lambda: by_hand.compute(day=LAST))

    table = Table(title="Speed of the KPIs over real downloads")
    for heading in ("", "SQLMesh, seconds", "by hand, seconds", "ratio"):
        table.add_column(heading, justify="right" if heading else "left")
    for what, own, hand in (
        (f"From nothing, {rows[0]:,} rows", planned, written),
        (f"One day of them anew, {rows[1]:,} rows", planned_day, written_day),
    ):
        table.add_row(what, f"{own:.1f}", f"{hand:.2f}", f"{own / hand:.1f}")
    return table


def _context() -> Context:
    os.environ["WAREHOUSE"] = ":memory:"
    set_console(NoopConsole())
    return Context(paths=[str(ROOT / "sqlmesh")])


def _seconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started
