"""The real table's bill: whole days in the dry run, a thousandth of them in the query; on a server that counts so."""

import json
import re
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import BudgetError, ContractError, SourceError
from pipelines.load import say_failure
from pipelines.warehouse import bookkeeping
from tests.harness.forks import Interruption, call, command_line
from tests.servers.bigquery import Server
from tests.support.content import loaded, published
from tests.support.installation import Installation

pytestmark = pytest.mark.slow

ROW_SCALE, TABLE_SCALE = 1000, 1000
PROJECTS = ["copper-kettle", "saltmarsh"]
READS = "SELECT status, bytes_estimated, bytes_expected, bytes_billed FROM raw.extract_ledger WHERE purpose = 'read'"
PAID = "SELECT purpose, project, start_day, end_day FROM raw.extract_ledger WHERE bytes_billed > 0 ORDER BY ALL"


@pytest.fixture
def vast(project: Installation, server: Server) -> Installation:
    """A week of two projects in a table of the real one's size, nothing loaded yet."""
    server.bill(row_scale=ROW_SCALE, table_scale=TABLE_SCALE)
    return project.with_settings(
        **server.settings, PROJECTS=json.dumps(PROJECTS), START_DATE="2026-04-10", END_DATE="2026-04-17"
    )


def paid(project: Installation) -> list[tuple[Any, ...]]:
    return project.query(PAID)


def test_first_load_passes_by_default_and_is_billed_as_expected(vast: Installation, server: Server) -> None:
    """A bound beyond the budget does not stop a load whose expectation is cents; each project is probed once."""
    report = vast.load()

    assert report.at_most > 6.25
    assert 0 < report.expected < 1
    assert report.expected / 2 < report.spent < report.expected * 2
    assert ["probe", "probe", "read", "read"] == [entry[0] for entry in paid(vast)]
    assert not report.recounted
    for status, at_most, expected, billed in vast.query(READS):
        assert status == "done"
        assert billed / 2 < expected < billed * 2 < at_most
    vast.with_settings(END_DATE="2026-04-18").load()
    assert ["probe"] * 2 + ["read"] * 4 == [entry[0] for entry in paid(vast)]
    limits = [int(job["query"]["maximumBytesBilled"]) for job in server.jobs() if not job.get("dryRun")][-2:]
    assert all(limit > 2**30 for limit in limits)


def test_estimate_is_free_and_knows_what_a_probe_has_found(vast: Installation) -> None:
    """Without a probe the estimate says that it knows the bound only; the probe is asked once, and `run` uses it."""
    free = vast.cli("estimate")
    assert free.returncode == 0, free.stderr
    assert "unknown" in free.stdout
    assert "just estimate --probe" in free.stdout
    assert not vast.file.exists()

    probed = vast.cli("estimate", "--probe")

    assert probed.returncode == 0, probed.stderr
    assert "unknown" not in probed.stdout
    assert len(paid(vast)) == 2
    vast.load()
    assert ["probe", "probe", "read", "read"] == [entry[0] for entry in paid(vast)]
    assert "expected" in vast.cli("costs").stdout


def test_table_that_is_not_clustered_costs_a_probe(vast: Installation, server: Server) -> None:
    """The first probe reads all of its day: the load is refused, with the reason, and nobody else is probed."""
    server.bill(row_scale=ROW_SCALE, table_scale=TABLE_SCALE, prunes=False)

    with pytest.raises(BudgetError, match="does not seem to be clustered by project"):
        vast.load()

    assert ["probe"] == [entry[0] for entry in paid(vast)]


def test_probe_beyond_its_budget_is_not_asked(vast: Installation, server: Server) -> None:
    """What a probe can bill at most is capped by a setting of its own, which the message names."""
    del server
    with pytest.raises(BudgetError, match=r"a probe of 2026-04-16 can bill at most .* A probe may cost \$0.001"):
        vast.with_settings(BUDGET_PER_PROBE="0.001").load()
    assert not vast.file.exists() or paid(vast) == []


