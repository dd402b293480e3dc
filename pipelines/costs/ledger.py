"""The ledger of queries that somebody pays for: `raw.extract_ledger`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.pypi.ledger import BilledQuery, Outcome
from pipelines.pypi.settings import Settings
from pipelines.pypi.windows import Window
from pipelines.warehouse import DATASET, Warehouse, bookkeeping

RESULT_LIFE = timedelta(hours=12)
"""How long the rows of a query are read instead of asking again: BigQuery keeps them for about a day
(https://cloud.google.com/bigquery/docs/cached-results), and what is older might miss late downloads."""


@dataclass(frozen=True)
class ExtractLedger:
    """`raw.extract_ledger`: a row for each query, written before it is sent and apart from any load.

    `cost` is in US dollars at the price of the time, before what BigQuery gives away. While a query's `status` is
    `open` its cost is that of the estimate; then it is `done`, or `failed`, which may have been billed too.
    """

    warehouse: Warehouse
    settings: Settings

    def begin(self, query: BilledQuery) -> None:
        bookkeeping.execute(
            self.warehouse,
            f"INSERT INTO {DATASET}.extract_ledger (job_id, gcp_project, location, project, start_day, end_day, "
            "started_at, bytes_estimated, cost, status) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'open')",
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
        bookkeeping.execute(
            self.warehouse,
            f"UPDATE {DATASET}.extract_ledger SET status = ?, bytes_billed = ?, cost = ?, rows_read = ?, "
            "seconds = EPOCH(?::TIMESTAMPTZ) - EPOCH(started_at) WHERE job_id = ?",
            outcome,
            bytes_billed,
            self.settings.price_of(bytes_billed),
            rows,
            datetime.now(UTC),
            job_id,
        )

    def unread_queries(self) -> Sequence[BilledQuery]:
        rows = self.warehouse.query(
            "SELECT job_id, gcp_project, location, project, start_day, end_day, bytes_estimated FROM extract_ledger "
            "WHERE status = 'open' OR status = 'failed' AND bytes_billed > 0 AND started_at > ?",
            datetime.now(UTC) - RESULT_LIFE,
        )
        return [
            BilledQuery(job_id, gcp_project, location, Window(project, start, end), estimated)
            for job_id, gcp_project, location, project, start, end, estimated in rows
        ]

    def spent_this_month(self, now: datetime) -> float:
        """US dollars that the queries of the UTC month have cost; open ones count at their estimate."""
        rows = self.warehouse.query("SELECT SUM(cost) FROM extract_ledger WHERE started_at >= ?", _month_of(now))
        return float(rows[0][0] or 0) if rows else 0.0

    def billed_share(self) -> float | None:
        """What queries have billed, as a share of their estimates; `None` before the first."""
        rows = self.warehouse.query(
            "SELECT SUM(bytes_billed) / SUM(bytes_estimated) FROM extract_ledger WHERE status = 'done'"
        )
        return rows[0][0] if rows else None

    def by_month(self) -> list[tuple[Any, ...]]:
        """Month, project, queries, of these failed, of these open, bytes estimated, bytes billed, cost, rows."""
        return self.warehouse.query(
            "SELECT STRFTIME(started_at AT TIME ZONE 'UTC', '%Y-%m') AS month, project, COUNT(*), "
            "COUNT(*) FILTER (status = 'failed'), COUNT(*) FILTER (status = 'open'), SUM(bytes_estimated), "
            "SUM(bytes_billed), SUM(cost), SUM(rows_read) FROM extract_ledger GROUP BY ALL ORDER BY ALL"
        )

    def queries(self) -> list[tuple[Any, ...]]:
        """Start, project, first day, day to stop before, status, bytes estimated, bytes billed, cost, rows."""
        return self.warehouse.query(
            "SELECT started_at, project, start_day, end_day, status, bytes_estimated, bytes_billed, cost, rows_read "
            "FROM extract_ledger ORDER BY started_at"
        )


def _month_of(now: datetime) -> datetime:
    """The midnight that starts the UTC month."""
    return now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
