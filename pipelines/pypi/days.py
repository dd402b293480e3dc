"""Days as loads record them: one declaration for `raw.loaded_days`, `raw.committed_days` and a lake's manifest."""

from dataclasses import dataclass, fields
from datetime import date
from typing import Any, get_type_hints

import pyarrow as pa

_ARROW_TYPES: dict[Any, pa.DataType] = {str: pa.string(), date: pa.date32(), int: pa.int64()}


@dataclass(frozen=True)
class LoadedDay:
    """A project's UTC day in one load: rows accepted and quarantined, and the `origin` of the data."""

    project: str
    day: date
    accepted: int
    quarantined: int
    origin: str


@dataclass(frozen=True)
class CommittedDay(LoadedDay):
    """A project's day as its latest committed load has left it."""

    load_id: str


def _schema(record: type[LoadedDay]) -> pa.Schema:
    types = get_type_hints(record)
    return pa.schema([pa.field(each.name, _ARROW_TYPES[types[each.name]], nullable=False) for each in fields(record)])


LOADED_DAYS_SCHEMA = _schema(LoadedDay)
"""`raw.loaded_days`, to which dlt adds the load's id."""

COMMITTED_DAYS_SCHEMA = _schema(CommittedDay)
"""`raw.committed_days`, and the manifest of a lake."""
