"""Marts for other readers: one Parquet file each, and one DuckDB file for the site."""

import csv
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from pipelines.choices import Format
from pipelines.exports import Export
from pipelines.exports.files import write_marts
from pipelines.exports.places import LocalFolder
from tests.harness.forks import beside
from tests.support.installation import Installation

ODD = [
    (date(2026, 7, 1), 'a "quoted", text\nof two lines', True, 2**53 + 1, 0.5),
    (date(2026, 7, 2), "übergröße 日本", False, -1, None),
    (date(2026, 7, 3), None, None, 0, 1e-10),
]


def test_exports_equal_the_marts(demo_project: Installation, demo_export: Export) -> None:
    """Each mart is in the DuckDB file and in a Parquet file, with all its rows."""
    with duckdb.connect(demo_export.database, read_only=True) as connection:
        for name, rows in demo_project.marts().items():
            assert rows == connection.execute(f"FROM marts.{name} ORDER BY ALL").fetchall()
            assert rows == connection.execute(f"FROM '{demo_export.folder / name}.parquet' ORDER BY ALL").fetchall()


def test_database_holds_tables_in_a_format_that_the_browser_reads(exported_marts: Path) -> None:
    """The site's engine is DuckDB 1.4, and views would name the database they were made in."""
    with duckdb.connect(exported_marts, read_only=True) as connection:
        assert connection.execute("SELECT DISTINCT table_type FROM information_schema.tables").fetchall() == [
            ("BASE TABLE",)
        ]
        tags = connection.execute("SELECT tags FROM duckdb_databases() WHERE NOT internal").fetchone()
    assert tags is not None
    assert "v1.4" in str(tags[0])


def test_marts_of_an_attached_warehouse_are_found_under_its_name(demo_project: Installation) -> None:
    """Their views name the warehouse, so that is the name to attach it by, as README says."""
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{demo_project.file}' AS warehouse (READ_ONLY)")
        rows = connection.execute("FROM warehouse.marts.downloads_weekly ORDER BY ALL").fetchall()

    assert demo_project.query("FROM marts.downloads_weekly ORDER BY ALL") == rows


def test_unchanged_marts_are_not_written_again(demo_project: Installation, demo_export: Export) -> None:
    """A second export leaves the files alone and says so."""
    before = demo_export.database.stat().st_mtime_ns

    again = demo_project.export()

    assert not again.changed
    assert before == again.database.stat().st_mtime_ns


@pytest.fixture
def exported(project: Installation) -> Installation:
    """A project whose only mart, exported by hand, has values that formats are known to spoil."""
    (project.folder / "exports").mkdir(parents=True)
    with duckdb.connect(project.folder / "exports" / "pypi.duckdb") as connection:
        connection.execute("CREATE SCHEMA marts")
        connection.execute("CREATE TABLE marts.odd (day DATE, text TEXT, whole BOOLEAN, number BIGINT, share DOUBLE)")
        connection.executemany("INSERT INTO marts.odd VALUES (?, ?, ?, ?, ?)", ODD)
    return project


def read_csv(file: Path) -> list[tuple[object, ...]]:
    header, *lines = csv.reader(file.open(newline=""))
    assert header == ["day", "text", "whole", "number", "share"]
    return [
        (date.fromisoformat(day), text or None, json.loads(whole or "null"), int(number), float(share or "nan"))
        for day, text, whole, number, share in lines
    ]


def read_json(file: Path) -> list[tuple[object, ...]]:
    rows = json.loads(file.read_text())
    return [(date.fromisoformat(row["day"]), *list(row.values())[1:]) for row in rows]


def read_jsonl(file: Path) -> list[tuple[object, ...]]:
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    return [(date.fromisoformat(row["day"]), *list(row.values())[1:]) for row in rows]


def read_parquet(file: Path) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in pq.read_table(file).to_pylist()]


@pytest.mark.parametrize("reader", [read_csv, read_json, read_jsonl, read_parquet])
def test_each_format_keeps_each_value(
    exported: Installation, tmp_path: Path, reader: Callable[[Path], list[tuple[object, ...]]]
) -> None:
    """Dates are ISO, text has its quotes, line ends and scripts, a NULL is none, as readers of other makers see it."""
    kind = reader.__name__.removeprefix("read_")

    done = exported.cli("export", "--format", kind, "--to", str(tmp_path / "out"))

    assert done.returncode == 0, done.stderr
    assert [f"odd.{kind}"] == [path.name for path in (tmp_path / "out").iterdir()]
    assert str(ODD) == str(reader(tmp_path / "out" / f"odd.{kind}")).replace("nan", "None")


def test_null_and_empty_text_differ_in_csv(exported: Installation) -> None:
    """An empty text has quotes, a NULL has nothing."""
    with duckdb.connect(exported.folder / "exports" / "pypi.duckdb") as connection:
        connection.execute("CREATE OR REPLACE TABLE marts.odd AS SELECT '' AS empty, NULL::TEXT AS none, 1 AS number")

    exported.cli("export", "--format", "csv")

    assert '"empty","none",number\n"",,1\n' == (exported.folder / "marts" / "odd.csv").read_text()


