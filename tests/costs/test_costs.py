"""The cost guard: estimates and budgets before a query, and a ledger that outlives a killed run."""

import signal
from typing import Any

import pytest

from pipelines.errors import BudgetError
from pipelines.pypi.settings import TIB
from tests.harness.forks import Interruption, call, command_line
from tests.servers.bigquery import Server
from tests.support.installation import Installation

LEDGER = "SELECT status, bytes_estimated, bytes_billed, rows_read FROM raw.extract_ledger ORDER BY started_at"


@pytest.fixture
def billed(project: Installation, server: Server) -> Installation:
    """Three days of two projects on the server, nothing loaded yet."""
    return project.with_settings(
        **server.settings,
        PROJECTS='["copper-kettle", "saltmarsh"]',
        START_DATE="2026-05-11",
        END_DATE="2026-05-14",
    )


def paid_jobs(server: Server) -> list[dict[str, Any]]:
    return [job for job in server.jobs() if not job.get("dryRun")]


def test_estimate_shows_figures_and_reads_nothing(billed: Installation, server: Server) -> None:
    """Each project and the sum have days, and bytes and cost as expected and at most; nothing is billed or written."""
    before = len(paid_jobs(server))

    done = billed.cli("estimate")

    assert done.returncode == 0, done.stderr
    for expected in (
        "copper-kettle",
        "saltmarsh",
        "2026-05-11 to 2026-05-13",
        "total",
        "GiB",
        "$0.01",
        "expected",
        "at most",
    ):
        assert expected in done.stdout
    assert before == len(paid_jobs(server))
    assert not billed.file.exists()


def test_run_over_its_budget_stops_before_it_asks(billed: Installation, server: Server) -> None:
    """Over the budget of a run there is no query: figures and the setting to raise, exit code 1."""
    before = len(paid_jobs(server))

    done = billed.with_settings(BUDGET_PER_RUN="0.00001").cli()

    assert done.returncode == 1
    assert "The load costs at most $0.01. A run may cost $0.00001." in done.stderr
    assert "SOURCES__PYPI__BUDGET_PER_RUN" in done.stderr
    assert before == len(paid_jobs(server))


def test_month_budget_counts_what_is_spent(billed: Installation, server: Server) -> None:
    """The ledger of the month and the estimate together must fit; a later load is refused where the first was not."""
    billed.load()
    spent = float(billed.query("SELECT SUM(cost) FROM raw.extract_ledger")[0][0])
    estimated = float(billed.query("SELECT SUM(bytes_estimated) FROM raw.extract_ledger")[0][0]) / TIB * 6.25
    again = billed.with_settings(LAG_DAYS="3")
    before = len(paid_jobs(server))

    with pytest.raises(BudgetError, match=r"The queries of \w+ have cost \$0\.01, and a month may cost"):
        again.with_settings(BUDGET_PER_MONTH=str(spent + estimated - 1e-6)).load()
    assert before == len(paid_jobs(server))

    again.with_settings(BUDGET_PER_MONTH=str(spent + estimated + 1e-6)).load()
    assert before + 2 == len(paid_jobs(server))


def test_ledger_has_what_bigquery_billed(billed: Installation, server: Server) -> None:
    """Each query is on record with bytes as BigQuery bills them and its rows, and carries the most that it can bill."""
    report = billed.load()

    entries = billed.query(LEDGER)
    assert [entry[0] for entry in entries] == ["done", "done"]
    assert sum(entry[3] for entry in entries) == report.accepted + report.quarantined
    for _, estimated, billed_bytes, _ in entries:
        assert 10 * 2**20 <= billed_bytes <= estimated
    assert billed.query("SELECT bool_and(cost = bytes_billed / 2**40 * 6.25) FROM raw.extract_ledger") == [(True,)]
    assert [int(job["query"]["maximumBytesBilled"]) for job in paid_jobs(server)[-2:]] == [
        entry[1] for entry in entries
    ]
    shown = billed.cli("costs").stdout
    assert "copper-kettle" in shown
    assert "done" in shown


def test_price_of_zero_needs_no_budget(billed: Installation, server: Server) -> None:
    """With a reservation bytes have no price: no budget is asked for; a query still carries its bound."""
    billed.with_settings(PRICE_PER_TIB="0", BUDGET_PER_RUN="0", BUDGET_PER_MONTH="0").load()

    assert int(paid_jobs(server)[-1]["query"]["maximumBytesBilled"]) == 10 * 2**20


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"where": "rest", "match": "/jobs", "after": 1, "status": 400, "reason": "invalidQuery"}, "failed"),
        ({"where": "read_rows", "code": "INTERNAL"}, "failed"),
    ],
    ids=["query refused", "read broken"],
)
def test_failed_query_is_settled_at_once(
    billed: Installation, server: Server, fault: dict[str, Any], status: str
) -> None:
    """A failure is on record with what it has billed: nothing where the job was never made."""
    server.faults(fault)

    done = billed.with_settings(PROJECTS='["saltmarsh"]').cli()

    assert done.returncode == 1
    ((found, _, billed_bytes, _),) = billed.query(LEDGER)
    assert found == status
    assert (billed_bytes > 0) == (fault["where"] == "read_rows")


def test_query_of_a_killed_run_counts_at_its_estimate_until_it_is_asked_for(
    billed: Installation, server: Server
) -> None:
    """The entry is there before the query is sent; the next run finds the job, and its rows are not paid for twice."""
    kill = Interruption("pipelines.pypi.source", "split")
    dead = call(command_line, "run", "--no-site", environment=billed.environment, interruption=kill)
    assert dead.returncode == -signal.SIGKILL
    ((status, estimated, billed_bytes, _),) = billed.query(LEDGER)
    assert (status, billed_bytes) == ("open", None)
    assert billed.query("SELECT cost FROM raw.extract_ledger") == [(estimated / TIB * 6.25,)]
    jobs = len(paid_jobs(server))

    billed.load()

    entries = billed.query(LEDGER)
    assert [entry[0] for entry in entries] == ["done", "done"]
    assert len(paid_jobs(server)) == jobs + 1
    assert 0 < entries[0][2] <= estimated
