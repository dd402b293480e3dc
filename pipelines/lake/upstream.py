"""A lake as an upstream: its days, read back as the rows that were loaded, the broken ones too."""

import json
from collections.abc import Generator, Iterator, Sequence
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import LakeError
from pipelines.lake import DOWNLOADS, QUARANTINE, Lake
from pipelines.lake.failures import translated
from pipelines.lake.files import BATCH_ROWS, Day
from pipelines.pypi.columns import LEAVES, SOURCE_SCHEMA
from pipelines.pypi.windows import Window, join_days


class LakeUpstream:
    """The `days` of a lake, all of one origin; the contract judges their rows anew."""

    def __init__(self, lake: Lake, days: Sequence[Day], origin: str) -> None:
        self.origin = origin
        self._lake = lake
        self._days = {(day.project, day.day): day for day in days if day.origin == origin}

    @property
    def windows(self) -> list[Window]:
        projects = sorted({project for project, _ in self._days})
        return [
            window
            for project in projects
            for window in join_days(project, sorted(day for name, day in self._days if name == project))
        ]

    def check(self, projects: list[str]) -> list[str]:
        """None: the lake is ours, and a field that it was written without is NULL."""
        del projects
        return []

    def available_until(self) -> date | None:
        return None

    def count_untimed(self, project: str) -> int:
        del project
        return 0

    def estimate(self, window: Window) -> int:
        """0: nobody asks BigQuery."""
        del window
        return 0

    def settle_open_queries(self) -> None:
        """None: there are none."""

    def read(self, window: Window) -> Generator[pa.Table, None, None]:
        """The window's rows.

        Raises:
            LakeError: a file is missing, or has not the rows that the manifest says.

        """
        for day in window.days:
            held = self._days[window.project, day]
            yield from map(_conformed, self._file(DOWNLOADS, held, held.accepted))
            if held.quarantined:
                yield from map(_restored, self._file(QUARANTINE, held, held.quarantined))

    def _file(self, table: str, day: Day, expected: int) -> Iterator[pa.Table]:
        path = self._lake.path(table, day.place)
        with translated(self._lake.name), self._lake.store.open(path, "rb") as opened, pq.ParquetFile(opened) as file:
            if file.metadata.num_rows != expected:
                what = f"{path} has {file.metadata.num_rows:,} rows; the manifest of the lake says {expected:,}."
                raise LakeError(
                    what, remedy="Something else has written it: `just backfill` loads the day from upstream."
                )
            for batch in file.iter_batches(BATCH_ROWS):
                yield pa.Table.from_batches([batch])


def _conformed(rows: pa.Table) -> pa.Table:
    """The rows with the columns of the contract of today."""
    columns = [
        rows.column(leaf.column) if leaf.column in rows.column_names else pa.nulls(rows.num_rows, leaf.type)
        for leaf in LEAVES
    ]
    return pa.table(columns, schema=SOURCE_SCHEMA)


def _restored(rows: pa.Table) -> pa.Table:
    """The rows that broke the contract, from their content."""
    records = [json.loads(content) for content in rows.column("content").to_pylist()]
    columns = [pa.array([_value(record, leaf.path) for record in records], leaf.type) for leaf in LEAVES]
    return pa.table(columns, schema=SOURCE_SCHEMA)


def _value(record: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - any leaf
    for name in path:
        record = record and record.get(name)
    return datetime.fromisoformat(record) if path == ("timestamp",) and record else record
