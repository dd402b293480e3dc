"""Two at once: the second stops before it reads anything, and says who is at work."""

import signal
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from unittest.mock import Mock

import duckdb
import pytest

from pipelines.errors import WarehouseError
from pipelines.load import load
from pipelines.load.plan import LoadRequest
from pipelines.pypi.settings import resolve_settings
from pipelines.warehouse import Warehouse, lease, open_error, resolve_warehouse
from pipelines.warehouse.lease import Holder, hold_lease
from pipelines.warehouse.lock import exclusive_run
from tests.harness.forks import beside, hold_warehouse
from tests.support.cloud import CloudInstallation, stand_in
from tests.support.installation import NOW, Installation
from tests.support.rows import download, write

DAY = date(2026, 7, 1)
COMMANDS = ["run", "plan", "audit", "site", "dashboard", "reset"]


def one_download(folder: Path) -> Installation:
    """A project with one download upstream."""
    file = write(folder / "source" / "rows.parquet", [download(DAY)])
    return Installation(folder / "data").reading(file, "one")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The same, loaded; tests only read it."""
    project = one_download(tmp_path_factory.mktemp("loaded"))
    project.load()
    return project


@pytest.mark.parametrize("command", COMMANDS[:-1])
def test_command_beside_a_run_names_the_holder(loaded: Installation, command: str) -> None:
    """It stops at once, says which process is at work, and has written nothing."""
    before = loaded.file.read_bytes()

    with beside(hold_warehouse, str(loaded.file)) as holder:
        done = loaded.cli(command)

    assert done.returncode == 1
    assert f"Another command is at work in {loaded.folder}: process {holder.pid} on " in done.stderr
    assert before == loaded.file.read_bytes()


def test_first_run_beside_another_makes_no_warehouse(demo: Path, tmp_path: Path) -> None:
    """Where there is no warehouse yet, the second of two runs does not begin one."""
    project = Installation.of_demo(tmp_path, demo)

    with beside(hold_warehouse, str(project.file)) as holder:
        done = project.cli()

    assert done.returncode == 1
    assert f"process {holder.pid} on " in done.stderr
    assert not project.file.exists()


def test_lock_of_a_dead_process_does_not_block(tmp_path: Path) -> None:
    """A process that was killed holds nothing any more."""
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")

    with beside(hold_warehouse, str(tmp_path / "warehouse.duckdb")) as holder:
        with pytest.raises(WarehouseError), exclusive_run(warehouse):
            pass
        holder.kill()

        with exclusive_run(warehouse):
            pass


@pytest.mark.parametrize("command", COMMANDS)
def test_busy_file_is_one_message_that_names_the_holder(loaded: Installation, command: str) -> None:
    """A process of another program that holds the DuckDB file is named, and there is no stack trace."""
    with beside(duckdb.connect, str(loaded.file)) as holder:
        done = loaded.cli(command)

    assert done.returncode == 1
    assert f"The warehouse {loaded.file} is busy: process {holder.pid} (python" in done.stderr
    assert "Close that process, or wait until it has ended" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A project whose warehouse is in the cloud; the test works in the folder of one machine."""
    project = CloudInstallation(tmp_path / "data", one_download(tmp_path).settings)
    for name, value in project.environment.items():
        monkeypatch.setenv(name, value)
    # dlt keeps the config.toml of the folder in which it is first asked for a setting.
    resolve_settings()
    (tmp_path / "machine").mkdir()
    monkeypatch.chdir(tmp_path / "machine")
    stand_in(project.folder, monkeypatch)
    return project


ANOTHER = Holder("another token", "another host", 7, "2026-07-01 12:00 UTC")


def row(project: Installation) -> tuple[str, bool]:
    """The token of the lease, and whether it is alive."""
    [(token, alive)] = project.query("SELECT token, expires_at > now() FROM raw.run_lock")
    return token, alive


def change(project: Installation, assignments: str) -> None:
    """Another machine's UPDATE of the lease."""
    with duckdb.connect(project.file) as connection:
        connection.execute(f"UPDATE raw.run_lock SET {assignments}")


