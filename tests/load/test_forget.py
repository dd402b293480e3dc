"""A project that is forgotten is gone everywhere, whenever the command is killed."""

import os
import shutil
import signal
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.load.forget import forget_in_warehouse
from pipelines.pypi.settings import resolve_settings
from tests.support.installation import ROOT, Installation
from tests.support.rows import download, write

pytestmark = pytest.mark.slow

DAYS = [date(2026, 7, 1) + timedelta(days=n) for n in range(9)]
ROWS = "SELECT * EXCLUDE (ordinal, _dlt_load_id) FROM raw.file_downloads ORDER BY ALL"
FORGET = ("forget", "one", "--yes", "--no-site")
BY_PROJECT = ("file_downloads", "quarantine", "loaded_days", "forgotten_days", "tracked_projects")

# Dies where `moment`, a function of `place`, is called: before it does anything.
KILL = """
import os, pkgutil, signal, sys
place, moment, *argv = sys.argv[1:]
setattr(pkgutil.resolve_name(place), moment, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
sys.argv = ["pipelines", *argv]
from pipelines.cli import main
main()
"""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Two projects, loaded, computed and exported; the first has more days, and a row in quarantine."""
    folder = tmp_path_factory.mktemp("both")
    broken = download(DAYS[0], country_code="xx")
    source = write(folder / "source" / "rows.parquet", [*map(download, DAYS), broken])
    one = Installation(
        folder / "data", {"PARQUET_PATH": str(source), "START_DATE": "2026-07-01", "PROJECTS": '["one"]'}
    )
    one.load()
    write(source, [download(day, "two") for day in DAYS[1:4]])
    two = one.with_settings(PROJECTS='["two"]').run()
    two.export()
    return two


@pytest.fixture
def copy(both: Installation, tmp_path: Path) -> Installation:
    """The settings of the copy name the second project only."""
    shutil.copytree(both.folder, tmp_path / "copy")
    return Installation(tmp_path / "copy", both.settings)


@pytest.fixture(scope="module")
def never(both: Installation, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A warehouse that never had the first project."""
    project = Installation(tmp_path_factory.mktemp("never") / "data", both.settings).run()
    project.export()
    return project


def cursors(project: Installation) -> set[str]:
    """The resources of which dlt keeps a state, by its own account."""
    with project.warehouse() as warehouse:
        sources: dict[str, Any] = warehouse.pipeline.state["sources"]
        return set(sources["pypi"]["resources"])


def assert_never_had(project: Installation, never: Installation) -> None:
    """Rows, marts and exports are those of a warehouse that never had the project; nothing of it is left."""
    for table in BY_PROJECT:
        assert project.query(f"SELECT COUNT(*) FROM raw.{table} WHERE project = 'one'") == [(0,)], table
    assert never.query(ROWS) == project.query(ROWS)
    assert never.marts() == project.marts()
    assert never.export().digests == project.export().digests
    assert cursors(project) == {"downloads_two"}
    shutil.rmtree(project.folder / "dlt")
    with project.warehouse() as warehouse:
        warehouse.pipeline.sync_destination()
    assert cursors(project) == {"downloads_two"}


def test_nothing_is_left_of_a_forgotten_project(copy: Installation, never: Installation) -> None:
    """Rows, quarantine, loads, dlt's cursor and files, KPIs and exports are as if it had never been."""
    assert cursors(copy) == {"downloads_one", "downloads_two"}
    assert copy.query("SELECT COUNT(*) FROM raw.quarantine") == [(1,)]

    done = copy.cli(*FORGET)

    assert done.returncode == 0, done.stderr
    assert "Compute the KPIs: 9 days recomputed" in done.stdout
    assert not [file for file in (copy.folder / "dlt").rglob("*.parquet") if b"one-1.0.tar.gz" in file.read_bytes()]
    assert_never_had(copy, never)


def test_killed_on_the_way_it_is_finished_later(copy: Installation, never: Installation) -> None:
    """Before the KPIs, or after them: the same command goes on, and so does the next run."""
    kill(copy, "pipelines.transform", "transform")
    assert copy.query("SELECT COUNT(*) FROM raw.file_downloads WHERE project = 'one'") == [(0,)]
    assert copy.query("SELECT COUNT(*) FROM marts.downloads_daily WHERE project = 'one'") == [(9,)]

    kill(copy, "pipelines.warehouse.bookkeeping", "acknowledge")
    assert never.marts() == copy.marts()
    assert copy.query("SELECT COUNT(*) FROM raw.forgotten_days") == [(9,)]

    assert copy.cli("run", "--no-site").returncode == 0
    assert_never_had(copy, never)


def test_killed_before_the_rows_are_gone_it_is_all_or_nothing(copy: Installation) -> None:
    """Without its cursor the project is whole as before, and the same command removes it."""
    before = copy.query(ROWS)
    kill(copy, "pipelines.warehouse.bookkeeping", "delete_project")

    assert before == copy.query(ROWS)
    assert copy.load().untracked == ["one"]


def test_added_again_it_gets_its_whole_history(copy: Installation) -> None:
    """No day that it once had counts as loaded, and its KPIs have only the new ones, though they had not followed."""
    with copy.warehouse() as warehouse:
        forget_in_warehouse("one", resolve_settings(), warehouse)
    write(copy.folder / "rows.parquet", [download(day, name) for day in DAYS[:6] for name in ("one", "two")])

    copy.with_settings(PARQUET_PATH=str(copy.folder / "rows.parquet"), PROJECTS='["one", "two"]').run()

    assert [(day,) for day in DAYS[:6]] == copy.query(
        "SELECT day FROM marts.downloads_daily WHERE project = 'one' ORDER BY 1"
    )


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
    source = write(tmp_path / "rows.parquet", [download(DAYS[0])])
    one = project.with_settings(PARQUET_PATH=str(source), PROJECTS='["one"]', START_DATE="2026-07-01")
    one.load()

    done = one.with_settings(PROJECTS='["two"]').cli(*FORGET)

    assert done.returncode == 1
    assert "holds only the project 'one'" in done.stderr
    assert one.query("SELECT COUNT(*) FROM raw.file_downloads") == [(1,)]


def kill(project: Installation, place: str, moment: str) -> None:
    """Forget the first project, and die where `moment` would begin."""
    command = [sys.executable, "-c", KILL, place, moment, *FORGET]
    dead = subprocess.run(command, cwd=ROOT, env=os.environ | project.environment, check=False)
    assert dead.returncode == -signal.SIGKILL
