"""The ledger of billed queries: `raw.extract_ledger`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.pypi.billed_queries import Bill, BilledQuery, Outcome
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
RECENT_QUERIES = 30
"""The last queries of a project, whose bills tell what the next one will bill."""

_COMMITTED = f"""
    UPDATE {DATASET}.extract_ledger AS entry SET status = 'done' WHERE status = 'read' AND EXISTS (
        SELECT 1 FROM {DATASET}.loaded_days AS days
        JOIN {DATASET}._dlt_loads AS loads ON days._dlt_load_id = loads.load_id AND loads.status = 0
        WHERE days.project = entry.project AND days.day = entry.start_day AND loads.inserted_at >= entry.started_at
    )
"""
"""A query is done when a load that was committed after it has its days: all of them, as a load holds whole windows."""


@dataclass(frozen=True)
class Rejection:
    """A read whose rows failed the contract: by which `rules`, why, and when."""

    window: Window
    rules: str
    why: str
    started: datetime


@dataclass(frozen=True)
class ExtractLedger:
    """`raw.extract_ledger`: one row for each query, written before the query is sent and independent of any load.

    `cost` is in US dollars at the `price_per_tib` of that day, before BigQuery's free tier. `status` is `open` until
    the outcome is known, with the most that it can bill as `cost`; then `read`, and `done` once its rows are committed;
    or `failed`, which may have been billed as well; or `rejected`, if its rows failed the contract.
    """

    warehouse: Warehouse
    settings: Settings
    expected: dict[Window, int] = field(default_factory=dict)
    """The bytes that the reads of windows will probably bill, to be recorded with them."""

    def begin(self, query: BilledQuery) -> None:
        bookkeeping.execute(
            self.warehouse,
            f"INSERT INTO {DATASET}.extract_ledger (job_id, gcp_project, location, project, start_day, end_day, "
            "started_at, bytes_estimated, bytes_expected, cost, status, purpose, grain) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?, ?)",
            query.job_id,
            query.gcp_project,
            query.location,
            query.window.project,
            query.window.start,
            query.window.end,
            datetime.now(UTC),
            query.bytes_estimated,
            self.expected.get(query.window) if query.purpose == "read" else None,
            self.settings.price_of(query.bytes_estimated),
            query.purpose,
            query.window.grain,
        )

    def settle(self, job_id: str, outcome: Outcome, bill: Bill, *, rows: int = 0) -> None:
        bookkeeping.execute(
            self.warehouse,
            f"UPDATE {DATASET}.extract_ledger SET "
            "status = CASE WHEN status = 'rejected' AND ? = 'failed' THEN status ELSE ? END, "
            "bytes_processed = ?, bytes_billed = ?, cost = ?, "
            "rows_read = CASE WHEN purpose = 'probe' THEN 0 ELSE ? END, "
            "rows_counted = CASE WHEN purpose = 'probe' THEN ? END, "
            "seconds = EPOCH(?::TIMESTAMPTZ) - EPOCH(started_at) WHERE job_id = ?",
            outcome,
            outcome,
            bill.processed,
            bill.billed,
            self.settings.price_of(bill.billed),
            rows,
            rows,
            datetime.now(UTC),
            job_id,
        )

    def settle_committed(self) -> None:
        """Mark as `done` the queries whose rows are in committed loads."""
        if self.warehouse.columns("extract_ledger") and self.warehouse.columns("loaded_days"):
            bookkeeping.execute(self.warehouse, _COMMITTED)

    def reject(self, window: Window, rules: str, why: str) -> None:
        """Record that the rows of the window's last read failed the contract."""
        bookkeeping.execute(
            self.warehouse,
            f"UPDATE {DATASET}.extract_ledger SET status = 'rejected', rules = ?, note = ? WHERE job_id = ("
            f"SELECT LAST(job_id ORDER BY started_at) FROM {DATASET}.extract_ledger "
            "WHERE project = ? AND start_day = ? AND end_day = ? AND grain = ? AND purpose = 'read')",
            rules,
            why,
            window.project,
            window.start,
            window.end,
            window.grain,
        )

    def rejections(self) -> Sequence[Rejection]:
        """The reads whose rows failed the contract, each window's last."""
        rows = self._query(
            "SELECT project, start_day, end_day, grain, rules, note, started_at FROM extract_ledger "
            "WHERE purpose = 'read' QUALIFY ROW_NUMBER() OVER "
            "(PARTITION BY project, start_day, end_day, grain ORDER BY started_at DESC) = 1 AND status = 'rejected'"
        )
        return [
            Rejection(Window(project, start, end, grain), rules, why, started)
            for project, start, end, grain, rules, why, started in rows
        ]

    def unread_queries(self) -> Sequence[BilledQuery]:
        rows = self._query(
            "SELECT job_id, gcp_project, location, project, start_day, end_day, bytes_estimated, "
            "COALESCE(purpose, 'read'), COALESCE(grain, 'row') FROM extract_ledger WHERE status = 'open' OR "
            "status IN ('read', 'failed', 'rejected') AND bytes_billed > 0 AND started_at > ? ORDER BY started_at",
            datetime.now(UTC) - MAX_RESULT_AGE,
        )
        return [
            BilledQuery(job_id, gcp_project, location, Window(project, start, end, grain), estimated, purpose)
            for job_id, gcp_project, location, project, start, end, estimated, purpose, grain in rows
        ]

    def spent_this_month(self, now: datetime) -> float:
        """US dollars that the queries of the UTC month have cost; an open query counts at the most it can bill."""
        return self.spent_since(_month_of(now))

    def spent_since(self, start: datetime) -> float:
        """US dollars that the queries since then have cost."""
        sql = f"SELECT SUM({_COST}) FROM extract_ledger WHERE started_at >= ?"
        rows = self._query(sql, self.settings.price_of(1), start)
        return float(rows[0][0] or 0) if rows else 0.0

    def billed_since(self, start: datetime, window: Window) -> int:
        """The bytes that reading the window has billed since then."""
        rows = self._query(
            "SELECT SUM(bytes_billed) FROM extract_ledger WHERE started_at >= ? AND project = ? AND start_day = ? "
            "AND end_day = ? AND grain = ? AND purpose = 'read'",
            start,
            window.project,
            window.start,
            window.end,
            window.grain,
        )
        return int(rows[0][0] or 0) if rows else 0

    def share_of(self, project: str) -> float | None:
        """The bytes that the project's last queries have read, as a share of the most; `None` before the first.

        A probe counts while nothing has been read. Entries of an earlier version know only what was billed.
        """
        rows = self._query(
            "SELECT SUM(LEAST(COALESCE(bytes_processed, bytes_billed), bytes_estimated)) / SUM(bytes_estimated) "
            "FROM (SELECT *, COALESCE(purpose, 'read') AS kind FROM extract_ledger "
            "WHERE project = ? AND bytes_billed > 0 AND bytes_estimated > 0 "
            "QUALIFY ROW_NUMBER() OVER (PARTITION BY kind ORDER BY started_at DESC) <= "
            f"CASE WHEN kind = 'probe' THEN 1 ELSE {RECENT_QUERIES} END) GROUP BY kind ORDER BY kind DESC LIMIT 1",
            project,
        )
        return float(rows[0][0]) if rows and rows[0][0] is not None else None

    def rows_per_day(self, project: str, grain: str) -> float:
        """The rows of a day, by the last days or what a probe has counted; 0 where nothing is known."""
        if grain != "row":
            rows = self._query(
                "SELECT SUM(rows_read) / SUM(end_day - start_day) FROM extract_ledger "
                "WHERE project = ? AND grain = ? AND purpose = 'read' AND rows_read > 0",
                project,
                grain,
            )
            return float(rows[0][0] or 0) if rows else 0
        rows = bookkeeping.query_committed(
            self.warehouse,
            "SELECT AVG(taken) FROM (SELECT accepted + quarantined AS taken FROM committed_days WHERE project = ? "
            "ORDER BY day DESC LIMIT 28)",
            project,
        )
        if not rows or rows[0][0] is None:
            rows = self._query(
                "SELECT LAST(rows_counted ORDER BY started_at) FROM extract_ledger "
                "WHERE project = ? AND rows_counted IS NOT NULL",
                project,
            )
        return float(rows[0][0] or 0) if rows else 0

    def _query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - whatever SQL takes
        """The rows of a query, also on a ledger of an earlier version, which gets its new columns first."""
        columns = self.warehouse.columns("extract_ledger")
        if columns and not bookkeeping.LEDGER_COLUMNS.keys() <= columns:
            bookkeeping.ensure_tables(self.warehouse)
        return self.warehouse.query(sql, *parameters)

    def by_month(self) -> list[tuple[Any, ...]]:
        """Rows of month, project, queries, failed and open ones, bytes at most, expected and billed, cost, rows."""
        return self._query(
            "SELECT STRFTIME(started_at AT TIME ZONE 'UTC', '%Y-%m') AS month, project, COUNT(*), "
            "COUNT(*) FILTER (status IN ('failed', 'rejected')), COUNT(*) FILTER (status = 'open'), "
            f"SUM(bytes_estimated), SUM(bytes_expected), SUM(bytes_billed), SUM({_COST}), SUM(rows_read) "
            "FROM extract_ledger GROUP BY ALL ORDER BY ALL",
            self.settings.price_of(1),
        )

    def queries(self) -> list[tuple[Any, ...]]:
        """Rows of start, project, first day, end day, status, bytes at most, expected and billed, cost, rows."""
        return self._query(
            "SELECT started_at, project, start_day, end_day, CASE WHEN purpose = 'probe' THEN 'probe, ' ELSE '' END "
            "|| status, bytes_estimated, bytes_expected, bytes_billed, "
            f"{_COST}, rows_read FROM extract_ledger ORDER BY started_at",
            self.settings.price_of(1),
        )


def _month_of(now: datetime) -> datetime:
    """The midnight that starts the UTC month."""
    return now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
