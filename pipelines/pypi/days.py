"""The days that loads record; `columns` has their Arrow schemas."""

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True)
class LoadedDay:
    """A project's UTC day in one load: its downloads, accepted and quarantined, their `origin`, and their grain."""

    project: str
    day: date
    accepted: int
    quarantined: int
    origin: str
    grain: str = field(default="row", kw_only=True)


@dataclass(frozen=True)
class CommittedDay(LoadedDay):
    """A project's UTC day in its latest committed load."""

    load_id: str
