"""The ledger of billed queries: `raw.extract_ledger`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.pypi.billed_queries import BilledQuery, Outcome
from pipelines.pypi.settings import Settings
from pipelines.pypi.windows import Window
from pipelines.warehouse import DATASET, Warehouse, bookkeeping

_COST = """
    CASE WHEN ISFINITE(cost) AND cost >= 0 THEN cost
    ELSE GREATEST(bytes_estimated, COALESCE(bytes_billed, 0), 0) * ? END
"""
"""The cost of an entry, given the price of a byte. A cost that cannot be, as in a ledger that came damaged from a lake,
counts at its bound: as NaN or less than nothing it would give the budget away."""

MAX_RESULT_AGE = timedelta(hours=12)
"""Up to this age, the result of a query is read instead of paying for the query again. BigQuery keeps results for about
a day (https://cloud.google.com/bigquery/docs/cached-results); an older result might miss late downloads."""


@dataclass(frozen=True)
class ExtractLedger:
    """`raw.extract_ledger`: one row for each query, written before the query is sent and independent of any load.

    `cost` is in US dollars at the `price_per_tib` of that day, before BigQuery's free tier. `status` is `open` until
    the outcome is known, with the estimate as `cost`; then `done`, or `failed`, which may have been billed as well.
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
            datetime.now(UTC) - MAX_RESULT_AGE,
        )
        return [
            BilledQuery(job_id, gcp_project, location, Window(project, start, end), estimated)
            for job_id, gcp_project, location, project, start, end, estimated in rows
        ]

    def spent_this_month(self, now: datetime) -> float:
        """US dollars that the queries of the UTC month have cost; an open query counts at its estimate."""
        sql = f"SELECT SUM({_COST}) FROM extract_ledger WHERE started_at >= ?"
        rows = self.warehouse.query(sql, self.settings.price_of(1), _month_of(now))
        return float(rows[0][0] or 0) if rows else 0.0

    def billed_share(self) -> float | None:
        """Bytes billed as a share of bytes estimated, over completed queries; `None` before the first."""
        rows = self.warehouse.query(
            "SELECT SUM(bytes_billed) / SUM(bytes_estimated) FROM extract_ledger WHERE status = 'done'"
        )
        return rows[0][0] if rows else None

    def by_month(self) -> list[tuple[Any, ...]]:
        """Rows of month, project, queries, failed queries, open queries, bytes estimated, bytes billed, cost, rows."""
        return self.warehouse.query(
            "SELECT STRFTIME(started_at AT TIME ZONE 'UTC', '%Y-%m') AS month, project, COUNT(*), "
            "COUNT(*) FILTER (status = 'failed'), COUNT(*) FILTER (status = 'open'), SUM(bytes_estimated), "
            f"SUM(bytes_billed), SUM({_COST}), SUM(rows_read) FROM extract_ledger GROUP BY ALL ORDER BY ALL",
            self.settings.price_of(1),
        )

    def queries(self) -> list[tuple[Any, ...]]:
        """Rows of start, project, first day, exclusive end day, status, bytes estimated, bytes billed, cost, rows."""
        return self.warehouse.query(
            "SELECT started_at, project, start_day, end_day, status, bytes_estimated, bytes_billed, "
            f"{_COST}, rows_read FROM extract_ledger ORDER BY started_at",
            self.settings.price_of(1),
        )


def _month_of(now: datetime) -> datetime:
    """The midnight that starts the UTC month."""
    return now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
