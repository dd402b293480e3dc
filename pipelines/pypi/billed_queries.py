"""What an upstream that is billed by the query records of each, and the protocol of that record."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal, Protocol

from pipelines.pypi.windows import Window

MEBIBYTE = 2**20
MIN_BYTES_BILLED = 10 * MEBIBYTE
"""The bytes that any query bills at least; above them, whole mebibytes (https://cloud.google.com/bigquery/pricing)."""

Purpose = Literal["read", "probe"]
Outcome = Literal["read", "done", "failed"]


@dataclass(frozen=True)
class BilledQuery:
    """A query of a window, identified by its BigQuery job; `gcp_project` is billed.

    `bytes_estimated` are the most that it can bill. A `read` fetches the window's rows, a `probe` counts them.
    """

    job_id: str
    gcp_project: str
    location: str
    window: Window
    bytes_estimated: int
    purpose: Purpose = "read"


@dataclass(frozen=True)
class Bill:
    """The bytes that a query has read, without the blocks that BigQuery has left out, and those that it has billed."""

    processed: int = 0
    billed: int = 0


@dataclass(frozen=True)
class Probe:
    """A project's rows on one day, and the share of the day's bytes that counting them has read, from 0 to 1."""

    window: Window
    rows: int
    share: float


class Ledger(Protocol):
    """The record of queries; each entry is durable when the method returns."""

    def begin(self, query: BilledQuery) -> None:
        """Record the query before it is sent."""

    def settle(self, job_id: str, outcome: Outcome, bill: Bill, *, rows: int = 0) -> None:
        """Record the outcome, the bill and the rows: of a `read`, rows that are read; of a `probe`, rows counted."""

    def unread_queries(self) -> Sequence[BilledQuery]:
        """The queries without a recorded outcome, and those that are paid for and not in the warehouse."""


class NoLedger:
    """Records nothing: for a use of the source without a warehouse."""

    def begin(self, query: BilledQuery) -> None:
        del query

    def settle(self, job_id: str, outcome: Outcome, bill: Bill, *, rows: int = 0) -> None:
        del job_id, outcome, bill, rows

    def unread_queries(self) -> Sequence[BilledQuery]:
        return ()


def bytes_to_bill(processed: float) -> int:
    """The bytes that a query bills which reads so many."""
    return max(MIN_BYTES_BILLED, ceil(processed / MEBIBYTE) * MEBIBYTE)
