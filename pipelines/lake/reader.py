"""Reads the days of a lake back as rows of an upstream, the quarantined rows included."""

import json
from collections.abc import Generator, Iterator, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import LakeError
from pipelines.lake import DOWNLOADS, QUARANTINE, Lake
from pipelines.lake.files import BATCH_ROWS, key_of
from pipelines.lake.store_errors import translate_store_errors
from pipelines.pypi.columns import LEAVES, SOURCE_SCHEMA
from pipelines.pypi.days import CommittedDay
from pipelines.pypi.windows import Window, join_days


class LakeReader:
    """Reads those of the lake's `days` that have the `origin`; the source validates their rows again."""

    def __init__(self, lake: Lake, days: Sequence[CommittedDay], origin: str) -> None:
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

    def read(self, window: Window) -> Generator[pa.Table, None, None]:
        """The window's rows.

        Raises:
            LakeError: a file is missing, or has another number of rows than the manifest says.

        """
        for day in window.days:
            held = self._days[window.project, day]
            yield from map(_conformed, self._file(DOWNLOADS, held, held.accepted))
            if held.quarantined:
                yield from map(_restored, self._file(QUARANTINE, held, held.quarantined))

    def _file(self, table: str, day: CommittedDay, expected: int) -> Iterator[pa.Table]:
        path = self._lake.path(table, key_of(day))
        with (
            translate_store_errors(self._lake.name),
            self._lake.store.open(path, "rb") as opened,
            pq.ParquetFile(opened) as file,
        ):
            if file.metadata.num_rows != expected:
                what = f"{path} has {file.metadata.num_rows:,} rows; the manifest of the lake says {expected:,}."
                remedy = "Another program has changed the file: `just backfill` loads the day from upstream."
                raise LakeError(what, remedy=remedy)
            for batch in file.iter_batches(BATCH_ROWS):
                yield pa.Table.from_batches([batch])


def _conformed(rows: pa.Table) -> pa.Table:
    """The rows with the columns of the current contract."""
    columns = [
        rows.column(leaf.column) if leaf.column in rows.column_names else pa.nulls(rows.num_rows, leaf.type)
        for leaf in LEAVES
    ]
    return pa.table(columns, schema=SOURCE_SCHEMA)


def _restored(rows: pa.Table) -> pa.Table:
    """The rows that failed the contract, rebuilt from their `content`."""
    records = [json.loads(content) for content in rows.column("content").to_pylist()]
    columns = [pa.array([_value(record, leaf.path) for record in records], leaf.type) for leaf in LEAVES]
    return pa.table(columns, schema=SOURCE_SCHEMA)


def _value(record: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - any leaf
    for name in path:
        record = record and record.get(name)
    return datetime.fromisoformat(record) if path == ("timestamp",) and record else record
