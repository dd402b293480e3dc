"""The ledger, without a server: entries written as an upstream writes them."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.costs.budget import round_up
from pipelines.costs.ledger import ExtractLedger
from pipelines.pypi.billed_queries import Bill, BilledQuery
from pipelines.pypi.settings import TIB, resolve_settings
from pipelines.pypi.windows import Window
from pipelines.warehouse import bookkeeping
from tests.support.installation import Installation

GIB = 2**30


def test_months_are_named_and_apart(project: Installation) -> None:
    """`just costs` sums up by UTC month and project, and names the month as in 2026-06."""
    with project.warehouse() as warehouse:
        ledger = ExtractLedger(warehouse, resolve_settings())
        for job, started in (("a", "2026-06-30 23:59:59+00"), ("b", "2026-07-01 00:00:00+00"), ("c", "2026-07-31")):
            window = Window("one", date(2026, 6, 1), date(2026, 6, 2))
            ledger.begin(BilledQuery(job, "gcp", "US", window, GIB))
            bookkeeping.execute(
                warehouse, "UPDATE extract_ledger SET started_at = ?::TIMESTAMPTZ WHERE job_id = ?", started, job
            )
        ledger.settle("c", "failed", Bill())

        months = ledger.by_month()

    assert [("2026-06", "one", 1, 0, 1), ("2026-07", "one", 2, 1, 1)] == [month[:5] for month in months]


def test_spending_of_other_months_does_not_count(project: Installation) -> None:
    """The budget of a month starts at its UTC midnight."""
    with project.warehouse() as warehouse:
        ledger = ExtractLedger(warehouse, resolve_settings())
        ledger.begin(BilledQuery("a", "gcp", "US", Window("one", date(2026, 6, 1), date(2026, 6, 2)), GIB))
        bookkeeping.execute(warehouse, "UPDATE extract_ledger SET started_at = '2026-06-30 23:59:59+00'")

        june, july = (ledger.spent_this_month(datetime(2026, month, 28, tzinfo=UTC)) for month in (6, 7))

    assert june > 0
    assert july == 0


@pytest.mark.parametrize("cost", ["NaN", "-100", "Infinity", "NULL"])
def test_cost_that_cannot_be_counts_at_its_bound(project: Installation, cost: str) -> None:
    """An entry that is damaged, also one from a lake, gives no budget away."""
    now = datetime.now(UTC)
    with project.warehouse() as warehouse:
        ledger = ExtractLedger(warehouse, resolve_settings())
        ledger.begin(BilledQuery("a", "gcp", "US", Window("one", date(2026, 6, 1), date(2026, 6, 2)), TIB))
        ledger.begin(BilledQuery("b", "gcp", "US", Window("one", date(2026, 6, 2), date(2026, 6, 3)), TIB))
        ledger.settle("b", "done", Bill(TIB // 2, TIB // 2))
        bookkeeping.execute(
            warehouse, f"UPDATE extract_ledger SET cost = '{cost}' WHERE job_id = 'a'".replace("'NULL'", "NULL")
        )
        assert ledger.spent_this_month(now) == 6.25 * 1.5
        damaged = bookkeeping.read_ledger(warehouse)
        bookkeeping.execute(warehouse, "DELETE FROM extract_ledger")
        bookkeeping.restore_ledger(warehouse, damaged)

        assert ledger.spent_this_month(now) == 6.25 * 1.5
        assert [None, 3.125] == sorted_costs(bookkeeping.read_ledger(warehouse))


def test_ledger_of_an_earlier_version_is_read(project: Installation) -> None:
    """It lacks columns, which it gets; what a project has billed of its estimates is known nevertheless."""
    columns = (
        "job_id, gcp_project, location, project, start_day, end_day, started_at, bytes_estimated, bytes_billed, cost"
    )
    with project.warehouse() as warehouse:
        ledger = ExtractLedger(warehouse, resolve_settings())
        ledger.begin(BilledQuery("a", "gcp", "US", Window("one", date(2026, 6, 1), date(2026, 6, 2)), TIB))
        ledger.settle("a", "done", Bill(GIB, GIB), rows=5)
        bookkeeping.execute(
            warehouse,
            f"CREATE TABLE raw.old AS SELECT {columns}, rows_read, seconds, status FROM raw.extract_ledger; "
            "DROP TABLE raw.extract_ledger; ALTER TABLE raw.old RENAME TO extract_ledger",
        )

        assert ledger.share_of("one") == GIB / TIB
        assert ledger.share_of("two") is None
        assert [("done", TIB, None, GIB)] == [query[4:8] for query in ledger.queries()]


def sorted_costs(ledger: pa.Table) -> list[float | None]:
    costs: list[float | None] = (
        ledger.take(pc.sort_indices(ledger, [("job_id", "ascending")])).column("cost").to_pylist()
    )
    return costs


@given(st.floats(0, 1e6))
def test_advised_amount_is_enough(needed: float) -> None:
    """What is advised instead of a budget is in whole cents, and never less than what was refused."""
    assert needed <= float(f"{round_up(needed):.2f}") < needed + 0.011
