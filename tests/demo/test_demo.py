"""The demo data has the form and the features of the real log."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename
from packaging.version import Version
from pydantic import ValidationError

from pipelines import demo as demo_module
from pipelines.demo import BROKEN_ROWS, END, FIRST_DAY, MISSING_DAY, PROJECTS, RECOGNISED, write_demo
from pipelines.demo.world import DEMO_VERSION, PACKAGES
from pipelines.pypi.contract import FileDownload
from pipelines.pypi.settings import resolve_settings
from pipelines.pypi.upstreams.parquet import DEMO_MARK
from tests.support.installation import Installation

# `bigquery-public-data.pypi.file_downloads`, as https://docs.pypi.org/api/bigquery/ has it.
NAMED = pa.struct({"name": pa.string(), "version": pa.string()})
LIBC = pa.struct({"lib": pa.string(), "version": pa.string()})
DETAILS = {
    "installer": NAMED,
    "python": pa.string(),
    "implementation": NAMED,
    "distro": pa.struct({"name": pa.string(), "version": pa.string(), "id": pa.string(), "libc": LIBC}),
    "system": pa.struct({"name": pa.string(), "release": pa.string()}),
    "cpu": pa.string(),
    "openssl_version": pa.string(),
    "setuptools_version": pa.string(),
    "rustc_version": pa.string(),
    "ci": pa.bool_(),
}
BIGQUERY_SCHEMA = pa.schema(
    [
        pa.field("timestamp", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("country_code", pa.string()),
        pa.field("url", pa.string()),
        pa.field("project", pa.string()),
        pa.field("file", pa.struct(dict.fromkeys(("filename", "project", "version", "type"), pa.string()))),
        pa.field("details", pa.struct(DETAILS)),
        pa.field("tls_protocol", pa.string()),
        pa.field("tls_cipher", pa.string()),
    ]
)
# What the user agents always tell, and what they sometimes tell, besides the installer.
ALWAYS = {
    "pip": {"python", "implementation", "system", "cpu", "openssl_version"},
    "uv": {"python", "implementation", "system", "cpu"},
    "poetry": {"implementation", "system"},
    "pdm": {"implementation"},
    "setuptools": {"python"},
    "Homebrew": {"distro"},
}
SOMETIMES = {"pip": {"distro", "setuptools_version", "rustc_version", "ci"}, "uv": {"distro", "ci"}}
MIRRORS = {"bandersnatch", "Nexus", "Artifactory", "devpi"}
INSTALLERS = {*ALWAYS, *MIRRORS, "conda", "Bazel", "requests", "Browser", "OS"}
RELEASES = {
    ("saltmarsh", "2.0.0rc1"): date(2026, 4, 28),
    ("saltmarsh", "2.0.0"): date(2026, 5, 26),
    ("copper-kettle", "0.11.0"): date(2026, 4, 20),
    ("lanternfish", "2026.5"): date(2026, 5, 5),
    ("lanternfish", "2026.6b2"): date(2026, 6, 9),
    ("thistledown", "3.10"): date(2026, 6, 2),
}


@pytest.fixture(scope="module")
def log(demo: Path) -> duckdb.DuckDBPyConnection:
    """The view `log`: all rows, with their UTC `day`."""
    connection = duckdb.connect()
    # By way of the epoch: where DuckDB has ICU, a cast to DATE follows the machine's time zone.
    rows = connection.read_parquet(f"{demo}/*.parquet")
    rows.project("*, CAST(make_timestamp(epoch_us(timestamp)) AS DATE) AS day").create_view("log")
    return connection


def rows(log: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = log.sql(query).to_arrow_table().to_pylist()
    return found


@pytest.mark.slow
def test_the_same_files_every_time(demo: Path, tmp_path: Path) -> None:
    """Writing again, also over another version, gives the same bytes and leaves nothing else behind."""
    (tmp_path / "demo-2026-05.parquet").write_bytes(b"of an earlier version")
    write_demo(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "demo-2026-04.parquet",
        "demo-2026-05.parquet",
        "demo-2026-06.parquet",
    ]
    for file in tmp_path.iterdir():
        assert (demo / file.name).read_bytes() == file.read_bytes()


def test_schema_is_that_of_bigquery(demo: Path) -> None:
    """Every file has the nested schema of the public table, in zstd row groups of 100,000 rows at most."""
    for file in demo.iterdir():
        footer = pq.read_metadata(file)
        assert pq.read_schema(file) == BIGQUERY_SCHEMA
        groups = [footer.row_group(index) for index in range(footer.num_row_groups)]
        assert all(group.num_rows <= 100_000 for group in groups)
        assert {group.column(0).compression for group in groups} == {"ZSTD"}


def test_every_file_says_that_it_is_made_up(demo: Path) -> None:
    """The mark is in the metadata of each file, so that no demo passes for the real log."""
    for file in demo.iterdir():
        assert pq.read_metadata(file).metadata[DEMO_MARK] == b"generated, not real"


def test_files_are_sorted_by_whole_seconds(demo: Path) -> None:
    """Rows are in the order of their timestamps, which are whole seconds."""
    for file in demo.iterdir():
        times = pq.read_table(file, columns=["timestamp"])["timestamp"].cast(pa.int64()).to_pylist()
        assert sorted(times) == times
        assert all(time % 1_000_000 == 0 for time in times)


def test_every_project_has_rows_on_every_day_but_the_missing_one(log: duckdb.DuckDBPyConnection) -> None:
    """The days are those from the first to the end, without the missing day, for each project."""
    days = {FIRST_DAY + timedelta(days=n) for n in range((END - FIRST_DAY).days)} - {MISSING_DAY}
    found = rows(log, "SELECT DISTINCT project, day FROM log")
    assert {(project, day) for project in PROJECTS for day in days} == {(row["project"], row["day"]) for row in found}


def test_projects_differ_in_size(log: duckdb.DuckDBPyConnection) -> None:
    """There are some 200,000 rows, over twenty times as many of the largest project as of the smallest."""
    sizes = rows(log, "SELECT project, COUNT(*) AS downloads FROM log GROUP BY ALL ORDER BY downloads DESC")
    assert list(PROJECTS) == [row["project"] for row in sizes]
    assert sum(row["downloads"] for row in sizes) == pytest.approx(200_000, rel=0.001)
    assert sizes[0]["downloads"] > 20 * sizes[-1]["downloads"]


def test_some_downloads_repeat_another(log: duckdb.DuckDBPyConnection) -> None:
    """About 3 % of the rows are exact copies of another."""
    [counts] = rows(
        log,
        "SELECT (SELECT COUNT(*) FROM log) AS rows, COUNT(*) AS different FROM (SELECT DISTINCT * FROM log)",
    )
    assert 1 - counts["different"] / counts["rows"] == pytest.approx(0.03, abs=0.003)


def test_few_rows_break_the_contract(log: duckdb.DuckDBPyConnection) -> None:
    """The stated number of rows fails the row model, one a day, each of a thousand or more on that day."""
    [row] = rows(log, "SELECT * EXCLUDE (day) FROM log ORDER BY timestamp LIMIT 1")
    broken = []
    # No rule of the contract spans two of these: their different values stand for all rows.
    for part in ("country_code", "project, url, file", "details", "tls_protocol, tls_cipher"):
        for found in rows(
            log,
            f"SELECT {part}, COUNT(*) AS n, MIN(project) AS of, MIN(day) AS day FROM log GROUP BY {part}",
        ):
            n, of, day = (found.pop(name) for name in ("n", "of", "day"))
            try:
                FileDownload.model_validate(row | found)
            except ValidationError:
                broken += [(of, day)] * n
    assert len(broken) == BROKEN_ROWS
    assert len(set(broken)) == BROKEN_ROWS
    for project, day in broken:
        [(downloads,)] = log.execute(
            "SELECT COUNT(*) FROM log WHERE project = ? AND day = ?", [project, day]
        ).fetchall()
        assert downloads > 1000


def test_weekends_are_lower(log: duckdb.DuckDBPyConnection) -> None:
    """A weekend day has about 35 % fewer downloads than a weekday, of every project."""
    for row in rows(
        log,
        """
        SELECT
            AVG(downloads) FILTER (isodow(day) IN (6, 7)) AS weekend,
            AVG(downloads) FILTER (isodow(day) NOT IN (6, 7)) AS weekday
        FROM (SELECT project, day, COUNT(*) AS downloads FROM log GROUP BY ALL) GROUP BY project
        """,
    ):
        assert row["weekend"] / row["weekday"] == pytest.approx(0.65, abs=0.05)


def test_nulls_follow_the_installer(log: duckdb.DuckDBPyConnection) -> None:
    """Each installer tells what Linehaul understands of its user agent, and nothing else."""
    seen = set()
    for row in rows(log, "SELECT DISTINCT details FROM log WHERE details.installer.name IS NOT NULL"):
        told = {part for part, value in row["details"].items() if value is not None} - {"installer"}
        name = row["details"]["installer"]["name"]
        always = ALWAYS.get(name, set())
        if name in INSTALLERS:  # else it is one that breaks the contract
            seen.add(name)
            assert always <= told <= always | SOMETIMES.get(name, set()), name
    assert seen == INSTALLERS


def test_some_user_agents_are_not_understood(log: duckdb.DuckDBPyConnection) -> None:
    """Some rows have no details, and urllib's have a Python without an installer."""
    [counts] = rows(
        log,
        """
        SELECT
            COUNT(*) FILTER (details IS NULL) AS no_details,
            COUNT(*) FILTER (details.installer IS NULL AND details.python IS NOT NULL) AS python_only
        FROM log
        """,
    )
    assert counts["no_details"] > 1000
    assert counts["python_only"] > 100


