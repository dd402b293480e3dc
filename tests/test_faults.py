"""Faults on the wire, deaths and a full disk: the next run at the latest makes what an undisturbed one makes."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.demo import PROJECTS
from pipelines.errors import SourceError
from tests.bigquery import Server, redirect_clients
from tests.kill import content
from tests.project import ROOT, Project

WINDOWS = {
    "PROJECTS": f'["{PROJECTS[0]}", "{PROJECTS[1]}"]',
    "START_DATE": "2026-04-02",
    "END_DATE": "2026-04-17",
    "READ_TIMEOUT": "10",
}
ROWS = "SELECT * EXCLUDE (ordinal, _dlt_load_id) FROM raw.file_downloads ORDER BY ALL"
QUARANTINE = "SELECT * EXCLUDE (ordinal, _dlt_load_id) FROM raw.quarantine ORDER BY ALL"
JOBS = {"where": "rest", "match": "POST /bigquery/v2/projects/billed-project/jobs", "after": 2}
MID_READ = {"where": "read_rows", "after": 4}
"""Each is struck once or twice after that many calls: a dry run for each project, or batches of 1,000 rows."""

DIE_MID_READ = """
import os
import signal
import sys
import pipelines.__main__ as command
from tests.bigquery import redirect_clients

load = command.load
die = lambda _window, _rows: os.kill(os.getpid(), signal.SIGKILL)
command.load = lambda settings, warehouse, now, _on_rows, backfill: load(settings, warehouse, now, die, backfill)
redirect_clients()
sys.argv = ["pipelines", "run", "--no-site"]
command.main()
"""
RECOVERED: dict[str, dict[str, Any]] = {
    "503 on the query": JOBS | {"status": 503, "times": 2},
    "rate limit on the query": JOBS | {"status": 403, "reason": "rateLimitExceeded"},
    "503 while the query runs": {"where": "rest", "match": "GET /bigquery/v2/projects/billed-project/queries/"}
    | {"status": 503, "times": 2},
    "unavailable mid-read": MID_READ | {"code": "UNAVAILABLE", "times": 2},
    "broken stream": MID_READ | {"code": "INTERNAL", "message": "Received RST_STREAM with error code 2"},
}


@pytest.fixture(scope="module")
def undisturbed(filled_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The windows, loaded, computed and exported without a fault; tests only read it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    project = Project(folder / "data", filled_server.settings | WINDOWS)
    redirect_clients()
    done = project.cli(**filled_server.environment(filled_server.make_key(folder / "key.json")))
    assert done.returncode == 0, done.stderr
    assert len(project.query(QUARANTINE)) > 0
    return project


@pytest.fixture
def disturbed(server: Server, project: Project) -> Project:
    """The same windows, still to load."""
    return project.with_settings(**server.settings, **WINDOWS)


def assert_equal_rows(one: Project, other: Project) -> None:
    """The same downloads, each as often, and the same quarantine; no query without an outcome on record."""
    assert one.query(ROWS) == other.query(ROWS)
    assert one.query(QUARANTINE) == other.query(QUARANTINE)
    assert other.query("SELECT COUNT(*) FROM raw.extract_ledger WHERE status = 'open'") == [(0,)]


def kill_mid_read(project: Project) -> None:
    """Run the command line in a process that dies with its first batch in hand."""
    dead = subprocess.run(
        [sys.executable, "-c", DIE_MID_READ], cwd=ROOT, env=os.environ | project.environment, check=False
    )
    assert dead.returncode == -signal.SIGKILL
    assert project.query("SELECT status FROM raw.extract_ledger") == [("open",)]


@pytest.mark.parametrize("case", RECOVERED)
def test_fault_that_passes_is_not_seen(server: Server, undisturbed: Project, disturbed: Project, case: str) -> None:
    """What may pass is tried again in the same run, and no row is lost or doubled by it."""
    rule = RECOVERED[case]
    match = rule.get("match", "ReadRows")
    before = len(server.log())
    server.faults(rule)

    disturbed.load()

    asked = [entry["request"] for entry in server.log()[before:] if match in entry["request"]]
    assert len(asked) > rule.get("times", 1)
    assert_equal_rows(undisturbed, disturbed)


def test_failed_read_loads_nothing_and_the_next_run_all(
    server: Server, undisturbed: Project, disturbed: Project
) -> None:
    """A read that ends early is our error, and half of a window is never loaded."""
    server.faults(MID_READ | {"code": "INTERNAL"})

    with pytest.raises(SourceError, match="BigQuery failed on"):
        disturbed.load()

    tables = {name for (name,) in disturbed.query("SELECT table_name FROM information_schema.tables")}
    assert "file_downloads" not in tables
    disturbed.load()
    assert_equal_rows(undisturbed, disturbed)


def test_marts_and_exports_are_those_of_an_undisturbed_run(undisturbed: Project, disturbed: Project) -> None:
    """After a run that was killed mid-read, the next one makes every mart and export as if there had been none."""
    kill_mid_read(disturbed)

    done = disturbed.cli()

    assert done.returncode == 0, done.stderr
    assert_equal_rows(undisturbed, disturbed)
    assert len(disturbed.query("SELECT status FROM raw.extract_ledger")) == len(json.loads(WINDOWS["PROJECTS"]))
    assert content(undisturbed) == content(disturbed)


@pytest.mark.parametrize(("step", "limit"), [("extract", 2**16), ("load", 2**21)])
def test_full_disk_is_named_and_the_next_run_is_exact(project: Project, demo: Path, step: str, limit: int) -> None:
    """Without room the run ends by one message; with room again, dlt goes on, and nothing is lost or doubled.

    A limit of a file's size stands for the full disk: a disk to fill would take a privilege to mount.
    """
    settings = {"PARQUET_PATH": str(demo), "PROJECTS": f'["{PROJECTS[1]}"]', "START_DATE": "2026-04-02"}
    tight = project.with_settings(**settings)

    done = subprocess.run(
        [sys.executable, "-m", "pipelines", "run", "--no-site"],
        cwd=ROOT,
        env=os.environ | tight.environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert f"The disk is full: dlt could not {step} the data" in done.stderr
    assert str(tight.folder) in done.stderr
    assert "run again" in done.stderr
    tight.load()
    roomy = Project(project.folder.parent / "roomy", settings)
    roomy.load()
    assert roomy.query(ROWS) == tight.query(ROWS)
    assert roomy.query(QUARANTINE) == tight.query(QUARANTINE)


def test_server_that_dies_mid_read_ends_the_run_and_the_next_one_is_exact(
    undisturbed: Project, project: Project, demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is gone ends the run by one message, as the deadlines say; after a restart all is read."""
    with Server(tmp_path / "mortal") as mortal:
        mortal.fill(demo)
        for name, value in mortal.environment(mortal.make_key(tmp_path / "mortal.json")).items():
            monkeypatch.setenv(name, value)
        redirect_clients()
        disturbed = project.with_settings(**mortal.settings, **WINDOWS, QUERY_TIMEOUT="10")
        mortal.faults(MID_READ | {"exit": True})

        with pytest.raises(SourceError, match="BigQuery"):
            disturbed.load()

        mortal.wait()
        mortal.start()
        disturbed.load()
    assert_equal_rows(undisturbed, disturbed)
