"""Reads the days of a lake back as rows of an upstream, the quarantined rows included."""

import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import LakeError
from pipelines.lake import Lake
from pipelines.lake.files import BATCH_ROWS, QUARANTINE, count_log_rows, key_of, table_of
from pipelines.lake.store_errors import damaged_error, translate_store_errors
from pipelines.pypi.columns import GRAINS, WINDOW_DAY, Grain
from pipelines.pypi.days import CommittedDay
from pipelines.pypi.windows import DAY, Window, join_days


class LakeReader:
    """Reads those of the lake's `days` that have the `origin`; the source validates their rows again."""

    def __init__(self, lake: Lake, days: Sequence[CommittedDay], origin: str) -> None:
        self.origin = origin
        self._lake = lake
        self._days = {(day.project, day.day): day for day in days if day.origin == origin}

    @property
    def windows(self) -> list[Window]:
        days: dict[tuple[str, str], list[date]] = {}
        for (project, day), held in sorted(self._days.items()):
            days.setdefault((project, held.grain), []).append(day)
        return [
            replace(window, grain=grain) for (project, grain), of in days.items() for window in join_days(project, of)
        ]

    def read(self, window: Window) -> Generator[pa.Table, None, None]:
        """The window's rows.

        Raises:
            LakeError: a file is missing, or has another number of rows than the manifest says.

        """
        for day in window.days:
            held = self._days[window.project, day]
            grain = GRAINS[held.grain]
            for rows in self._file(table_of(held), held, held.accepted):
                yield _conformed(rows, held, grain)
            if held.quarantined:
                for rows in self._file(QUARANTINE, held, held.quarantined):
                    yield _restored(rows, held, grain)

    def _file(self, table: str, day: CommittedDay, expected: int) -> Iterator[pa.Table]:
        path = self._lake.path(table, key_of(day))
        with (
            translate_store_errors(self._lake.name),
            self._lake.store.open(path, "rb") as opened,
            _translate_damage(path, day),
            pq.ParquetFile(opened) as file,
        ):
            found = 0
            for batch in file.iter_batches(BATCH_ROWS):
                rows = pa.Table.from_batches([batch])
                found += count_log_rows(rows)
                yield rows
            if found != expected:
                what = f"{path} has {found:,} rows; the manifest of the lake says {expected:,}."
                raise LakeError(what, remedy=_way_back(day))


@contextmanager
def _translate_damage(path: str, day: CommittedDay) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        # What the disk or the network refuses has a number; what Arrow cannot decode has none.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise damaged_error(path, _way_back(day)) from error


def _way_back(held: CommittedDay) -> str:
    """A day of the warehouse that is loaded after the lake's is not restored, so its file is not needed."""
    days = f"{held.day} {held.day + DAY} {held.project}"
    return (
        "Restore a backup of the file. Or load its day from upstream, and restore again: "
        f"""`DESTINATIONS='["warehouse"]' just backfill {days}`."""
    )


def _conformed(rows: pa.Table, held: CommittedDay, grain: Grain) -> pa.Table:
    """The rows of the day with the columns of the current contract."""
    known = {"day": pa.repeat(held.day, rows.num_rows), **dict(zip(rows.column_names, rows.columns, strict=True))}
    columns = [known.get(leaf.column, pa.nulls(rows.num_rows, leaf.type)) for leaf in grain.leaves]
    return pa.table(columns, schema=grain.source_schema)


def _restored(rows: pa.Table, held: CommittedDay, grain: Grain) -> pa.Table:
    """The rows that failed the contract on the day, rebuilt from their `content`."""
    records = [json.loads(content) for content in rows.column("content").to_pylist()]
    columns = [pa.array([_value(record, leaf.path) for record in records], leaf.type) for leaf in grain.leaves]
    days = pa.repeat(pa.scalar(held.day, WINDOW_DAY.type), rows.num_rows)
    return pa.table(columns, schema=grain.source_schema).append_column(WINDOW_DAY, days)


def _value(record: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - any leaf
    for name in path:
        record = record and record.get(name)
    if path == ("day",):
        return date.fromisoformat(record)
    return datetime.fromisoformat(record) if path == ("timestamp",) and record else record
