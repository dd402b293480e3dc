"""Days as loads record them; `columns` has their Arrow schemas."""

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
    """A project's day as its latest committed load has left it."""

    load_id: str
