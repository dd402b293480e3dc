"""The marts of a day of real counts, from ClickHouse's copy and from the rows."""

from pathlib import Path

import pytest
from sqlmesh import Context

from tests.servers.clickhouse import ClickHouse
from tests.support.installation import Installation
from tests.support.models import Models
from tests.transform.test_real_counts import DIMENSIONS, JULY, as_list, counted, published

DAY = {"START_DATE": "2026-07-01", "END_DATE": "2026-07-02", "PROJECTS": as_list(JULY)}
COPIED = sorted(DIMENSIONS.keys() - {"manylinux"})
"""The dimensions that the copy has: it has no CPU."""
LENSES = "FROM marts.downloads_daily ORDER BY ALL"


def compute(project: Installation, context: Context) -> Models:
    project.load()
    models = Models(context, warehouse=project.file)
    with models.reading():
        models.compute()
    return models


@pytest.fixture(scope="module")
def rows(real_data: Path, context: Context, tmp_path_factory: pytest.TempPathFactory) -> Models:
    """The marts of six projects and a day, loaded from the rows."""
    settings = {**DAY, "PARQUET_PATH": str(real_data / "file_downloads"), "GRAIN": "day"}
    return compute(Installation(tmp_path_factory.mktemp("rows") / "data", settings), context)


@pytest.fixture(scope="module")
def copy(
    real_data: Path, running_clickhouse: ClickHouse, context: Context, tmp_path_factory: pytest.TempPathFactory
) -> Models:
    """The same, loaded from the copy, with its limits."""
    running_clickhouse.faults()
    running_clickhouse.limit()
    running_clickhouse.fill(real_data / "file_downloads" / "2026-07-01.parquet")
    return compute(
        Installation(tmp_path_factory.mktemp("copy") / "data", {**DAY, **running_clickhouse.settings}), context
    )


@pytest.mark.parametrize("dimension", COPIED)
def test_copy_gives_the_marts_of_the_rows(rows: Models, copy: Models, real_data: Path, dimension: str) -> None:
    """Each count by a dimension that the copy has is that of the rows, and each published one is among them."""
    found = counted(copy, dimension)

    assert counted(rows, dimension) == found
    expected = {
        key: count for key, count in published(real_data, JULY, dimension).items() if str(key[0]) == "2026-07-01"
    }
    assert expected
    assert expected == {key: found.get(key) for key in expected}


def test_copy_gives_all_lenses_of_the_rows(rows: Models, copy: Models) -> None:
    """The downloads of each day are the same in all four lenses."""
    assert rows.rows(LENSES) == copy.rows(LENSES)
