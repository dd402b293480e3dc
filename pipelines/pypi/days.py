"""The days that loads record; `columns` has their Arrow schemas."""

from dataclasses import dataclass
from datetime import date


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
    """A project's UTC day in its latest committed load."""

    load_id: str
