"""Marts for other readers: one Parquet file each, and one DuckDB file for the site."""

from pathlib import Path

import duckdb

from pipelines.export import Export
from tests.project import Project


def test_exports_equal_the_marts(demo_project: Project, demo_export: Export) -> None:
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


def test_unchanged_marts_are_not_written_again(demo_project: Project, demo_export: Export) -> None:
    """A second export leaves the files alone and says so."""
    before = demo_export.database.stat().st_mtime_ns

    again = demo_project.export()

    assert not again.changed
    assert before == again.database.stat().st_mtime_ns
