"""The state of runs on machines that keep nothing: a lake on a branch of one commit, in a repository of the test."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.lake.branch import save_lake
from tests.support.installation import ROOT, Done, Installation
from tests.support.lakes import assert_agree, fill_lake, open_lake
from tests.support.rows import downloads, july, write

pytestmark = pytest.mark.slow

GIT = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org"]
HUSH = "hush-hush"
HOSTS = ("github.test", "elsewhere.test")
COUNTS = {"one": {1: 2, 2: 1}, "two": {1: 1, 2: 0}}


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run([*GIT, *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def machine(folder: Path, source: Path, patch: pytest.MonkeyPatch) -> Installation:
    """A machine that has cloned `origin.git` beside `folder`, and nothing else; the process goes there."""
    git(folder.parent, "clone", "--quiet", "origin.git", folder.name)
    shutil.copytree(ROOT / ".dlt", folder / ".dlt")
    patch.chdir(folder)
    patch.setenv("DESTINATIONS", '["warehouse", "lake"]')
    patch.setenv("DESTINATION__LAKE__BUCKET_URL", str(folder / "lake"))
    return Installation(folder / "data").reading(source, "one", "two", END_DATE="2026-07-03")


@pytest.fixture(scope="module")
def saved_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with `origin.git`, to which a first machine has saved two days of two projects."""
    folder = tmp_path_factory.mktemp("saved")
    with pytest.MonkeyPatch.context() as patch:
        git(folder, "init", "--quiet", "--bare", "origin.git")
        project = machine(folder / "first", write(folder / "rows.parquet", downloads(COUNTS)), patch)
        project.load()
        assert 4 == fill_lake(project)
        assert save_lake(open_lake(project))
        # Beside it, dlt keeps small files of each load.
        assert list((folder / "first" / "lake").rglob("_dlt*"))
        assert not save_lake(open_lake(project))
        yield folder


@pytest.fixture
def saved(saved_once: Path, tmp_path: Path) -> Path:
    """A copy of it, which the test may change."""
    shutil.copytree(saved_once, tmp_path / "saved", symlinks=True)
    git(tmp_path / "saved" / "first", "remote", "set-url", "origin", str(tmp_path / "saved" / "origin.git"))
    return tmp_path / "saved"