def test_half_of_the_expectation_stops_before_the_first_read(vast: Installation) -> None:
    """A load that is expected to cost more than its budget is refused, and the amount that is advised is enough."""
    with pytest.raises(BudgetError, match=r"is expected to cost \$0\.\d\d, at most .* A run may cost") as caught:
        vast.with_settings(BUDGET_PER_RUN="0.001").load()

    assert ["probe", "probe"] == [entry[0] for entry in paid(vast)]
    advised = caught.value.remedy.split(" to ")[1].split()[0]
    assert vast.with_settings(BUDGET_PER_RUN=advised).load().complete


def overtake(project: Installation, server: Server) -> float:
    """Probe, then make each read bill four times as much; return what both reads are expected to cost."""
    assert project.cli("estimate", "--probe").returncode == 0
    server.bill(row_scale=4 * ROW_SCALE, table_scale=TABLE_SCALE / 4)
    probe = project.query("SELECT SUM(bytes_processed / bytes_estimated) FROM raw.extract_ledger")[0][0]
    bound = 1927363 / 3 * 7 * ROW_SCALE * TABLE_SCALE
    return float(probe * bound / 2**40 * 6.25)


def test_bills_beyond_the_budget_stop_the_run_in_between(vast: Installation, server: Server, few_models: Path) -> None:
    """Before each query the run's bills and the next expectation have to fit: what is loaded stays, the rest waits."""
    budget = 1.5 * overtake(vast, server)

    done = replace(vast, models=few_models).with_settings(BUDGET_PER_RUN=str(budget), BUDGET_MARGIN="1").cli()

    assert done.returncode == 1
    assert re.search(
        r"The run has cost \$0\.\d\d so far, the next query \(saltmarsh 2026-04-10 to 2026-04-16\)", done.stderr
    )
    assert "SOURCES__PYPI__BUDGET_PER_RUN" in done.stderr
    assert vast.query("SELECT DISTINCT project FROM raw.committed_days") == [("copper-kettle",)]
    assert vast.query("SELECT DISTINCT project FROM marts.health") == [("copper-kettle",)]


def test_runaway_bill_stops_the_run(vast: Installation, server: Server) -> None:
    """A query that bills many times its expectation has read other projects' blocks: the run stops and says so."""
    overtake(vast, server)
    server.bill(row_scale=ROW_SCALE, table_scale=TABLE_SCALE, prunes=False)

    report = vast.load()

    [(about, error)] = report.failures
    assert "the table no longer seems to be clustered by project" in str(error)
    assert say_failure(about, "").startswith("Not loaded: the days that are left.")
    assert [window.project for window in report.windows] == ["copper-kettle"]


def test_runaway_bill_of_the_last_query_leaves_no_day(vast: Installation, server: Server) -> None:
    """The run fails all the same, and does not say that days are missing."""
    one = vast.with_settings(PROJECTS='["copper-kettle"]')
    assert one.cli("estimate", "--probe").returncode == 0
    server.bill(row_scale=ROW_SCALE, table_scale=TABLE_SCALE, prunes=False)

    report = one.load()

    [(about, error)] = report.failures
    assert say_failure(about, error.what).startswith("Nothing was left to load. The query of copper-kettle 2026-04-10")
    assert len(report.windows) == 1
    with pytest.raises(BudgetError, match="no longer seems to be clustered"):
        report.require_complete()


def test_guard_by_bound_is_strict_and_asks_no_probe(vast: Installation) -> None:
    """The rule of a fixed limit: the most that BigQuery could bill has to fit the budget."""
    strict = vast.with_settings(GUARD="bound")

    with pytest.raises(BudgetError, match="The load costs at most"):
        strict.load()

    assert not strict.file.exists() or paid(strict) == []


def test_custom_quota_is_compared_with_the_bound(vast: Installation, server: Server) -> None:
    """Google's quota knows no clustering either: the message names it, and nothing but the probes is billed."""
    server.bill(row_scale=ROW_SCALE, table_scale=TABLE_SCALE, quota=2**40)

    with pytest.raises(SourceError, match="A quota of the Google Cloud project"):
        vast.with_settings(PROJECTS='["saltmarsh"]').load()

    assert ["probe"] == [entry[0] for entry in paid(vast)]


