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
from tests.support.installation import ROOT

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
