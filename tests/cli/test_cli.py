"""The command line and the recipes that call it."""

import re
import subprocess
from datetime import date
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.costs.ledger import ExtractLedger
from pipelines.pypi.billed_queries import BilledQuery
from pipelines.pypi.settings import resolve_settings
from pipelines.pypi.windows import Window
from tests.support.commands import COMMANDS, JUSTFILE, LISTED, RECIPES
from tests.support.installation import ROOT, Installation


def test_run_tells_what_it_did_and_a_second_run_that_nothing_was_left(
    demo_project: Installation, demo_runs: dict[str, str]
) -> None:
    """A run ends with window, rows, KPIs and what to try next; the next loads nothing twice, and says so."""
    first, second = demo_runs["first"], demo_runs["second"]

    assert "Loaded 2026-04-02 to 2026-06-30 of 4 projects: 199,993 rows accepted, 7 quarantined." in first
    assert "KPIs recomputed: 90 days" in first
    assert "demo data: generated, not real" in first
    for (name,) in demo_project.query("SELECT project FROM marts.project_summary"):
        assert name in first
    assert "Nothing to load" in second
    assert "KPIs recomputed" not in second
    assert "Export the marts: unchanged" in second
    assert demo_project.query("SELECT COUNT(*) FROM raw.file_downloads") == [(199_993,)]


def test_plan_shows_no_change(demo_project: Installation) -> None:
    """On a finished run there is nothing to plan, whatever the model."""
    plan = demo_project.cli("plan")

    assert plan.returncode == 0, plan.stderr
    assert "No changes to plan" in plan.stdout
    assert "compared with production" not in plan.stdout
    assert "recomputed with the same rows" not in plan.stdout


def test_audits_of_a_finished_run_pass(computed_once: Installation) -> None:
    """They are run again over the whole history; the run of the demo, with all models, has passed its audits, too."""
    audit = computed_once.cli("audit")

    assert audit.returncode == 0, audit.stderr
    assert "Finished with 0 failed audits and 0 warnings" in audit.stdout


def change(computed: Installation, schema: str, model: str, assignment: str) -> None:
    """Change a model's rows behind SQLMesh's back."""
    with duckdb.connect(computed.file) as connection:
        [(table,)] = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE table_name LIKE ?", [f"{schema}__{model}__%"]
        ).fetchall()
        connection.execute(f"UPDATE sqlmesh__{schema}.{table} SET {assignment}")


def test_audit_of_wrong_marts_fails(computed: Installation) -> None:
    """A number that was changed behind SQLMesh's back is found, and the exit code says so."""
    change(computed, "marts", "downloads_daily", "downloads = downloads + 1")

    done = computed.cli("audit")

    assert done.returncode == 1
    assert "FAIL classes_sum_to_total on marts.downloads_daily" in done.stdout
    assert "audits failed" in done.stderr
    assert "nothing was exported" not in done.stderr


def test_installer_that_nobody_knows_does_not_fail_an_audit(computed: Installation) -> None:
    """Any stranger can send a new name: the audit only warns of it, and names it by its query."""
    change(computed, "staging", "daily_downloads", "installer = 'stranger', installer_class = 'unknown'")

    done = computed.cli("audit")

    assert done.returncode == 0, done.stdout[-2000:]
    assert "WARN installers_are_listed on staging.daily_downloads" in done.stdout
    assert "0 failed audits and 1 warnings" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command: str) -> None:
    """Each command has a help text."""
    result = CliRunner().invoke(app, [command, "--help"])

    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 5


def test_each_command_has_a_recipe() -> None:
    """Each command has a recipe of its name, and no recipe calls a command that does not exist."""
    calls = re.findall(
        r"^(\w+)[^\n]*:[^\n]*\n(?:    [^\n]*\n)*?    @\S+ \S+ \S+ -m pipelines (\w+)", JUSTFILE, re.MULTILINE
    )

    assert [(command, command) for command in COMMANDS] == sorted(calls)


def test_each_recipe_has_its_line() -> None:
    """`just` lists at most 34 recipes in groups, each with one line of comment."""
    hidden = re.findall(r"^# .+\n\[private\]\n(\w+)", JUSTFILE, re.MULTILINE)

    assert sorted(RECIPES) == sorted(LISTED + hidden)
    assert len(LISTED) <= 34


@pytest.mark.slow
def test_reset_removes_demo_data_only(demo: Path, project: Installation) -> None:
    """A warehouse of demo data goes with all that belongs to it."""
    small = Installation.of_demo(project.folder, demo).with_settings(END_DATE="2026-04-03")
    small.load()
    badge = small.folder / "marts" / "badges" / "saltmarsh.json"
    badge.parent.mkdir(parents=True)
    badge.touch()

    done = small.cli("reset", "--yes")

    assert done.returncode == 0
    assert not badge.exists(), "a badge of demo data would be published beside real ones"
    assert not small.file.exists()
    assert not (small.folder / "dlt").exists()


def test_reset_keeps_what_queries_have_cost(demo: Path, project: Installation) -> None:
    """The money is spent: the month's budget counts it after a reset, too, and the command says so."""
    small = Installation.of_demo(project.folder, demo).with_settings(END_DATE="2026-04-03")
    small.load()
    with small.warehouse() as warehouse:
        ledger = ExtractLedger(warehouse, resolve_settings())
        ledger.begin(BilledQuery("a", "gcp", "US", Window("one", date(2026, 6, 1), date(2026, 6, 2)), 2**40))

    done = small.cli("reset", "--yes")

    assert "The ledger stays: its 1 queries are paid for" in done.stdout
    assert [("a", 6.25)] == small.query("SELECT job_id, cost FROM raw.extract_ledger")
    assert [] == small.query("SELECT * FROM duckdb_tables() WHERE table_name LIKE 'file_downloads%'")
    assert not (small.folder / "dlt").exists()
    small.load()
    assert [("a",)] == small.query("SELECT job_id FROM raw.extract_ledger")


def test_committed_settings_choose_the_demo() -> None:
    """Nothing of a person's own is needed for the first run, and no secret is in the repository."""
    tracked = subprocess.run(["git", "ls-files", ".dlt"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert {".dlt/config.toml", ".dlt/secrets.toml.example"} == set(tracked.split())