def test_ci_is_true_or_null(log: duckdb.DuckDBPyConnection) -> None:
    """`ci` is never FALSE, and TRUE in about 35 % of the rows of pip and of uv."""
    counts = rows(
        log,
        """
        SELECT
            details.installer.name AS installer, bool_and(details.ci) AS all_true,
            COUNT(details.ci) / COUNT(*) AS share
        FROM log GROUP BY ALL HAVING COUNT(details.ci) > 0 ORDER BY installer
        """,
    )
    assert [(row["installer"], row["all_true"]) for row in counts] == [("pip", True), ("uv", True)]
    for row in counts:
        assert row["share"] == pytest.approx(0.35, abs=0.03)


def test_releases_are_adopted_from_their_day_on(log: duckdb.DuckDBPyConnection) -> None:
    """No version is downloaded before its day, and old ones are to the end."""
    versions = rows(
        log,
        """
        SELECT project, file.version AS version, MIN(day) AS first_day, MAX(day) AS last_day
        FROM log WHERE file.version <> '' AND project = file.project GROUP BY ALL
        """,
    )
    first_days = {(row["project"], row["version"]): row["first_day"] for row in versions}
    for release, first_day in first_days.items():
        day = RELEASES.get(release)
        assert first_day == FIRST_DAY if day is None else day <= first_day <= day + timedelta(days=7)
    assert first_days.keys() >= RELEASES.keys()
    assert {row["last_day"] for row in versions} == {END - timedelta(days=1)}