def test_result_that_is_too_large_names_the_settings(vast: Installation, server: Server) -> None:
    """BigQuery's refusal is about the chunk, not about credentials."""
    server.bill(row_scale=ROW_SCALE, table_scale=TABLE_SCALE, result_limit=2**30)

    with pytest.raises(SourceError, match="chunk_gib"):
        vast.with_settings(PROJECTS='["saltmarsh"]').load()

    assert vast.with_settings(PROJECTS='["saltmarsh"]', CHUNK_GIB="0.5").load().complete


def test_chunks_by_bytes_read_each_day_once(vast: Installation, tmp_path: Path) -> None:
    """A chunk is as many days as the expected bytes allow; together they are the whole window."""
    whole = vast.with_settings(PROJECTS='["saltmarsh"]')
    cut = replace(whole, folder=tmp_path / "cut" / "data").with_settings(CHUNK_GIB="1")

    first, report = whole.load(), cut.load()

    assert (report.accepted, report.quarantined) == (first.accepted, first.quarantined)
    assert 1 < len(report.windows) < 7
    assert loaded(whole) == loaded(cut)


def test_contract_that_one_project_breaks_is_paid_for_once(vast: Installation, server: Server) -> None:
    """The others are loaded; a read that failed the contract is not paid for again, however many runs there are."""
    broken = vast.with_settings(TOLERANCE="0", PROJECTS='["copper-kettle", "saltmarsh", "lanternfish"]')
    first = broken.load()
    bills = paid(broken)

    assert {"read"} | {"probe"} == {entry[0] for entry in bills}
    failed = {project for project, error in first.failures if isinstance(error, ContractError)}
    assert 0 < len(failed) < 3
    for _ in range(2):
        again = broken.load()
        assert failed == {window.split()[0] for window, _ in again.failures}
        assert all("are not paid for again" in str(error) for _, error in again.failures)
    assert bills == paid(broken)

    tolerant = broken.with_settings(TOLERANCE="0.5").load()

    assert tolerant.complete
    assert bills == paid(broken)
    del server


READING = Interruption("pipelines.pypi.source", "split")
LOADING = Interruption("dlt.common.storages.load_package:PackageStorage", "complete_job", nth=3)
COMMITTED = Interruption("pipelines.costs.ledger:ExtractLedger", "settle_committed", nth=2)
EXPORTING = Interruption("pipelines.exports", "_write")
KILLS = [(READING, 0), (LOADING, 0), (READING, 1), (COMMITTED, 2), (READING, 2), (COMMITTED, 3), (EXPORTING, 3)]
"""Moments of a run of three chunks, each with how many days it leaves committed: a run begins where the last died."""
LEDGER = "SELECT * EXCLUDE (job_id, started_at, seconds, bytes_expected) FROM raw.extract_ledger ORDER BY ALL"
"""Without what was expected: a run that begins later knows more bills."""


def test_kill_at_each_chunk_changes_nothing_and_pays_no_day_twice(
    vast: Installation, few_models: Path, tmp_path: Path
) -> None:
    """Runs that die in each of three chunks leave the rows, ledger, marts and exports of one that nothing disturbs."""
    project = vast.with_settings(PROJECTS='["copper-kettle"]', CHUNK_ROWS="1", END_DATE="2026-04-13")
    killed = replace(project, models=few_models)
    undisturbed = replace(killed, folder=tmp_path / "undisturbed" / "data")
    assert undisturbed.cli().returncode == 0

    for kill, days in KILLS:
        dead = call(command_line, "run", "--no-site", environment=killed.environment, interruption=kill)
        assert dead.returncode == -signal.SIGKILL, dead.stderr
        with killed.warehouse() as warehouse:
            assert days == len(bookkeeping.committed_days(warehouse))
    done = killed.cli()

    assert done.returncode == 0, done.stderr
    assert loaded(undisturbed) | published(undisturbed) == loaded(killed) | published(killed)
    assert undisturbed.query(LEDGER) == killed.query(LEDGER)
