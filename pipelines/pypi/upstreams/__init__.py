"""The upstreams of downloads behind one protocol: BigQuery, Parquet files, ClickPy; a lake has its `Reader` part."""

from collections.abc import Collection, Generator, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

import pyarrow as pa

from pipelines.pypi.billed_queries import Ledger, Probe
from pipelines.pypi.files import FileDay
from pipelines.pypi.settings import Settings
from pipelines.pypi.upstreams.parquet import ParquetUpstream
from pipelines.pypi.windows import Window


class Reader(Protocol):
    """Reads the rows of windows, which is all that the dlt source needs."""

    @property
    def origin(self) -> str:
        """The origin of the data: `demo`, `parquet`, `bigquery` or `clickpy`."""

    def read(self, window: Window) -> Generator[pa.Table, None, None]:
        """Yield the window's rows in batches with the columns of its grain; close an unexhausted generator.

        A batch may have the column `WINDOW_DAY` as well: a row of another day fails the contract, and is quarantined
        on that one.
        """


class Upstream(Reader, Protocol):
    """A table of downloads with BigQuery's nested schema."""

    @property
    def remarks(self) -> Sequence[str]:
        """What a person should know of how the rows were read."""

    @property
    def time(self) -> datetime | None:
        """The upstream's own time; `None` if it has no clock."""

    def check(self, projects: Sequence[str], known: Collection[FileDay] = ()) -> list[str]:
        """Compare the table with the contract and the projects, before a row is loaded.

        Files of which all days are `known` are not read again. Returns the dotted paths of the upstream's fields that
        are not in the contract.

        Raises:
            SourceError: the table cannot be reached, lacks a column, or has no row of any of the projects.

        """

    def file_days(self, project: str) -> Mapping[FileDay, date | None]:
        """What each file holds of the project, and the day with which it is loaded; nothing without files.

        Rows without a timestamp have no day. Rows from the future have the last day of the project in their file, and
        fail the contract.
        """

    def available_until(self, project: str, end: date | None) -> date | None:
        """The UTC day after the last one that the upstream holds of the project, or before which it is complete.

        Files are complete before `end`, if it is set. `None` if the upstream is still being filled.
        """

    def count_without_day(self, project: str) -> int:
        """The number of the project's rows that belong to no day, so to no window."""

    def estimate(self, window: Window) -> int:
        """The most bytes that reading the window can bill; reads no row."""

    def estimate_probe(self, window: Window) -> int:
        """The most bytes that counting the window's rows can bill; reads no row."""

    def probe(self, window: Window) -> Probe:
        """Count the window's rows, which is billed, to learn which share of the table the project has."""

    def count_days(self, project: str, start: date, end: date) -> Mapping[date, int]:
        """The project's rows on the days of `[start, end)`, where counting them costs nothing; else empty."""

    def settle_open_queries(self) -> Sequence[Window]:
        """Record in the ledger what the queries of a failed run have billed.

        Returns the windows whose rows are paid for and still to be had: `read` returns these instead of paying again.
        """


def connect(settings: Settings, now: datetime, ledger: Ledger | None = None) -> Upstream:
    """The upstream of the settings; it records each billed query in `ledger`."""
    if settings.upstream == "parquet":
        return ParquetUpstream(settings.parquet_path or "", settings.timestamp_column, now)
    if settings.upstream == "clickpy":
        from pipelines.pypi.upstreams.clickpy import ClickpyUpstream

        return ClickpyUpstream(settings, now)
    from pipelines.pypi.upstreams.bigquery import BigQueryUpstream

    return BigQueryUpstream(settings, ledger)
