"""MotherDuck as the warehouse: its own connectors up to the connection string, and whole runs on a stand-in."""

import io
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from sqlmesh import Context
from sqlmesh.core.config import Config, load_configs
from sqlmesh.core.config.connection import MotherDuckConnectionConfig

from pipelines.errors import SettingsError
from pipelines.transform.fingerprint import MODELS_FOLDER
from pipelines.warehouse import Warehouse, lease, resolve_warehouse
from pipelines.warehouse.motherduck import SCHEMAS, TOKEN_VARIABLES
from pipelines.warehouse.settings import CREDENTIALS_VARIABLE
from tests.harness.forks import Interruption, call, command_line
from tests.support.cloud import PLANTED, Cloud, CloudInstallation, stand_in
from tests.support.commands import COMMANDS
from tests.support.installation import ROOT, Done, Installation
from tests.support.models import marts_of_loads
from tests.support.rows import download, july, write

DAYS = [july(1), july(2), july(3)]
ARGUMENTS = {
    "backfill": ["2026-07-01", "2026-07-02"],
    "forget": ["one", "--yes"],
    "publish": ["restore"],
    "rebuild": ["--from", "warehouse"],
    "restore": ["lake"],
}
WITHOUT_WAREHOUSE = {"badges", "doctor", "export", "report", "serve", "try"}


def make_machine(folder: Path) -> Path:
    """A folder to call commands in."""
    (folder / "machine").mkdir()
    (folder / "machine" / ".dlt").symlink_to(ROOT / ".dlt")
    return folder / "machine"


def make_project(folder: Path, cloud: Cloud, models: Path | None = None) -> CloudInstallation:
    """A project in the cloud with four downloads upstream, of three days; one of them is broken."""
    rows = [download(day) for day in (*DAYS, DAYS[1])] + [download(DAYS[2], country_code="broken")]
    file = write(folder / "source" / "rows.parquet", rows)
    return CloudInstallation(cloud.folder, models=models).reading(file, "one", TOLERANCE="1")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that commands are called in."""
    folder = make_machine(tmp_path)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def cloud(tmp_path: Path, machine: Path, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """What `md:` leads to."""
    del machine
    return stand_in(tmp_path / "cloud", monkeypatch)


@pytest.fixture
def project(cloud: Cloud, tmp_path: Path) -> CloudInstallation:
    """The project, with nothing loaded."""
    return make_project(tmp_path, cloud)


@dataclass(frozen=True)
class Runs:
    """A first and a second run in the cloud: what they have printed, logged, left and connected to."""

    project: CloudInstallation
    machine: Path
    first: Done
    second: Done
    log: str
    reached: list[str]


@pytest.fixture(scope="module")
def runs(few_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """They log all that they can, and their lease is renewed all the while."""
    folder = tmp_path_factory.mktemp("runs")
    machine = make_machine(folder)
    with pytest.MonkeyPatch.context() as patch, logged() as log:
        patch.chdir(machine)
        patch.setattr(lease, "RENEWAL_SECONDS", 0.1)
        cloud = stand_in(folder / "cloud", patch)
        project = make_project(folder, cloud, few_models)
        first, second = (project.cli(RUNTIME__LOG_LEVEL="DEBUG") for _ in range(2))
    return Runs(project, machine, first, second, log.getvalue(), [*cloud.reached])


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """What is logged while it lasts, at any level."""
    log, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(log), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield log
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def test_run_in_the_cloud_equals_one_on_a_file(runs: Runs, context: Context, tmp_path: Path) -> None:
    """Rows, marts and exports are the same, the lease is renewed all the while, and a second run loads nothing."""
    project = runs.project
    on_file = Installation(tmp_path / "file", project.settings, project.models)
    on_file.load()

    assert (runs.first.returncode, runs.second.returncode) == (0, 0), runs.first.stderr + runs.second.stderr
    assert "Nothing to load" in runs.second.stdout
    assert "Export the marts: unchanged" in runs.second.stdout
    counts = "SELECT project, day, COUNT(*) FROM raw.{} GROUP BY ALL ORDER BY ALL"
    for table in ("file_downloads", "quarantine"):
        assert on_file.query(counts.format(table)) == project.query(counts.format(table)) != []
    marts = project.marts()
    assert marts_of_loads(context, on_file) == marts
    exports = runs.machine / "data" / "motherduck" / "warehouse" / "exports"
    assert {*(f"{name}.parquet" for name in marts), "pypi.duckdb", "digests.json"} == {
        path.name for path in exports.iterdir()
    }
    with duckdb.connect(exports / "pypi.duckdb", read_only=True) as exported:
        for name, rows in marts.items():
            assert rows == exported.execute(f"FROM marts.{name} ORDER BY ALL").fetchall()
    assert project.query("SELECT token FROM raw.run_lock") == [("",)]
    assert {address.partition("?")[0] for address in runs.reached} == {"md:warehouse"}
    assert "not recommended" not in runs.log


def test_token_is_written_down_nowhere(runs: Runs) -> None:
    """Neither in what a run prints, logs or leaves behind, nor in a connection string."""
    folders = (runs.machine, runs.project.folder)
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    printed = [text for done in (runs.first, runs.second) for text in (done.stdout, done.stderr)]

    assert "trace.pickle" in {path.name for path in files}
    assert [path for path in files if PLANTED.encode() in path.read_bytes()] == []
    assert PLANTED not in "".join([*printed, runs.log, *runs.reached])


def test_each_command_works_in_the_cloud(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks at the warehouse finds it there; what reads the exports needs no token."""
    project = runs.project
    monkeypatch.chdir(runs.machine)
    stand_in(project.folder, monkeypatch)

    done = project.cli("export", MOTHERDUCK_TOKEN="")
    assert done.returncode == 0, done.stderr
    for command in ("plan", "audit", "quarantine", "costs", "estimate"):
        done = project.cli(command)
        assert done.returncode == 0, (command, done.stderr)
    assert "is md:warehouse" in project.cli("reset", "--yes").stdout
    assert project.file.exists()