@pytest.mark.parametrize("text", ['=HYPERLINK("http://example.org")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"])  # noqa: RUF001
def test_no_text_of_a_stranger_is_a_formula_in_csv(exported: Installation, text: str) -> None:
    """A spreadsheet shows the text after the apostrophe, and runs nothing; `--exact` writes the text as it is."""
    with duckdb.connect(exported.folder / "exports" / "pypi.duckdb") as connection:
        connection.execute("CREATE OR REPLACE TABLE marts.odd (version TEXT, number BIGINT)")
        connection.executemany("INSERT INTO marts.odd VALUES (?, ?)", [("3.10", -1), (text, 2), (None, 3)])
    file = exported.folder / "marts" / "odd.csv"

    exported.cli("export", "--format", "csv")
    neutral = file.read_bytes().decode()
    exported.cli("export", "--format", "csv", "--exact")
    exact = file.read_bytes().decode()

    quoted = text.replace('"', '""')
    assert f'"\'{quoted}",2\n' in neutral
    assert f'"{quoted}",2\n' in exact
    assert all('"3.10",-1\n' in written and "\n,3\n" in written for written in (neutral, exact))


@pytest.mark.usefixtures("demo_export")
@pytest.mark.parametrize("kind", ["parquet", "csv", "json", "jsonl"])
def test_all_marts_are_exported_beside_a_busy_warehouse(demo_project: Installation, tmp_path: Path, kind: str) -> None:
    """Whoever holds the warehouse: what the last run has exported is read, all rows of each mart in their order."""
    with beside(duckdb.connect, str(demo_project.file)):
        done = demo_project.cli("export", "--format", kind, "--to", str(tmp_path))

    assert done.returncode == 0, done.stderr
    marts = demo_project.marts()
    assert {f"{name}.{kind}" for name in marts} == {path.name for path in tmp_path.iterdir()}
    for name, rows in marts.items():
        assert [(len(rows),)] == duckdb.sql(f"SELECT COUNT(*) FROM '{tmp_path / name}.{kind}'").fetchall()


@pytest.mark.usefixtures("demo_export")
def test_marts_are_exported_by_name(demo_project: Installation, tmp_path: Path) -> None:
    """Only those that are named, and over the files of an earlier export."""
    (tmp_path / "load_status.csv").write_text("old")

    done = demo_project.cli("export", "load_status", "project_summary", "--format", "csv", "--to", str(tmp_path))

    assert done.returncode == 0, done.stderr
    assert ["load_status.csv", "project_summary.csv"] == sorted(path.name for path in tmp_path.iterdir())
    header = "first_day,last_day,last_whole_week,projects,is_demo"
    assert [header, "2026-04-02,2026-06-30,2026-06-22,4,true"] == (tmp_path / "load_status.csv").read_text().split()


def test_without_a_folder_it_is_beside_the_warehouse(exported: Installation) -> None:
    """And apart from the exports of the runs, which replace their folder."""
    done = exported.cli("export")

    assert f"{exported.folder / 'marts'}: odd\n" == done.stdout
    assert ["odd.parquet"] == [path.name for path in (exported.folder / "marts").iterdir()]


@pytest.mark.parametrize("below", ["", "mine"])
def test_folder_that_runs_replace_is_refused(exported: Installation, below: str) -> None:
    """What a person puts there would be gone with the next run."""
    done = exported.cli("export", "--to", str(exported.folder / "exports" / below))

    assert done.returncode == 1
    assert "Each run replaces " in done.stderr
    assert ["pypi.duckdb"] == [path.name for path in (exported.folder / "exports").iterdir()]


def test_unknown_mart_is_named_with_those_that_there_are(exported: Installation) -> None:
    """And nothing is written, not even the marts that are known."""
    done = exported.cli("export", "odd", 'a"; DROP TABLE b')

    assert done.returncode == 1
    assert "There is no mart 'a\"; DROP TABLE b'." in done.stderr
    assert "The marts are odd." in done.stderr
    assert not (exported.folder / "marts").exists()


def test_before_the_first_run_there_is_nothing_to_export(project: Installation) -> None:
    """It says so, and makes nothing."""
    done = project.cli("export")

    assert done.returncode == 1
    assert "There are no exported marts" in done.stderr
    assert "just run" in done.stderr
    assert not project.folder.exists()


def test_mart_that_fails_leaves_no_file_of_any(exported: Installation, tmp_path: Path) -> None:
    """Files are put into their place once all are written."""
    with duckdb.connect(exported.folder / "exports" / "pypi.duckdb") as connection:
        connection.execute("CREATE VIEW marts.z AS SELECT ERROR('broken')")

    with exported.warehouse() as warehouse, pytest.raises(duckdb.Error, match="broken"):
        write_marts(warehouse, [], Format.CSV, LocalFolder(tmp_path / "out"))

    assert not (tmp_path / "out").exists()


def test_file_that_cannot_be_placed_is_one_message(exported: Installation, tmp_path: Path) -> None:
    """It names the file, and leaves nothing half-written behind."""
    (tmp_path / "odd.parquet").mkdir()
    (tmp_path / "file").touch()

    taken = exported.cli("export", "--to", str(tmp_path))
    below = exported.cli("export", "--to", str(tmp_path / "file" / "below"))

    assert (taken.returncode, below.returncode) == (1, 1)
    assert f"{tmp_path / 'odd.parquet'} cannot be written" in taken.stderr
    assert f"{tmp_path / 'file' / 'below' / 'odd.parquet'} cannot be written" in below.stderr
    assert [path for path in tmp_path.iterdir() if path.suffix == ".part"] == []
