"""What an upstream tells of each query that somebody pays for, so that it is on record before it is sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from pipelines.pypi.windows import Window

Outcome = Literal["done", "failed"]


@dataclass(frozen=True)
class BilledQuery:
    """A query about a window, by the job that runs it; `gcp_project` is billed."""

    job_id: str
    gcp_project: str
    location: str
    window: Window
    bytes_estimated: int


class Ledger(Protocol):
    """The record of queries; each entry is durable when the method returns."""

    def begin(self, query: BilledQuery) -> None:
        """Record the query before it is sent."""

    def settle(self, job_id: str, outcome: Outcome, *, bytes_billed: int, rows: int = 0) -> None:
        """Record what became of it, and how many rows were read."""

    def unread_queries(self) -> Sequence[BilledQuery]:
        """The queries whose outcome is not on record, and those whose rows may still be there, billed and unread."""


class NoLedger:
    """For a use of the source without a warehouse: nothing is recorded."""

    def begin(self, query: BilledQuery) -> None:
        del query

    def settle(self, job_id: str, outcome: Outcome, *, bytes_billed: int, rows: int = 0) -> None:
        del job_id, outcome, bytes_billed, rows

    def unread_queries(self) -> Sequence[BilledQuery]:
        return ()
