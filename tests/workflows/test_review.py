"""The review of a change: what it says in each case, and one review of a changed model by the command itself."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from tests.harness.review import Called, review
from tests.servers.github import GitHub
from tests.support.installation import ROOT, Installation
from tests.support.rows import downloads, write
from tests.workflows.runner import commit, make_origin

FILL = ("run", "--no-site")
PLAN = "**Directly Modified:**\n* `marts.health` (Breaking)\n\nMarts that would be recomputed with the same rows: 2."
PRINTED = {
    "plan": PLAN,
    "audit": "PASS not_null on marts.health\nFinished with 0 failed audits and 0 warnings.",
    "estimate": "Files cost nothing.",
}


def reviewed(folder: Path, failures: Mapping[str, str] | None = None) -> tuple[str, bool]:
    """A review in which commands print this, and those named `failures` fail: `base run`, or `audit`."""
    base = folder / "base"
    (base / "requirements").mkdir(parents=True)
    shutil.copy(ROOT / "requirements" / "dev.txt", base / "requirements")

    def call(checkout: Path, warehouse: Path, *arguments: str) -> Called:
        del warehouse
        name = f"base {arguments[0]}" if checkout == base else arguments[0]
        if failures and name in failures:
            return Called(1, failures[name], 1.0)
        return Called(0, PRINTED.get(arguments[0], "done"), 2.0 if checkout == base else 3.5)

    return review(base, folder, FILL, call)


def test_change_that_passes_has_its_plan_audits_costs_and_seconds(tmp_path: Path) -> None:
    """The plan is Markdown already; of the audits only those that did not pass are named."""
    text, passed = reviewed(tmp_path)

    assert passed
    assert text.startswith("**Passed:**")
    assert PLAN in text
    assert "| a first run, without the site | 2.0 | 3.5 |" in text
    assert "Finished with 0 failed audits" in text
    assert "PASS" not in text
    assert "Files cost nothing." in text
    assert "packages differ" not in text


@pytest.mark.parametrize(
    ("failures", "words"),
    [
        (
            {"audit": "FAIL unique on marts.health\nFinished with 1 failed audits."},
            ["**Failed:** audits.", "FAIL unique"],
        ),
        ({"plan": "Error: ci.sql cannot be parsed"}, ["**Failed:** plan.", "Error: ci.sql cannot be parsed"]),
        ({"run": "Error: a unit test failed ~~~"}, ["**Failed:** apply, first run.", "a unit test failed ~ ~ ~"]),
        ({"base run": "Error: no"}, ["**Failed:** the base cannot be computed.", "Error: no"]),
    ],
)
def test_failure_fails_the_check_and_is_quoted(tmp_path: Path, failures: dict[str, str], words: list[str]) -> None:
    """An audit, a model that cannot be read, a unit test, or a base that is broken already."""
    text, passed = reviewed(tmp_path, failures)

    assert not passed
    for part in words:
        assert part in text


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_change_of_meaning_and_pure_rename_are_told_in_one_comment(tmp_path: Path, few_models: Path) -> None:
    """The command compares two commits: both models are named, rows only of the one that means something else."""
    clone = make_origin(tmp_path).with_name("work")
    shutil.rmtree(clone / "sqlmesh")
    shutil.copytree(few_models, clone / "sqlmesh", ignore=shutil.ignore_patterns(".cache", "logs"))
    commit(clone, "few models")
    model = clone / "sqlmesh" / "models" / "marts" / "health.sql"
    text = model.read_text()
    column = "COALESCE(d.other_fetches, 0)::BIGINT"
    assert column in text
    # The unit tests of the model, which have other projects, pass.
    changed = "(COALESCE(d.other_fetches, 0) + CASE WHEN e.project = 'reviewed' THEN 1 ELSE 0 END)::BIGINT"
    model.write_text(text.replace(column, changed))
    renamed = clone / "sqlmesh" / "models" / "marts" / "manylinux.sql"
    renamed.write_text(
        renamed.read_text().replace("FROM staging.daily_platforms\n", "FROM staging.daily_platforms AS p\n")
    )
    commit(clone, "another meaning, and another name")
    (clone / ".venv").symlink_to(ROOT / ".venv")
    upstream = write(tmp_path / "rows.parquet", downloads({"reviewed": dict.fromkeys(range(1, 4), 2)}))
    project = Installation(tmp_path / "unused").reading(upstream, "reviewed")

    done = subprocess.run(
        [sys.executable, "-m", "tests.harness.review", "HEAD~1", "--to", "review.md", "--settings"],
        cwd=clone,
        env=os.environ | project.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "marts.health` (Breaking)" in done.stdout
    assert "| marts.health | 3 | 3 | 0 | 0 | 3 |" in done.stdout
    assert "marts.manylinux` (Breaking)" in done.stdout
    assert "| marts.manylinux |" not in done.stdout
    assert not list((clone / ".git" / "worktrees").glob("*"))
    with GitHub("you/stats") as github:
        variables = {"GITHUB_API_URL": github.url, "GITHUB_REPOSITORY": "you/stats", "GITHUB_TOKEN": "token"}
        for _ in range(2):
            told = project.cli("publish", "comment", str(clone / "review.md"), "--number", "5", **variables)
            assert told.returncode == 0, told.stderr
        [comment] = github.comments
    assert comment["body"] == f"<!-- just review -->\n{(clone / 'review.md').read_text()}"


def test_pull_request_of_a_fork_is_reviewed_without_a_secret() -> None:
    """The step that reviews gets no token; the one that comments is left out, because a fork's token may not write."""
    steps = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]["review"]["steps"]
    [reviews] = [step for step in steps if "just review" in step.get("run", "")]
    [comments] = [step for step in steps if "just publish comment" in step.get("run", "")]

    assert "env" not in reviews
    assert "GITHUB_STEP_SUMMARY" in reviews["run"]
    assert "github.event.pull_request.head.repo.full_name == github.repository" in comments["if"]
    assert [step for step in steps if "github.token" in str(step)] == [comments]


def test_commit_that_does_not_exist_is_one_message(tmp_path: Path) -> None:
    """Nothing is left behind."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.harness.review", "no-such-branch"],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "Error: no-such-branch cannot be checked out." in done.stderr
    assert list(tmp_path.iterdir()) == []