@pytest.mark.slow
@pytest.mark.parametrize("table", ["file_downloads", "loaded_days"])
def test_killed_load_is_exact_after_the_next_run(project: CloudInstallation, table: str) -> None:
    """What the dead run had written is taken back from the cloud by the files that this machine has."""
    kill = Interruption.after_commit("save_pending_transition", table, "parquet")
    dead = call(command_line, "run", "--no-site", environment=project.environment, interruption=kill)
    assert dead.returncode == -signal.SIGKILL

    report = project.load()

    assert report.finished_earlier
    assert project.query("SELECT day FROM raw.file_downloads ORDER BY 1") == [
        (day,) for day in sorted([*DAYS, DAYS[1]])
    ]
    assert project.query("SELECT COUNT(*) FROM raw.loaded_days") == [(len(DAYS),)]
    assert project.query("FROM duckdb_tables() WHERE table_name = 'repeated_rows'") == []


@pytest.mark.slow
def test_what_one_warehouse_has_left_is_not_loaded_into_another(project: CloudInstallation, machine: Path) -> None:
    """Each MotherDuck database has a working folder of its own, apart from that of the file."""
    project.load()

    with project.warehouse() as warehouse:
        folder = warehouse.folder
    assert folder == machine / "data" / "motherduck" / "warehouse"
    assert (folder / "dlt").exists()
    assert [path.name for path in (machine / "data").iterdir()] == ["motherduck"]


