"""A project that is forgotten is gone everywhere, whenever the command is killed."""

import shutil
import signal
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import typer
from sqlmesh import Context

from pipelines.load.forget import forget_in_warehouse, require_forgettable
from pipelines.pypi.settings import resolve_settings
from pipelines.pypi.windows import Backfill
from tests.harness.forks import Interruption, call, command_line
from tests.support.content import loaded
from tests.support.installation import Installation
from tests.support.lakes import fill_lake, open_lake
from tests.support.models import marts_of_loads
from tests.support.rows import download, downloads, july, write

pytestmark = pytest.mark.slow

ROWS = "SELECT * EXCLUDE (ordinal, _dlt_load_id) FROM raw.file_downloads ORDER BY ALL"
FORGET = ("forget", "one", "--yes", "--no-site")
BY_PROJECT = ("file_downloads", "quarantine", "loaded_days", "forgotten_days", "tracked_projects")


@pytest.fixture
def copy(computed: Installation) -> Installation:
    """Two projects, of which the settings name the second only; the first has more days, and a row in quarantine."""
    return computed.with_settings(PROJECTS='["two"]')


@pytest.fixture(scope="module")
def never(computed_once: Installation, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A warehouse that never had the first project."""
    project = Installation(tmp_path_factory.mktemp("never") / "data", computed_once.settings)
    project = project.with_settings(PROJECTS='["two"]')
    project.load()
    return project


def cursors(project: Installation) -> set[str]:
    """The resources of which dlt keeps a state, by its own account."""
    with project.warehouse() as warehouse:
        sources: dict[str, Any] = warehouse.pipeline.state["sources"]
        return set(sources["pypi"]["resources"])


def without_kpis(project: Installation) -> list[str]:
    """How many days the KPIs have not followed, and what tells those days from others."""
    return loaded(project)["days without KPIs"]


def assert_never_had(project: Installation, never: Installation, context: Context) -> None:
    """Rows and marts are those of a warehouse that never had the project; nothing of it is left."""
    for table in BY_PROJECT:
        assert project.query(f"SELECT COUNT(*) FROM raw.{table} WHERE project = 'one'") == [(0,)], table
    assert "0" == without_kpis(project)[0]
    assert loaded(never) | {"days without KPIs": without_kpis(project)} == loaded(project)
    marts = project.marts()
    assert marts_of_loads(context, project) == marts
    for name, rows in marts.items():
        assert rows == duckdb.sql(f"FROM '{project.folder}/exports/{name}.parquet' ORDER BY ALL").fetchall()
    assert cursors(project) == {"downloads_two"}
    shutil.rmtree(project.folder / "dlt")
    with project.warehouse() as warehouse:
        warehouse.pipeline.sync_destination()
    assert cursors(project) == {"downloads_two"}


def test_nothing_is_left_of_a_forgotten_project(
    copy: Installation, never: Installation, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows, quarantine, loads, dlt's cursor and files, lake, KPIs and exports are as if it had never been."""
    monkeypatch.setenv("DESTINATIONS", '["warehouse", "lake"]')
    monkeypatch.setenv("DESTINATION__LAKE__BUCKET_URL", str(tmp_path / "lake"))
    assert 18 == fill_lake(copy)
    assert cursors(copy) == {"downloads_one", "downloads_two"}
    assert copy.query("SELECT COUNT(*) FROM raw.quarantine") == [(1,)]

    done = copy.cli(*FORGET)

    assert done.returncode == 0, done.stderr
    assert "Compute the KPIs: 10 days recomputed" in done.stdout
    assert not [file for file in (copy.folder / "dlt").rglob("*.parquet") if b"one-1.0.tar.gz" in file.read_bytes()]
    assert {"two"} == {day.project for day in open_lake(copy).manifest()}
    assert_never_had(copy, never, context)


def test_killed_on_the_way_it_is_finished_later(copy: Installation, context: Context) -> None:
    """Before the KPIs, or after them: the same command may go on, and so does the next run, which knows the days."""
    kill(copy, Interruption("pipelines.transform", "transform"))
    assert copy.query("SELECT COUNT(*) FROM raw.file_downloads WHERE project = 'one'") == [(0,)]
    assert copy.query("SELECT COUNT(*) FROM marts.downloads_daily WHERE project = 'one'") == [(10,)]
    pending = without_kpis(copy)
    assert "10" == pending[0]
    with copy.warehouse() as warehouse:
        require_forgettable("one", resolve_settings(), warehouse)

    kill(copy, Interruption("pipelines.warehouse.bookkeeping", "acknowledge"), "run", "--no-site")

    assert marts_of_loads(context, copy) == copy.marts()
    assert copy.query("SELECT COUNT(*) FROM marts.downloads_daily WHERE project = 'one'") == [(0,)]
    assert pending == without_kpis(copy)


def test_killed_before_the_rows_are_gone_it_is_all_or_nothing(copy: Installation) -> None:
    """Without its cursor the project is whole as before, and the same command removes it."""
    before = copy.query(ROWS)
    kill(copy, Interruption("pipelines.warehouse.bookkeeping", "delete_days"))

    assert before == copy.query(ROWS)
    assert copy.load().untracked == ["one"]


def test_added_again_it_gets_its_whole_history(copy: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """No day that it once had counts as loaded, and the KPIs of each are computed again, which had not followed."""
    planned: list[date] = []
    monkeypatch.setattr(
        "pipelines.transform.plan.apply_plan", lambda _warehouse, days, **_options: planned.extend(days)
    )
    with copy.warehouse() as warehouse:
        forget_in_warehouse(["one"], resolve_settings(), warehouse)
    write(copy.source, downloads({"one": dict.fromkeys(range(3, 7), 1), "two": {3: 1}}))

    copy.with_settings(PROJECTS='["one", "two"]').run()

    assert [(july(day),) for day in range(3, 7)] == copy.query(
        "SELECT DISTINCT day FROM raw.file_downloads WHERE project = 'one' ORDER BY 1"
    )
    assert [july(day) for day in range(1, 11)] == planned


REFUSALS = {
    "tracked": ("Two", "The settings still name the project 'two'"),
    "unknown": ("three", "The warehouse does not hold the project 'three'"),
}


@pytest.mark.parametrize(("name", "said"), REFUSALS.values(), ids=REFUSALS)
def test_refuses_what_it_cannot_forget(copy: Installation, name: str, said: str) -> None:
    """The message names the project and what to do; nothing is removed."""
    before = copy.query(ROWS)

    done = copy.cli("forget", name, "--yes", "--no-site")

    assert done.returncode == 1
    assert said in done.stderr
    assert before == copy.query(ROWS)


def test_refuses_to_forget_the_only_project(project: Installation, tmp_path: Path) -> None:
    """Without any project there would be no marts to show."""
    source = write(tmp_path / "rows.parquet", [download(july(1))])
    one = project.reading(source, "one")
    one.load()

    done = one.with_settings(PROJECTS='["two"]').cli(*FORGET)

    assert done.returncode == 1
    assert "holds only the project 'one'" in done.stderr
    assert one.query("SELECT COUNT(*) FROM raw.file_downloads") == [(1,)]


def kill(project: Installation, interruption: Interruption, *arguments: str) -> None:
    """Forget the first project, or call another command, and die on the way."""
    dead = call(command_line, *(arguments or FORGET), environment=project.environment, interruption=interruption)
    assert dead.returncode == -signal.SIGKILL


def test_declined_question_removes_nothing_and_says_so(copy: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1; the question names a bill only where the upstream has one."""
    asked: list[str] = []

    def decline(question: str, **_options: object) -> None:
        asked.append(question)
        raise typer.Abort

    monkeypatch.setattr(typer, "confirm", decline)
    before = loaded(copy)

    done = copy.cli("forget", "one", "--no-site")
    with_bill = copy.with_settings(UPSTREAM="bigquery").cli("forget", "one", "--no-site")

    assert (done.returncode, with_bill.returncode) == (1, 1)
    assert "Aborted" in done.stderr
    assert ["billed" in question for question in asked] == [False, True]
    assert loaded(copy) == before


def test_days_that_are_not_over_are_named_and_taken_back(
    computed: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run with a clock that is ahead has loaded one: each run stops, and one command makes all as it was."""
    monkeypatch.setenv("DESTINATIONS", '["warehouse", "lake"]')
    monkeypatch.setenv("DESTINATION__LAKE__BUCKET_URL", str(tmp_path / "lake"))
    before, marts = computed.query(ROWS), computed.marts()
    ahead = computed.with_settings(PARQUET_PATH=str(computed.source.parent))
    write(computed.source.parent / "later.parquet", [download(date(2099, 1, 5))])
    ahead.load(datetime(2099, 2, 1, tzinfo=UTC), Backfill(["one"], date(2099, 1, 5), date(2099, 1, 6)))
    assert 19 == fill_lake(ahead)

    stopped = computed.cli()
    back = computed.cli("forget", "--from", "2099-01-01", "--yes", "--no-site")

    assert stopped.returncode == 1
    assert "1 days count as loaded that are not over: 2099-01-05 to 2099-01-05" in stopped.stderr
    assert "`just forget --from 2099-01-05` removes them" in " ".join(stopped.stderr.split())
    assert back.returncode == 0, back.stderr
    assert before == computed.query(ROWS)
    assert marts == computed.marts()
    assert not open_lake(computed).keys("file_downloads")[18:]
    assert computed.load().windows == []


def test_days_that_are_forgotten_are_loaded_again(project: Installation, tmp_path: Path) -> None:
    """Their file has not changed, and the record of it still says that it holds them."""
    source = write(tmp_path / "source" / "rows.parquet", downloads({"one": {1: 1, 2: 2, 3: 3}}))
    project = project.reading(source, "one")
    project.load()
    before = project.query(ROWS)
    with project.warehouse() as warehouse:
        forget_in_warehouse(["one"], resolve_settings(), warehouse, july(2))
    assert project.query("SELECT COUNT(*) FROM raw.file_downloads") == [(1,)]

    project.load()

    assert before == project.query(ROWS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Name a project, or a day"),
        (["--from", "2099-01-01"], "No day from 2099-01-01 on is loaded"),
        (["--from", "2026-07-01"], "no day before 2026-07-01"),
    ],
)
def test_refuses_days_that_it_cannot_forget(copy: Installation, arguments: list[str], said: str) -> None:
    """Without days there is nothing to remove, and without any other there would be no marts to show."""
    before = copy.query(ROWS)

    done = copy.cli("forget", *arguments, "--yes", "--no-site")

    assert done.returncode != 0
    assert said in " ".join(done.stderr.replace("│", "").split())
    assert before == copy.query(ROWS)