def test_run_on_another_machine_names_the_holder(cloud: Installation, tmp_path: Path) -> None:
    """Two folders are two machines: the second process is refused while the first works, and not after it."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    with beside(hold_warehouse, folder=elsewhere) as holder:
        at_work = f"Another run is at work in the warehouse: process {holder.pid} on "
        with pytest.raises(WarehouseError, match=at_work), exclusive_run(resolve_warehouse()):
            pass
        holder.let_go()

        with exclusive_run(resolve_warehouse()):
            pass
    assert row(cloud) == ("", False)


def test_lease_of_a_dead_process_of_this_folder_is_taken_over_at_once(cloud: Installation, tmp_path: Path) -> None:
    """A killed process has left its lease behind; the next one in its folder knows that it is dead."""
    with beside(hold_warehouse, folder=tmp_path / "machine") as holder:
        holder.kill()
    assert row(cloud)[1]

    with exclusive_run(resolve_warehouse()):
        assert row(cloud)[1]


def test_lease_that_has_run_out_is_taken_over(cloud: Installation) -> None:
    """A machine that went away keeps the others out only until its lease has run out."""
    with hold_lease(resolve_warehouse(), ANOTHER, None):
        pass
    change(cloud, "token = 'dead', expires_at = now() + INTERVAL 1 MINUTE")
    with pytest.raises(WarehouseError, match="process 7 on another host"), exclusive_run(resolve_warehouse()):
        pass
    change(cloud, "expires_at = now() - INTERVAL 1 SECOND")

    with exclusive_run(resolve_warehouse()):
        assert row(cloud)[1]


def test_lease_cannot_be_won_twice(cloud: Installation) -> None:
    """Of two that take it at the same moment, one is refused: both would change the same row."""
    with hold_lease(resolve_warehouse(), ANOTHER, None):
        pass
    with duckdb.connect(cloud.file) as connection:
        connection.begin()
        connection.execute("UPDATE raw.run_lock SET token = 'first', expires_at = now() + INTERVAL 1 MINUTE")

        with pytest.raises(WarehouseError, match="it has just started"), exclusive_run(resolve_warehouse()):
            pass
        connection.commit()

    assert row(cloud) == ("first", True)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_lease_is_given_back_after_an_error(cloud: Installation, error: type[BaseException]) -> None:
    """Whatever ends a run, Ctrl-C too, the next one need not wait."""
    with pytest.raises(error), exclusive_run(resolve_warehouse()):
        raise error

    assert row(cloud) == ("", False)


def test_lease_is_renewed(cloud: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that takes longer than its lease keeps it."""

    def expires() -> object:
        with duckdb.connect(cloud.file) as connection:
            return connection.execute("SELECT expires_at FROM raw.run_lock").fetchone()

    monkeypatch.setattr(lease, "RENEWAL_SECONDS", 0.1)
    with exclusive_run(resolve_warehouse()):
        first = expires()
        while expires() == first:
            pass


def is_interrupted() -> bool:
    """Whether an interrupt ends a wait, which would end by itself."""
    try:
        threading.Event().wait(30)
    except KeyboardInterrupt:
        return True
    return False


@pytest.fixture(params=[signal.default_int_handler, signal.SIG_IGN], ids=["foreground", "background"])
def _started(request: pytest.FixtureRequest) -> Iterator[None]:
    """A shell starts what it puts into the background with interrupts ignored."""
    before = signal.signal(signal.SIGINT, request.param)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_started")
def test_run_that_lost_its_lease_is_stopped(cloud: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is interrupted until it stops, says so, and leaves the lease to the one that has it."""
    interrupts: list[bool] = []

    def lose_it_and_go_on() -> None:
        change(cloud, "token = 'another', expires_at = now() + INTERVAL 1 MINUTE")
        interrupts.extend(is_interrupted() for _ in range(2))

    monkeypatch.setattr(lease, "RENEWAL_SECONDS", 0.5)
    with pytest.raises(WarehouseError, match="another run may have taken it over"), exclusive_run(resolve_warehouse()):
        lose_it_and_go_on()

    assert interrupts == [True, True]
    assert row(cloud) == ("another", True)


def test_run_that_cannot_renew_is_stopped_before_its_lease_ends(
    cloud: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the warehouse cannot be reached for long, another may take the lease; the run does not wait for that."""
    interrupts: list[bool] = []

    def lose_the_warehouse_and_go_on() -> None:
        cloud.file.rename(cloud.file.with_suffix(".away"))
        cloud.file.mkdir()
        interrupts.append(is_interrupted())

    monkeypatch.setattr(lease, "RENEWAL_SECONDS", 0.1)
    monkeypatch.setattr(lease, "LEASE_SECONDS", 1)
    with pytest.raises(WarehouseError, match="could not renew its lease"), exclusive_run(resolve_warehouse()):
        lose_the_warehouse_and_go_on()

    assert interrupts == [True]


@pytest.mark.slow
def test_first_load_into_the_cloud_is_exact_under_a_lease(cloud: Installation) -> None:
    """The lease is in the way of nothing that dlt does, not even in a warehouse that it has made."""
    with exclusive_run(resolve_warehouse()):
        report = load(LoadRequest(resolve_settings(), resolve_warehouse(), NOW))

    assert report.accepted == 1
    assert cloud.query("SELECT COUNT(*) FROM raw.file_downloads") == [(1,)]


def test_token_of_the_cloud_is_in_no_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A warehouse in the cloud that cannot be reached is one message, without the token."""
    monkeypatch.setenv("HOME", str(tmp_path / "none"))
    monkeypatch.setenv("DESTINATION__WAREHOUSE__DESTINATION_TYPE", "motherduck")
    monkeypatch.setenv("DESTINATION__WAREHOUSE__CREDENTIALS", "md:pypi?motherduck_token=planted.secret.token")
    warehouse = resolve_warehouse()
    monkeypatch.chdir(tmp_path)

    with pytest.raises(WarehouseError, match="cannot be opened") as caught, exclusive_run(warehouse):
        pass

    assert "planted" not in str(caught.value)
    repeated = duckdb.IOException('Cannot open "md:pypi?motherduck_token=planted.secret.token&a=b"')
    assert "planted" not in str(open_error(repeated))


def test_file_that_is_made_meanwhile_is_kept_open(project: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first load opens its new file once, and not for each of its queries; afterwards it is free again."""
    connect = Mock(wraps=duckdb.connect)
    monkeypatch.setattr(duckdb, "connect", connect)
    with project.warehouse() as warehouse:
        with warehouse.kept_open():
            assert not warehouse.exists
            for _ in range(3):
                with warehouse.client() as client:
                    client.execute_sql("SELECT 1")
        assert 2 == connect.call_count, "once to make it, and once for all"
        # As SQLMesh opens it: DuckDB refuses another configuration while it is open.
        duckdb.connect(project.file, config={"threads": 1}).close()