@pytest.fixture
def next_machine(saved: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A new machine, on which nothing is restored yet."""
    return machine(saved / "next", saved / "rows.parquet", monkeypatch)


def restore(project: Installation, **environment: str) -> Done:
    return project.cli("publish", "restore", **environment)


def replace_branch(saved: Path, change: str) -> None:
    """Replace the branch by one whose files a shell command has changed."""
    git(saved, "clone", "--quiet", "--branch", "state", "origin.git", "other")
    subprocess.run(change, cwd=saved / "other", shell=True, check=True)  # noqa: S602 - a command of a test
    git(saved / "other", "add", "--all")
    git(saved / "other", "commit", "--quiet", "--allow-empty", "--message", "changed")
    git(saved / "other", "push", "--quiet", "origin", "HEAD:state")


def test_next_machine_has_what_the_last_one_saved(next_machine: Installation, saved: Path) -> None:
    """All rows are restored from one commit, which has nothing but the lake's files; upstream is not asked."""
    done = restore(next_machine, SOURCES__PYPI__PARQUET_PATH="gone")

    assert (done.returncode, done.stderr) == (0, "")
    assert_agree(next_machine)
    assert "1" == git(saved / "origin.git", "rev-list", "--count", "state")
    names = git(saved / "origin.git", "ls-tree", "-r", "--name-only", "state").splitlines()
    assert {"file_downloads", "manifest", "extract_ledger", "init"} == {name.split("/")[1] for name in names}


def test_next_day_is_added_to_the_one_commit(next_machine: Installation, saved: Path) -> None:
    """The branch has one commit after the second machine, too, and a lake that is filled is not fetched over."""
    restore(next_machine)
    write(next_machine.source, downloads({name: {**days, 3: 4} for name, days in COUNTS.items()}))
    later = next_machine.with_settings(END_DATE="2026-07-04")
    later.load()
    fill_lake(later)

    assert save_lake(open_lake(later))

    assert "1" == git(saved / "origin.git", "rev-list", "--count", "state")
    assert f"day={july(3)}" in git(saved / "origin.git", "ls-tree", "-r", "--name-only", "state")
    again = restore(later)
    assert again.returncode == 1
    assert "is filled already" in again.stderr


def test_missing_branch_is_a_first_run(next_machine: Installation, saved: Path) -> None:
    """The command says so, and from which day on the run will load."""
    git(saved / "origin.git", "update-ref", "-d", "refs/heads/state")

    done = restore(next_machine)

    assert (done.returncode, done.stderr) == (0, "")
    assert "There is no saved state" in done.stdout
    assert "from 2026-07-01 on" in done.stdout


@pytest.mark.parametrize(
    ("change", "words"),
    {
        "foreign": ("echo hello > README.md", "is not a lake that a run has saved: it has README.md"),
        "link": ("ln -sf /etc/passwd raw/manifest/manifest.parquet", "it has raw/manifest/manifest.parquet"),
        "no manifest": ("rm -r raw/manifest", "has no manifest, or one without a day"),
        "lost day": ("rm raw/file_downloads/day=2026-07-01/one.parquet", "was cut: its manifest lists raw/"),
        "cut file": ("truncate -s 100 raw/file_downloads/day=2026-07-01/one.parquet", "is damaged"),
        "cut manifest": ("truncate -s 100 raw/manifest/manifest.parquet", "is damaged"),
    }.values(),
)
def test_damaged_or_foreign_state_is_refused(next_machine: Installation, saved: Path, change: str, words: str) -> None:
    """It is no first run, for which all would be loaded again, and no part of it is loaded."""
    replace_branch(saved, change)

    done = restore(next_machine)

    assert done.returncode == 1
    assert words in done.stderr.replace("\n", " ")
    assert not next_machine.file.exists() or not next_machine.query(
        "SELECT 1 FROM information_schema.tables WHERE table_name = 'load_days'"
    )


def test_state_of_other_projects_is_refused(next_machine: Installation) -> None:
    """A fork may bring the branch of its origin along."""
    done = restore(next_machine, SOURCES__PYPI__PROJECTS=json.dumps(["mine"]))

    assert done.returncode == 1
    assert "holds days of one, two, and of no project that is counted here" in done.stderr
    assert "git push origin --delete state" in done.stderr


def test_remote_that_does_not_answer_is_no_missing_branch(next_machine: Installation, saved: Path) -> None:
    """An outage must not look like a first run."""
    (saved / "origin.git").rename(saved / "away.git")

    done = restore(next_machine)

    assert done.returncode == 1
    assert "cannot be used; `git ls-remote` says:" in done.stderr


def test_branch_that_another_run_has_replaced_is_kept(next_machine: Installation, saved: Path) -> None:
    """Two runs at once cannot lose each other's days unseen."""
    restore(next_machine)
    replace_branch(saved, "true")
    theirs = git(saved / "origin.git", "rev-parse", "state")

    done = next_machine.cli("publish", "save")

    assert done.returncode == 1
    assert "`git push` says:" in done.stderr
    assert theirs == git(saved / "origin.git", "rev-parse", "state")


def test_token_reaches_git_by_the_environment_alone(
    next_machine: Installation, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in no argument, address or file; git sends it to the server of the workflow only."""
    real, seen = shutil.which("git"), tmp_path / "seen"
    (tmp_path / "bin").mkdir()
    stand_in = tmp_path / "bin" / "git"
    asks = "".join(
        f"{real} config --get-urlmatch http.extraheader https://{host}/a/b >>{seen}.{host}\n" for host in HOSTS
    )
    stand_in.write_text(f'#!/bin/sh\necho "$@" >>{seen}\n{asks}exec {real} "$@"\n')
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stand_in.parent}{os.pathsep}{os.environ['PATH']}")

    done = restore(next_machine, GITHUB_TOKEN=HUSH, GITHUB_SERVER_URL="https://github.test")

    assert done.returncode == 0, done.stderr
    assert HUSH not in seen.read_text() + (saved / "next" / ".git" / "config").read_text()
    assert "Authorization: Basic eC1hY2Nlc3MtdG9rZW46aHVzaC1odXNo" in Path(f"{seen}.github.test").read_text()
    assert Path(f"{seen}.elsewhere.test").read_text() == ""


def test_lake_in_a_bucket_is_no_branch(
    next_machine: Installation, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps itself: saving asks neither git nor the bucket, for which the step has no key."""
    monkeypatch.setenv("DESTINATION__LAKE__BUCKET_URL", "s3://bucket/prefix")
    before = git(saved / "origin.git", "rev-parse", "state")

    done = next_machine.cli("publish", "save")

    assert (done.returncode, done.stderr) == (0, "")
    assert before == git(saved / "origin.git", "rev-parse", "state")
