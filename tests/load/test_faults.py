"""Faults on the wire, deaths and a full disk: the next load at the latest makes what an undisturbed one makes.

That is each row, the quarantine, and the days that the KPIs have to follow; one fault goes on to marts and exports.
"""

import json
import resource
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlmesh import Context

from pipelines.demo import PROJECTS
from tests.harness.forks import Interruption, call, command_line
from tests.servers.bigquery import Server, redirect_clients
from tests.support.content import loaded
from tests.support.installation import Done, Installation
from tests.support.models import marts_of_loads

pytestmark = pytest.mark.slow

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
    """Two days, loaded without a fault; tests work on copies."""
    folder = tmp_path_factory.mktemp("begun")
    project = Installation(folder / "data", filled_server.settings | FIRST)
    load(project, filled_server)
    return project.with_settings(**SECOND)


@pytest.fixture(scope="module")
def undisturbed(begun: Installation, filled_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Those days and a week more, without a fault; tests only read it."""
    project = begun.copy(tmp_path_factory.mktemp("undisturbed") / "data")
    load(project, filled_server)
    assert len(project.query("FROM raw.quarantine")) > 0
    return project


@pytest.fixture
def disturbed(server: Server, begun: Installation, tmp_path: Path) -> Installation:
    """The same days, and the week still to load."""
    del server
    return begun.copy(tmp_path / "data")


def load(project: Installation, server: Server) -> None:
    """Load outside of a test, where no fixture leads to the server."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment(server.make_key(project.folder.parent / "key.json")).items():
            patch.setenv(name, value)
        redirect_clients()
        project.load()


def assert_same(expected: Installation, found: Installation) -> None:
    """The same rows, each as often, quarantine and days; no query without an outcome on record."""
    assert loaded(expected) == loaded(found)
    if "UPSTREAM" in found.settings:
        assert found.query("SELECT COUNT(*) FROM raw.extract_ledger WHERE status = 'open'") == [(0,)]


def stop_mid_read(project: Installation, by: signal.Signals) -> Done:
    """Run the command line in a process that gets the signal with its first batch in hand."""
    stop = Interruption("pipelines.pypi.source", "split", by=by)
    return call(command_line, "run", "--no-site", environment=project.environment, interruption=stop)


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

    disturbed.load()

    asked = [entry["request"] for entry in server.log()[before:] if match in entry["request"]]
    assert len(asked) > rule.get("times", 1)
    assert_same(undisturbed, disturbed)


def test_failed_read_loads_the_other_project_and_the_next_run_all(
    server: Server, begun: Installation, undisturbed: Installation, disturbed: Installation, few_models: Path
) -> None:
    """A read that ends early is our error, half of a window is never loaded, and no query is paid for twice."""
    server.faults(MID_READ | {"code": "INTERNAL"})

    done = replace(disturbed, models=few_models).cli()

    assert done.returncode == 1
    assert f"Not loaded: {PROJECTS[0]}. BigQuery failed on" in done.stderr
    days = "SELECT project, COUNT(*) FROM raw.committed_days GROUP BY 1 ORDER BY 2"
    assert [days for _, days in begun.query(days)] == [2, 2]
    assert disturbed.query(days) == [(PROJECTS[0], 2), (PROJECTS[1], 9)]
    assert outcomes(disturbed) == ["failed", "done"]
    disturbed.load()
    # The third is the last day of the other project, which `lag_days` reads again.
    assert outcomes(disturbed) == ["done", "done", "done"]
    # The run that failed has computed the KPIs of what it loaded.
    expected, found = loaded(undisturbed), loaded(disturbed)
    assert expected.pop("days without KPIs") != found.pop("days without KPIs")
    assert expected == found


def test_run_after_one_that_was_killed_mid_read_is_exact(
    undisturbed: Installation, disturbed: Installation, few_models: Path, context: Context
) -> None:
    """The next run finds the query that was paid for, and makes all as without the death, up to the exports."""
    killed = stop_mid_read(disturbed, signal.SIGKILL)

    assert killed.returncode == -signal.SIGKILL
    assert outcomes(disturbed) == ["open"]
    disturbed.load()
    assert outcomes(disturbed) == ["done", "done"]
    assert_same(undisturbed, disturbed)

    published = replace(disturbed, models=few_models)
    done = published.cli()

    assert done.returncode == 0, done.stderr
    marts = published.marts()
    assert marts_of_loads(context, published) == marts
    for name, rows in marts.items():
        assert rows == duckdb.sql(f"FROM '{disturbed.folder}/exports/{name}.parquet' ORDER BY ALL").fetchall()


def test_ctrl_c_mid_read_is_one_message_and_the_next_run_is_exact(
    begun: Installation, undisturbed: Installation, disturbed: Installation
) -> None:
    """A person who stops a run is told that nothing is lost, and nothing is: not even what BigQuery has billed."""
    # Longer than the other tests wait: on a busy machine a batch may take seconds, and its read would fail before the
    # signal comes.
    disturbed = disturbed.with_settings(READ_TIMEOUT="120")
    stopped = stop_mid_read(disturbed, signal.SIGINT)

    assert stopped.returncode == 1, stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert "The run was stopped" in stopped.stderr
    assert "Nothing is lost" in stopped.stderr
    assert outcomes(disturbed) == ["failed"]
    assert loaded(begun) == loaded(disturbed)
    disturbed.load()
    assert outcomes(disturbed) == ["done", "done"]
    assert_same(undisturbed, disturbed)


@pytest.fixture(scope="module")
def roomy(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A project of the demo, loaded where there is room; tests only read it."""
    settings = {"PARQUET_PATH": str(demo), "PROJECTS": f'["{PROJECTS[1]}"]', "START_DATE": "2026-04-02"}
    project = Installation(tmp_path_factory.mktemp("roomy") / "data", settings)
    project.load()
    return project


def run_with_files_up_to(limit: int) -> None:
    """The command line, where no file can be larger: as on a full disk, which would take a privilege to mount."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    command_line("run", "--no-site")


@pytest.mark.parametrize(("step", "limit"), [("extract", 2**16), ("load", 2**21)])
def test_full_disk_is_named_and_the_next_run_is_exact(
    roomy: Installation, tmp_path: Path, step: str, limit: int
) -> None:
    """Without room the run ends by one message; with room again, dlt goes on, and nothing is lost or doubled."""
    tight = replace(roomy, folder=tmp_path / "data")

    done = call(run_with_files_up_to, limit, environment=tight.environment)

    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert f"The disk is full: dlt could not {step} the data" in done.stderr
    assert str(tight.folder) in done.stderr
    assert "run again" in done.stderr
    tight.load()
    assert_same(roomy, tight)


def test_server_that_dies_mid_read_ends_the_run_and_the_next_one_is_exact(
    server: Server, undisturbed: Installation, disturbed: Installation, few_models: Path
) -> None:
    """A server that is gone ends the run by one message, as the deadlines say; after a restart all is read."""
    server.faults(MID_READ | {"exit": True})

    done = replace(disturbed, models=few_models).with_settings(QUERY_TIMEOUT="10").cli()

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "BigQuery" in done.stderr
    server.wait()
    server.start()
    disturbed.load()
    assert_same(undisturbed, disturbed)
