"""Releases are loaded as the index lists them, and what is known of them outlives an index that does not answer."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from pipelines import doctor
from pipelines import run as flow
from pipelines.load import releases
from pipelines.pypi.releases.contract import FILES_SCHEMA, REJECTED_SCHEMA
from tests.servers.simple_index import SimpleIndex, file
from tests.support.installation import NOW, ROOT, Installation, Row
from tests.support.rows import downloads, write

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
FILES = """
    SELECT project, filename, is_yanked FROM raw.release_files AS files SEMI JOIN raw.release_pages AS pages
    ON files.project = pages.project AND files._dlt_load_id = pages.load_id ORDER BY ALL
"""
BOTH = [("one", "one-1.0.tar.gz", False), ("two", "two-1.0.tar.gz", False)]


@pytest.fixture
def index() -> Iterator[SimpleIndex]:
    """Two projects with a file each."""
    with SimpleIndex() as server:
        server.add("one", file("one-1.0.tar.gz"))
        server.add("two", file("two-1.0.tar.gz"))
        yield server


@pytest.fixture
def small(project: Installation, index: SimpleIndex, tmp_path: Path) -> Installation:
    """A day of downloads of both, in a warehouse that asks the index."""
    source = write(tmp_path / "rows.parquet", downloads({"one": {1: 1}, "two": {1: 1}}))
    small = project.reading(source, "one", "two").with_settings(**index.settings)
    small.load()
    return small


def known(project: Installation, columns: str) -> list[Row]:
    return project.query(f"SELECT project, {columns} FROM raw.release_pages ORDER BY 1")


def doctor_says() -> tuple[doctor.Outcome, str]:
    finding = doctor._run_check("releases", doctor._releases)
    return finding.outcome, finding.found


def test_page_is_loaded_once_and_again_when_it_changes(small: Installation, index: SimpleIndex) -> None:
    """One request a project and run; a yanked file replaces its page, and the other project's stays."""
    assert {"one": 1, "two": 1} == small.load_releases().changed
    assert BOTH == small.query(FILES)
    [(_, first), *_] = known(small, "load_id")

    assert {} == small.load_releases(NOW + DAY).changed
    assert 4 == len(index.requests)
    assert [("one", NOW + DAY), ("two", NOW + DAY)] == known(small, "fetched_at")
    assert [first] * 2 == [load_id for _, load_id in known(small, "load_id")]

    index.add("one", file("one-1.0.tar.gz", yanked="It crashes"))
    assert {"one": 1} == small.load_releases(NOW + 2 * DAY).changed
    assert [("one", "one-1.0.tar.gz", True), BOTH[1]] == small.query(FILES)
    assert [(2,)] == small.query("SELECT COUNT(*) FROM raw.release_files")


def test_page_of_an_index_without_etags_is_loaded_once_too(small: Installation, index: SimpleIndex) -> None:
    """Some proxies drop them: its content shows that it is the same."""
    index.has_etags = False
    small.load_releases()
    [(_, first), *_] = known(small, "load_id")

    assert {} == small.load_releases(NOW + DAY).changed
    assert [("one", first, NOW + DAY), ("two", first, NOW + DAY)] == known(small, "load_id, fetched_at")


def test_files_that_failed_the_contract_are_in_quarantine(small: Installation, index: SimpleIndex) -> None:
    """They are counted, stay with the reason, and go when the page no longer has them."""
    index.add("one", file("one-1.0.tar.gz"), file("one-1.1.tar.gz", size=-1))

    assert 1 == small.load_releases().rejected
    [(project, reason, content)] = small.query("SELECT * EXCLUDE (_dlt_load_id) FROM raw.release_quarantine")
    assert "one" == project
    assert "size: Input should be greater than or equal to 0 (input -1)" == reason
    assert "one-1.1.tar.gz" in content
    done, document = small.cli("quarantine", "--project", "one"), small.cli("quarantine", "--json")
    assert "No row is in quarantine" in done.stdout
    assert "1 files of releases are in quarantine" in done.stdout
    assert "one: size: Input should be greater than or equal to 0, 1 files\n  (input -1)\n" in done.stdout
    [listed] = json.loads(document.stdout)["files"]
    assert ("one", content) == (listed["project"], listed["content"])
    assert "files of releases" not in small.cli("quarantine", "--project", "two").stdout
    index.add("one", file("one-1.0.tar.gz"))
    small.load_releases()
    assert [] == small.query("FROM raw.release_quarantine")