def test_a_release_draws_a_rush(log: duckdb.DuckDBPyConnection) -> None:
    """On the day of 2.0.0 the largest project has over 1.6 times the downloads of a week before."""
    released = RELEASES["saltmarsh", "2.0.0"]
    [(usual,), (rush,)] = log.execute(
        "SELECT COUNT(*) FROM log WHERE project = ? AND day IN (?, ?) GROUP BY day ORDER BY day",
        ["saltmarsh", released - timedelta(days=7), released],
    ).fetchall()
    assert rush > 1.6 * usual


def test_a_release_takes_over(log: duckdb.DuckDBPyConnection) -> None:
    """Each final release of the window has most downloads of its project on the last day."""
    latest = rows(
        log,
        """
        SELECT project, mode(file.version) AS version FROM log
        WHERE day = (SELECT MAX(day) FROM log) GROUP BY ALL
        """,
    )
    assert {row["project"]: row["version"] for row in latest} == {
        "saltmarsh": "2.0.0",
        "copper-kettle": "0.11.0",
        "lanternfish": "2026.5",
        "thistledown": "3.10",
    }


def test_a_spike_comes_from_one_country(log: duckdb.DuckDBPyConnection) -> None:
    """On one day a project has over three times its usual downloads, and the country as many of what is more."""
    [project] = [package for package in PACKAGES if package.spike]
    assert project.spike
    counted = rows(
        log,
        f"""
        SELECT day, COUNT(*) AS downloads, COUNT(*) FILTER (country_code = '{project.spike.country}') AS of_country
        FROM log WHERE project = '{project.name}' AND day IN ('{project.spike.day}', DATE '{project.spike.day}' - 7)
        GROUP BY ALL ORDER BY day
        """,
    )
    usual, spike = counted
    more = spike["downloads"] - usual["downloads"]
    assert spike["downloads"] > 3 * usual["downloads"]
    assert spike["of_country"] - usual["of_country"] == pytest.approx(more, rel=0.1)


