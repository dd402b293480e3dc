"""Speed of SQLMesh's plan over real downloads, against the same SQL run by hand: a part of `just benchmark`.

By hand, DuckDB runs what the models render to, into a file, and nothing else: no audits, unit tests, state or versions.
"""

import json
import os
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from time import perf_counter

from sqlmesh import Context
from sqlmesh.core.console import NoopConsole, set_console

from tests.support.installation import ROOT, Installation
from tests.support.models import Models

FIRST, LAST = date(2026, 7, 1), date(2026, 7, 3)


def measure(source: Path, projects: Sequence[str], folder: Path) -> list[dict[str, str | int | float]]:
    """Seconds of a plan from nothing and of one day again, each by SQLMesh and by hand."""
    settings = {
        "PARQUET_PATH": str(source),
        "PROJECTS": json.dumps(projects),
        "START_DATE": str(FIRST),
        "LAG_DAYS": "1",
    }
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
    return [
        {
            "plan": plan,
            "rows": read,
            "sqlmesh_seconds": round(own, 2),
            "by_hand_seconds": round(hand, 2),
            "sqlmesh_over_by_hand": round(own / hand, 2),
        }
        for plan, read, own, hand in (
            ("from nothing", rows[0], planned, written),
            ("the last day again", rows[1], planned_day, written_day),
        )
    ]


def _context() -> Context:
    os.environ["WAREHOUSE"] = ":memory:"
    set_console(NoopConsole())
    return Context(paths=[str(ROOT / "sqlmesh")])


def _seconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started
