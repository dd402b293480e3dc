"""Faults on the wire, deaths and a full disk: the next run at the latest makes what an undisturbed one makes.

That is each row, the quarantine, each mart and each export, by `tests.harness.kill.content`.
"""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.demo import PROJECTS
from tests.harness.kill import content
from tests.servers.bigquery import Server, redirect_clients
from tests.support.installation import ROOT, Installation

FIRST = {
    "PROJECTS": f'["{PROJECTS[0]}", "{PROJECTS[1]}"]',
    "START_DATE": "2026-04-10",
    "END_DATE": "2026-04-12",
    "READ_TIMEOUT": "10",
}
SECOND = FIRST | {"END_DATE": "2026-04-19", "LAG_DAYS": "1"}
JOBS = {"where": "rest", "match": "POST /bigquery/v2/projects/billed-project/jobs", "after": 2}
MID_READ = {"where": "read_rows", "after": 4}
"""Each is struck once or twice after that many calls: a dry run for each project, or batches of 1,000 rows."""

STOP_MID_READ = """
import os
import sys
from pipelines import load as room
from pipelines.cli import main
from tests.servers.bigquery import redirect_clients

load = room.load
by = int(sys.argv[1])
stop = lambda _window, _rows: os.kill(os.getpid(), by)
room.load = lambda request, _on_rows: load(request, stop)
redirect_clients()
sys.argv[1:] = ["run", "--no-site"]
main()
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
def begun(filled_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Two days, loaded, computed and exported without a fault; tests work on copies."""
    folder = tmp_path_factory.mktemp("begun")
    project = Installation(folder / "data", filled_server.settings | FIRST)
    redirect_clients()
    run(project, **filled_server.environment(filled_server.make_key(folder / "key.json")))
    return project


@pytest.fixture(scope="module")
def undisturbed(begun: Installation, filled_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Those days and a week more, without a fault; tests only read it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    project = copy(begun, folder)
    run(project, **filled_server.environment(filled_server.make_key(folder / "key.json")))
    assert len(project.query("FROM raw.quarantine")) > 0
    return project


@pytest.fixture
def disturbed(server: Server, begun: Installation, tmp_path: Path) -> Installation:
    """The same days, and the week still to load."""
    del server
    return copy(begun, tmp_path)


def copy(begun: Installation, folder: Path) -> Installation:
    shutil.copytree(begun.folder, folder / "data")
    return replace(begun.with_settings(**SECOND), folder=folder / "data")


def run(project: Installation, **environment: str) -> None:
    done = project.cli(**environment)
    assert done.returncode == 0, done.stderr


def assert_same(expected: Installation, found: Installation) -> None:
    """The same rows, each as often, quarantine, marts and exports; no query without an outcome on record."""
    assert content(expected) == content(found)
    if "UPSTREAM" in found.settings:
        assert found.query("SELECT COUNT(*) FROM raw.extract_ledger WHERE status = 'open'") == [(0,)]


def stop_mid_read(project: Installation, by: signal.Signals) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process that gets the signal with its first batch in hand."""
    return subprocess.run(
        [sys.executable, "-c", STOP_MID_READ, str(int(by))],
        cwd=ROOT,
        env=os.environ | project.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def outcomes(project: Installation) -> list[str]:
    """What became of the queries, those of the first days left out."""
    rows = project.query("SELECT status FROM raw.extract_ledger ORDER BY started_at")
    return [status for (status,) in rows[len(json.loads(FIRST["PROJECTS"])) :]]


@pytest.mark.parametrize("case", RECOVERED)
def test_fault_that_passes_is_not_seen(
    server: Server, undisturbed: Installation, disturbed: Installation, case: str
) -> None:
    """What may pass is tried again in the same run, and nothing is lost or doubled by it."""
    rule = RECOVERED[case]
    match = rule.get("match", "ReadRows")
    before = len(server.log())
    server.faults(rule)

    run(disturbed)

    asked = [entry["request"] for entry in server.log()[before:] if match in entry["request"]]
    assert len(asked) > rule.get("times", 1)
    assert_same(undisturbed, disturbed)


def test_failed_read_loads_nothing_and_the_next_run_all(
    server: Server, begun: Installation, undisturbed: Installation, disturbed: Installation
) -> None:
    """A read that ends early is our error, and half of a window is never loaded."""
    server.faults(MID_READ | {"code": "INTERNAL"})

    done = disturbed.cli()

    assert done.returncode == 1
    assert "BigQuery failed on" in done.stderr
    assert content(begun) == content(disturbed)
    run(disturbed)
    assert_same(undisturbed, disturbed)


def test_run_after_one_that_was_killed_mid_read_is_exact(undisturbed: Installation, disturbed: Installation) -> None:
    """The next run finds the query that was paid for, and makes all as if there had been no death."""
    killed = stop_mid_read(disturbed, signal.SIGKILL)

    assert killed.returncode == -signal.SIGKILL
    assert outcomes(disturbed) == ["open"]
    run(disturbed)
    assert outcomes(disturbed) == ["done", "done"]
    assert_same(undisturbed, disturbed)


def test_ctrl_c_mid_read_is_one_message_and_the_next_run_is_exact(
    begun: Installation, undisturbed: Installation, disturbed: Installation
) -> None:
    """A person who stops a run is told that nothing is lost, and nothing is: not even what BigQuery has billed."""
    stopped = stop_mid_read(disturbed, signal.SIGINT)

    assert stopped.returncode == 1
    assert "Traceback" not in stopped.stderr
    assert "The run was stopped" in stopped.stderr
    assert "Nothing is lost" in stopped.stderr
    assert outcomes(disturbed) == ["failed"]
    assert content(begun) == content(disturbed)
    run(disturbed)
    assert outcomes(disturbed) == ["done", "done"]
    assert_same(undisturbed, disturbed)


@pytest.fixture(scope="module")
def roomy(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A project of the demo, loaded where there is room; tests only read it."""
    settings = {"PARQUET_PATH": str(demo), "PROJECTS": f'["{PROJECTS[1]}"]', "START_DATE": "2026-04-02"}
    project = Installation(tmp_path_factory.mktemp("roomy") / "data", settings)
    run(project)
    return project


@pytest.mark.parametrize(("step", "limit"), [("extract", 2**16), ("load", 2**21)])
def test_full_disk_is_named_and_the_next_run_is_exact(
    roomy: Installation, tmp_path: Path, step: str, limit: int
) -> None:
    """Without room the run ends by one message; with room again, dlt goes on, and nothing is lost or doubled.

    A limit of a file's size stands for the full disk: a disk to fill would take a privilege to mount.
    """
    tight = replace(roomy, folder=tmp_path / "data")

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
    run(tight)
    assert_same(roomy, tight)


def test_server_that_dies_mid_read_ends_the_run_and_the_next_one_is_exact(
    begun: Installation, undisturbed: Installation, demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is gone ends the run by one message, as the deadlines say; after a restart all is read."""
    disturbed = copy(begun, tmp_path).with_settings(QUERY_TIMEOUT="10")
    with Server(tmp_path / "mortal") as mortal:
        mortal.fill(demo)
        for name, value in mortal.environment(mortal.make_key(tmp_path / "mortal.json")).items():
            monkeypatch.setenv(name, value)
        redirect_clients()
        mortal.faults(MID_READ | {"exit": True})

        done = disturbed.cli()

        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert "BigQuery" in done.stderr
        mortal.wait()
        mortal.start()
        run(disturbed)
    assert_same(undisturbed, disturbed)