def test_old_pythons_die(log: duckdb.DuckDBPyConnection) -> None:
    """Of the downloads by pip, Python 3.9 has half as large a share in the last weeks as in the first ones."""
    first, last = rows(
        log,
        f"""
        SELECT day >= '2026-06-01' AS is_late, AVG(CAST(details.python LIKE '3.9.%' AS INT)) AS share
        FROM log WHERE details.installer.name = 'pip' AND (day < '{FIRST_DAY}'::DATE + 21 OR day >= '2026-06-01')
        GROUP BY ALL ORDER BY is_late
        """,
    )
    assert last["share"] < 0.65 * first["share"]


def test_a_client_is_recognised_from_a_day_on(log: duckdb.DuckDBPyConnection) -> None:
    """Before, its user agent was not understood."""
    client, day = RECOGNISED
    assert [{"day": day}] == rows(log, f"SELECT MIN(day) AS day FROM log WHERE details.installer.name = '{client}'")


def test_files_are_named_as_on_the_index(log: duckdb.DuckDBPyConnection) -> None:
    """A file has one url, which ends in its name; the name has the project's and the version in it."""
    files = rows(
        log,
        """
        SELECT DISTINCT project, url, file FROM log
        WHERE url LIKE '/%' AND file.filename IS NOT NULL AND file.version <> '' AND file.project = project
            AND file.type IN ('sdist', 'bdist_wheel')
        """,
    )
    assert len(files) == len({row["file"]["filename"] for row in files})
    for row in files:
        name, version = row["file"]["filename"], row["file"]["version"]
        assert row["url"].endswith(f"/{name}")
        if row["file"]["type"] == "sdist":
            assert (canonicalize_name(row["project"]), Version(version)) == parse_sdist_filename(name)
        else:
            assert (canonicalize_name(row["project"]), Version(version)) == parse_wheel_filename(name)[:2]


def test_one_project_has_no_wheels(log: duckdb.DuckDBPyConnection) -> None:
    """The smallest project is a source distribution only; the others are mostly wheels."""
    shares = rows(log, "SELECT project, AVG(CAST(file.type = 'sdist' AS INT)) AS sdist FROM log GROUP BY ALL")
    for row in shares:
        assert row["sdist"] == 1 if row["project"] == PROJECTS[-1] else row["sdist"] < 0.1


@pytest.mark.parametrize("damage", ["none", "missing", "cut", "earlier"])
def test_damaged_demo_is_generated_again(
    project: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    """Otherwise a month would be missing from it without a word."""
    monkeypatch.setattr(demo_module, "FOLDER", tmp_path)
    for month in ("2026-04", "2026-05", "2026-06"):
        version = b"1" if damage == "earlier" else DEMO_VERSION
        table = pa.table({"a": [1]}).replace_schema_metadata({b"version": version})
        pq.write_table(table, tmp_path / f"demo-{month}.parquet")
    if damage == "missing":
        (tmp_path / "demo-2026-05.parquet").unlink()
    if damage == "cut":
        (tmp_path / "demo-2026-05.parquet").write_bytes(b"PAR1")

    with project.reading(tmp_path, "one").warehouse():
        assert (damage != "none") == demo_module.awaits_demo(resolve_settings())
