"""The protocol by which an upstream records each billed query before it is sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from pipelines.pypi.windows import Window

Outcome = Literal["done", "failed"]


@dataclass(frozen=True)
class BilledQuery:
    """A query of a window, identified by its BigQuery job; `gcp_project` is billed."""

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
        """Record the outcome, the bytes billed and the rows read."""

    def unread_queries(self) -> Sequence[BilledQuery]:
        """The queries without a recorded outcome, and the billed ones whose unread results may still exist."""


class NoLedger:
    """Records nothing: for a use of the source without a warehouse."""

    def begin(self, query: BilledQuery) -> None:
        del query

    def settle(self, job_id: str, outcome: Outcome, *, bytes_billed: int, rows: int = 0) -> None:
        del job_id, outcome, bytes_billed, rows

    def unread_queries(self) -> Sequence[BilledQuery]:
        return ()