def test_outage_keeps_what_is_known_and_says_since_when(
    small: Installation, index: SimpleIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the first refusal nobody else is asked; the day of the first one stays until the index answers again.

    The doctor says when the index has last answered, and since when it does not.
    """
    for name, value in small.environment.items():
        monkeypatch.setenv(name, value)
    assert (doctor.Outcome.NOT_NEEDED, "no index has been asked yet: `just run` does") == doctor_says()
    small.load_releases()
    assert (doctor.Outcome.OK, f"2 projects, last answer {NOW:%Y-%m-%d %H:%M} UTC") == doctor_says()
    index.requests.clear()
    index.answer(503)

    failures = small.load_releases(NOW + DAY).failures
    assert [("one", NOW), ("two", NOW)] == [(page.project, page.fetched_at) for page in failures]
    assert 1 == len(index.requests)
    small.load_releases(NOW + 2 * DAY)
    assert [("one", NOW + DAY), ("two", NOW + DAY)] == known(small, "failed_since")
    answered, since = f"{NOW:%Y-%m-%d %H:%M} UTC", f"{NOW + DAY:%Y-%m-%d %H:%M} UTC"
    outcome, found = doctor_says()
    assert doctor.Outcome.OK == outcome
    assert f"2 projects, last answer {answered}, none since {since}: {index.url} " in found
    assert BOTH == small.query(FILES)

    index.answer()
    assert () == tuple(small.load_releases(NOW + 3 * DAY).failures)
    assert [("one", None, None), ("two", None, None)] == known(small, "failed_since, failure")


def test_unknown_project_and_unreadable_page_concern_no_other(small: Installation, index: SimpleIndex) -> None:
    """The others are loaded."""
    del index.pages["one"]

    report = small.load_releases()
    assert {"two": 1} == report.changed
    [failure] = report.failures
    assert "does not have one" in str(failure.failure)
    assert [("one", None, 0), ("two", NOW, 1)] == known(small, "fetched_at, files")


def test_quarantined_project_keeps_the_files_that_are_known(small: Installation, index: SimpleIndex) -> None:
    """PyPI shows no file of it, which says nothing of them; of another project, none are left."""
    small.load_releases()
    index.add("one", project_status={"status": "quarantined"})
    index.add("two")

    small.load_releases()

    assert [("one", "quarantined", 1), ("two", "active", 0)] == known(small, "status, files")
    assert BOTH[:1] == small.query(FILES)
    assert {} == small.load_releases().changed


def test_load_that_died_before_its_pages_does_not_count(
    small: Installation, index: SimpleIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither files of a run that died, nor a page that has lost its files, are taken for what the index has."""
    small.load_releases()
    index.add("one", file("one-1.0.tar.gz"), file("one-1.1.tar.gz"))
    with monkeypatch.context() as patch:
        patch.setattr(releases, "write_release_pages", lambda *_arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            small.load_releases()
    assert BOTH == small.query(FILES)

    assert {"one": 2} == small.load_releases().changed
    assert 3 == len(small.query("FROM raw.release_files"))
    with small.warehouse() as warehouse, warehouse.connection() as connection:
        connection.execute("DELETE FROM raw.release_files WHERE project = 'two'")
    assert {"two": 1} == small.load_releases().changed


def test_outage_is_one_line_of_a_run_that_ends_well(
    small: Installation, index: SimpleIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line says of whom nothing is known, or since when, and why; switched off, nobody is asked."""
    monkeypatch.setattr(flow, "publish", lambda *_arguments, **_options: flow.Published([], None))
    index.answer(429)

    first = small.cli()
    assert 0 == first.returncode, first.stderr
    assert "Load the releases: not known of 2 projects" in first.stdout
    assert f"Releases: one not known, two not known. {index.url} takes no more requests" in first.stdout

    off = small.with_settings(RELEASES__ENABLED="false").cli()
    assert 0 == off.returncode, off.stderr
    assert "eleases" not in off.stdout
    assert 1 == len(index.requests)


def test_demo_asks_nobody(project: Installation, demo: Path, index: SimpleIndex) -> None:
    """A real project may have the name of an invented package."""
    small = Installation.of_demo(project.folder, demo).with_settings(**index.settings, END_DATE="2026-04-03")
    small.load()

    assert 4 == len(small.load_releases().changed)
    assert {} == small.load_releases().changed
    assert [] == index.requests
    assert [("saltmarsh", "1.10.0")] == small.query(
        "SELECT DISTINCT project, version FROM raw.release_files WHERE is_yanked AND project = 'saltmarsh'"
    )


def test_tables_have_the_columns_of_the_contract(small: Installation) -> None:
    """Before the first load of releases they are ours, and dlt adds to them; SQLMesh's list has the same types."""
    types = {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "BOOLEAN": pa.bool_()}
    types["TIMESTAMP WITH TIME ZONE"] = pa.timestamp("us", tz="UTC")
    for table, schema in (("release_files", FILES_SCHEMA), ("release_quarantine", REJECTED_SCHEMA)):
        found = {name: types[kind] for name, kind, *_ in small.query(f"DESCRIBE raw.{table}")}
        assert {field.name: field.type for field in schema} | {"_dlt_load_id": pa.string()} == found
    declared = yaml.safe_load((ROOT / "sqlmesh" / "external_models" / "raw.yaml").read_text())
    for model in (model for model in declared if model["name"].startswith("raw.release_")):
        found = {name: kind for name, kind, *_ in small.query(f"DESCRIBE {model['name']}")}
        names = {"TEXT": "VARCHAR", "TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}
        assert {name: found[name] for name in model["columns"]} == {
            name: names.get(kind, kind) for name, kind in model["columns"].items()
        }
