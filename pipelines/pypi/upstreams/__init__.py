"""Where downloads come from: one query, two upstreams behind one seam; and the part of the seam that a lake has."""

from collections.abc import Generator
from datetime import date
from typing import Protocol

import pyarrow as pa

from pipelines.pypi.ledger import Ledger
from pipelines.pypi.settings import Settings
from pipelines.pypi.upstreams.parquet import ParquetUpstream
from pipelines.pypi.windows import Window


class Reader(Protocol):
    """Reads the rows of windows: all that the dlt source needs."""

    @property
    def origin(self) -> str:
        """What the data is: `demo`, `parquet` or `bigquery`."""

    def read(self, window: Window) -> Generator[pa.Table, None, None]:
        """The window's rows, in batches with the columns of `SOURCE_SCHEMA`; close it where it is left early."""


class Upstream(Reader, Protocol):
    """A table of downloads with BigQuery's nested schema."""

    def check(self, projects: list[str]) -> list[str]:
        """Compare the table with the contract and the projects, without reading rows.

        Returns the upstream's fields that the contract does not know, as dotted paths.

        Raises:
            SourceError: the table cannot be reached, lacks a column, or has no row of a project.

        """

    def available_until(self) -> date | None:
        """The day after the last one on record, if the upstream can end before today."""

    def count_without_timestamp(self, project: str) -> int:
        """Rows of the project without a timestamp: they are on no day, so no window holds them."""

    def estimate(self, window: Window) -> int:
        """Bytes that reading the window bills at most; asks for no row."""

    def settle_open_queries(self) -> None:
        """Find out what the queries of a run that failed have billed, and put it on record.

        Where their rows are still there, `read` takes them and does not ask, and pay, again.
        """


def connect(settings: Settings, ledger: Ledger | None = None) -> Upstream:
    """The upstream that the settings choose; it records in `ledger` each query that somebody pays for."""
    if settings.upstream == "parquet":
        return ParquetUpstream(settings.parquet_path or "", settings.timestamp_column)
    from pipelines.pypi.upstreams.bigquery import BigQueryUpstream

    return BigQueryUpstream(settings, ledger)