@pytest.mark.parametrize("name", TOKEN_VARIABLES)
def test_both_spellings_of_the_token_reach_both_connectors(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`MOTHERDUCK_TOKEN` and a database are all it takes; dlt and SQLMesh connect by the environment's token."""
    monkeypatch.setenv(CREDENTIALS_VARIABLE, "md:pypi")
    monkeypatch.setenv(name, PLANTED)

    warehouse = resolve_warehouse()

    assert "dlt.destinations.motherduck" == warehouse.pipeline.destination.destination_type
    assert [PLANTED, PLANTED] == [os.environ[variable] for variable in TOKEN_VARIABLES]
    assert "md:pypi?attach_mode=single&dbinstance_inactivity_ttl=15m" == dlt_address(warehouse)
    assert "md:pypi?attach_mode=single" == sqlmesh_connection(str(warehouse))._static_connection_kwargs["database"]


@pytest.mark.parametrize("parameter", ["motherduck_token", "token"])
def test_token_of_a_connection_string_is_moved_to_the_environment(
    parameter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dlt's own way to give it works too, and SQLMesh's connector finds it."""
    monkeypatch.setenv(CREDENTIALS_VARIABLE, f"md:pypi?{parameter}={PLANTED}&attach_mode=workspace")

    warehouse = resolve_warehouse()

    assert PLANTED == os.environ["MOTHERDUCK_TOKEN"]
    assert "md:pypi?attach_mode=single&dbinstance_inactivity_ttl=15m" == dlt_address(warehouse)


def test_gateway_and_state_are_in_motherduck(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLMesh's own connection type, in UTC, with its state in the same database and no token in its settings."""
    monkeypatch.setenv("MOTHERDUCK_TOKEN", PLANTED)

    connection = sqlmesh_connection("md:pypi")

    assert ("pypi", "pypi") == (connection.database, connection.get_catalog())
    assert {"TimeZone": "UTC"} == connection.connector_config
    assert connection.token is None
    assert PLANTED not in str(connection.dict())


def test_both_connectors_work_in_utc(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The day of a timestamp follows neither the machine nor the cloud."""
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    monkeypatch.setenv(CREDENTIALS_VARIABLE, "md:warehouse")
    monkeypatch.setenv("MOTHERDUCK_TOKEN", PLANTED)
    asked = "SELECT CURRENT_SETTING('TimeZone')"

    assert [("UTC",)] == resolve_warehouse().query(asked)
    assert ("UTC",) == sqlmesh_connection("md:warehouse").create_engine_adapter().fetchone(asked)
    assert len(cloud.reached) == 2


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - WITHOUT_WAREHOUSE))
@pytest.mark.parametrize(
    ("token", "text"),
    [
        ("", "There is no token for MotherDuck."),
        ("planted", "is malformed: a token has three parts with dots between."),
        ("planted.secret.token ", "is malformed"),
    ],
    ids=["none", "one part", "a blank"],
)
def test_without_a_token_each_command_stops_at_once(
    command: str, token: str, text: str, project: CloudInstallation, cloud: Cloud
) -> None:
    """One message, before anything is connected to, read, billed or made."""
    Path(project.settings["PARQUET_PATH"]).unlink()

    done = project.cli(command, *ARGUMENTS.get(command, []), MOTHERDUCK_TOKEN=token)

    assert done.returncode == 1
    assert text in done.stderr
    assert "Create one in MotherDuck's settings, and set MOTHERDUCK_TOKEN" in done.stderr
    assert "planted" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert cloud.reached == {}
    assert [path.name for path in Path().iterdir()] == [".dlt"]


@pytest.mark.parametrize("name", ["Pypi", "my-db", "my.db", "../pypi", 'a"b', "1st", "_share/pypi/x", *sorted(SCHEMAS)])
def test_database_that_cannot_be_the_warehouse_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLMesh's views name it, and a schema of the warehouse would be taken for it."""
    monkeypatch.setenv(CREDENTIALS_VARIABLE, f"md:{name}")
    monkeypatch.setenv("MOTHERDUCK_TOKEN", PLANTED)

    with pytest.raises(SettingsError, match="CREATE DATABASE pypi") as caught:
        resolve_warehouse()

    assert PLANTED not in str(caught.value)


def test_database_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """`md:` alone would be whatever database the account has as its default."""
    monkeypatch.setenv(CREDENTIALS_VARIABLE, "md:")
    monkeypatch.setenv("MOTHERDUCK_TOKEN", PLANTED)

    with pytest.raises(SettingsError, match="must include a catalog/database name"):
        resolve_warehouse()


def test_no_schema_of_a_model_is_left_out() -> None:
    """Each schema that the warehouse has is a name that its database cannot have."""
    assert {folder.name for folder in (MODELS_FOLDER / "models").iterdir()} | {"raw"} == SCHEMAS


@pytest.mark.parametrize("named", ["duckdb", "motherduck"])
def test_type_in_the_settings_does_not_matter(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The committed settings say `duckdb`; the database tells what it is."""
    monkeypatch.setenv("DESTINATION__WAREHOUSE__DESTINATION_TYPE", named)
    monkeypatch.setenv(CREDENTIALS_VARIABLE, "md:pypi")
    monkeypatch.setenv("MOTHERDUCK_TOKEN", PLANTED)

    assert "md:pypi" == str(resolve_warehouse())


def dlt_address(warehouse: Warehouse) -> str:
    """What dlt would connect to."""
    return str(warehouse.pipeline.sql_client().credentials._conn_str())


def sqlmesh_connection(warehouse: str) -> MotherDuckConnectionConfig:
    """SQLMesh's connection to a MotherDuck database, which has its state, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAREHOUSE", warehouse)
        gateway = load_configs(None, Config, [MODELS_FOLDER])[MODELS_FOLDER].get_gateway()
    assert gateway.state_connection is None
    assert isinstance(gateway.connection, MotherDuckConnectionConfig)
    return gateway.connection
