"""Speed of SQLMesh's plan over real downloads, against the same SQL run by hand: a part of `just benchmark`.

By hand, DuckDB runs what the models render to, into a file, and nothing else: no audits, unit tests, state or versions.
So it is also told what each model costs, and what each dimension adds to the aggregates that read rows.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from time import perf_counter, process_time

from sqlmesh import Context
from sqlmesh.core.console import NoopConsole, set_console

from pipelines.transform.plan import aggregates
from tests.support.installation import ROOT, Installation
from tests.support.models import Models

FIRST, LAST = date(2026, 7, 1), date(2026, 7, 3)
FIRST_OF_HISTORY = date(2026, 2, 22)

Result = dict[str, str | int | float]


def measure(source: Path, projects: Sequence[str], folder: Path) -> Iterator[tuple[str, list[Result]]]:
    """What is measured, by its title: a plan from nothing and of one day again, models, dimensions."""
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
        models = list(_models(by_hand, folder / "model.parquet"))
    dimensions = list(_dimensions(by_hand))

    # The last day is read again, as by each daily run.
    project.load()
    planned_day = _seconds(project.transform)
    with by_hand.reading():
        written_day = _seconds(lambda: by_hand.compute(day=LAST))
    yield (
        "Speed of the KPIs over real downloads",
        [
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
        ],
    )
    yield "Cost of each model, computed by hand", models
    yield "What a dimension adds to an aggregate", dimensions


def measure_history(source: Path, projects: Sequence[str], folder: Path) -> Iterator[tuple[str, list[Result]]]:
    """What each model costs over five months, by its title: some compare with weeks that three days do not have."""
    settings = {"PARQUET_PATH": str(source), "PROJECTS": json.dumps(projects), "START_DATE": str(FIRST_OF_HISTORY)}
    project = Installation(folder / "history", settings)
    project.load()
    by_hand = Models(_context(), project.folder / "memory.duckdb", warehouse=project.file)
    with by_hand.reading():
        by_hand.compute()
        yield "Cost of each model over five months, computed by hand", list(_models(by_hand, folder / "model.parquet"))


def _models(by_hand: Models, file: Path) -> Iterator[Result]:
    """The rows of each model that is a table, the CPU seconds to compute it again, and its bytes as Parquet."""
    for model in by_hand.of_kind(external=False):
        if model.kind.is_view or model.kind.is_seed:
            continue
        before = process_time()
        by_hand.compute([model.name])
        seconds = process_time() - before
        by_hand.connection.execute(f"COPY {model.name} TO '{file}' (COMPRESSION zstd)")
        rows = by_hand.rows(f"SELECT COUNT(*) FROM {model.name}")[0][0]
        yield {
            "model": model.name,
            "rows": rows,
            "cpu_seconds": round(seconds, 3),
            "parquet_bytes": file.stat().st_size,
        }


def _dimensions(by_hand: Models) -> Iterator[Result]:
    """How many rows an aggregate by day has, and would have without one of its dimensions."""
    for name in aggregates(by_hand.context):
        grain = [column.name for column in by_hand.context.get_model(name, raise_if_missing=True).grains[0].expressions]
        [(rows,)] = by_hand.rows(f"SELECT COUNT(*) FROM {name}")
        for dimension in grain[2:]:
            others = ", ".join(column for column in grain if column != dimension)
            [(without,)] = by_hand.rows(f"SELECT COUNT(*) FROM (SELECT DISTINCT {others} FROM {name})")
            yield {"aggregate": name, "dimension": dimension, "rows": rows, "rows_without": without}


def _context() -> Context:
    os.environ["WAREHOUSE"] = ":memory:"
    set_console(NoopConsole())
    return Context(paths=[str(ROOT / "sqlmesh")])


def _seconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started
