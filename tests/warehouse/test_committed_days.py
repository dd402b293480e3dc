"""`raw.committed_days`: what models know of loads is the latest committed load of each day, and no other."""

from datetime import date
from pathlib import Path

import duckdb
import pytest
from sqlmesh import Context

from tests.support.installation import Installation
from tests.support.models import Models
from tests.support.rows import download, write

DAYS = [date(2026, 7, 1), date(2026, 7, 2)]
LATER = "9999999999.9"
COMMITTED = "SELECT day, accepted, origin FROM raw.committed_days ORDER BY day"


@pytest.fixture
def project(tmp_path: Path) -> Installation:
    """Two loaded days, the last of which a later load has loaded again, as far as its jobs came."""
    file = write(tmp_path / "rows.parquet", [download(day) for day in DAYS])
    project = Installation(tmp_path / "data").reading(file, "one")
    project.load()
    with duckdb.connect(project.file) as connection:
        connection.execute("INSERT INTO raw.loaded_days VALUES ('one', ?, 9, 0, 'demo', 'row', ?)", [DAYS[1], LATER])
    return project


def commit(project: Installation, status: int) -> None:
    """Write the row of the later load that dlt writes when a load is complete."""
    with duckdb.connect(project.file) as connection:
        connection.execute(
            "INSERT INTO raw._dlt_loads SELECT * REPLACE (? AS load_id, ? AS status) FROM raw._dlt_loads",
            [LATER, status],
        )


def is_demo(project: Installation, context: Context, folder: Path) -> bool:
    """What the models that `marts.load_status` follows from make of the loads."""
    models = Models(context, folder / "memory.duckdb", warehouse=project.file)
    with models.reading():
        models.compute(models.upstream("marts.load_status"))
        [(demo,)] = models.rows("SELECT is_demo FROM marts.load_status")
    return bool(demo)


@pytest.mark.parametrize("status", [None, 1], ids=["unknown", "not complete"])
def test_load_that_is_not_committed_decides_nothing(
    project: Installation, context: Context, tmp_path: Path, status: int | None
) -> None:
    """Neither its counts nor its origin are those of the day, though its job has committed them."""
    if status is not None:
        commit(project, status)

    assert [(day, 1, "parquet") for day in DAYS] == project.query(COMMITTED)
    assert not is_demo(project, context, tmp_path)


def test_latest_committed_load_of_a_day_counts(project: Installation, context: Context, tmp_path: Path) -> None:
    """A day that was loaded again has the counts and the origin of the later load."""
    commit(project, 0)

    assert [(DAYS[0], 1, "parquet"), (DAYS[1], 9, "demo")] == project.query(COMMITTED)
    assert is_demo(project, context, tmp_path)
