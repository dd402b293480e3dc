"""The cost guard: what a load will bill at most, what is spent already, and the budgets that it has to keep to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pipelines.errors import BudgetError
from pipelines.pypi.ledger import Outcome, Query
from pipelines.pypi.settings import TIB, Settings
from pipelines.pypi.windows import Window
from pipelines.warehouse import Warehouse

_CREATE = """
    CREATE TABLE IF NOT EXISTS extract_ledger (
        job_id TEXT PRIMARY KEY, gcp_project TEXT, location TEXT, project TEXT, start_day DATE, end_day DATE,
        started_at TIMESTAMPTZ, bytes_estimated BIGINT, bytes_billed BIGINT, cost DOUBLE, "rows" BIGINT,
        seconds DOUBLE, status TEXT
    )
"""
_OPEN = "SELECT job_id, gcp_project, location, project, start_day, end_day, bytes_estimated FROM extract_ledger"
_SPENT = "SELECT COALESCE(SUM(cost), 0) FROM extract_ledger WHERE started_at >= %s"


@dataclass(frozen=True)
class ExtractLedger:
    """`raw.extract_ledger`: a row for each query, written before it is sent and apart from any load.

    `cost` is in US dollars at the price of the time, before what BigQuery gives away. While a query's `status` is
    `open` its cost is that of the estimate; then it is `done`, or `failed`, which may have been billed too.
    """

    warehouse: Warehouse
    settings: Settings

    def begin(self, query: Query) -> None:
        self.warehouse.execute(_CREATE)
        self.warehouse.execute(
            "INSERT INTO extract_ledger VALUES (%s, %s, %s, %s, %s, %s, %s, %s, NULL, %s, NULL, NULL, 'open')",
            query.job_id,
            query.gcp_project,
            query.location,
            query.window.project,
            query.window.start,
            query.window.end,
            datetime.now(UTC),
            query.bytes_estimated,
            self.settings.price_of(query.bytes_estimated),
        )

    def settle(self, job_id: str, outcome: Outcome, *, bytes_billed: int, rows: int = 0) -> None:
        now = datetime.now(UTC)
        self.warehouse.execute(
            "UPDATE extract_ledger SET status = %s, bytes_billed = %s, cost = %s, \"rows\" = %s, "
            "seconds = EPOCH(%s::TIMESTAMPTZ - started_at) WHERE job_id = %s",
            outcome,
            bytes_billed,
            self.settings.price_of(bytes_billed),
            rows,
            now,
            job_id,
        )

    def open_queries(self) -> Sequence[Query]:
        return [
            Query(job_id, gcp_project, location, Window(project, start, end), estimated)
            for job_id, gcp_project, location, project, start, end, estimated in self.warehouse.query(
                f"{_OPEN} WHERE status = 'open'"
            )
        ]

    def spent_since(self, start: datetime) -> float:
        """US dollars that the queries since `start` have cost; open ones count at their estimate."""
        return float(self.warehouse.query(_SPENT, start)[0][0]) if self._exists() else 0.0
