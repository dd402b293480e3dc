"""Reads what failed the contract: rows of the log and files of releases, their number by reason, and examples."""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from pipelines.errors import UnknownProjectError, WarehouseError
from pipelines.warehouse import Warehouse, bookkeeping

_ALL_ROWS = """
    SELECT project, SUM(accepted + quarantined)::BIGINT FROM committed_days
    WHERE project = COALESCE(?, project) GROUP BY 1 ORDER BY 1
"""
_QUARANTINED = (
    "quarantine AS rows SEMI JOIN committed_days AS days "
    "ON rows.project = days.project AND rows.day = days.day AND rows._dlt_load_id = days.load_id"
)
_LOG_ROWS = "COALESCE(log_rows, 1)"
_COUNT = f"SELECT SUM({_LOG_ROWS})::BIGINT FROM {_QUARANTINED} WHERE project = COALESCE(?, project)"
_ERRORS = f"""
    SELECT project, day, ordinal, log_rows, line, content, REGEXP_REPLACE(line, ' [(]input .*', '') AS message
    FROM (SELECT *, UNNEST(STRING_SPLIT(reason, CHR(10))) AS line FROM {_QUARANTINED})
    WHERE project = COALESCE(?, project)
"""
_REASONS = f"""
    SELECT project, message, SUM({_LOG_ROWS})::BIGINT, MIN(day), MAX(day) FROM ({_ERRORS})
    GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2
"""
_EXAMPLES = f"""
    SELECT project, message, day, line, content FROM ({_ERRORS})
    QUALIFY ROW_NUMBER() OVER (PARTITION BY project, message ORDER BY day, ordinal) <= ?
    ORDER BY project, message, day, ordinal
"""
_FILES = """
    SELECT project, REGEXP_REPLACE(line, ' [(]input .*', '') AS message, line, content
    FROM (
        SELECT *, UNNEST(STRING_SPLIT(reason, CHR(10))) AS line FROM release_quarantine AS files
        SEMI JOIN release_pages AS pages ON files.project = pages.project AND files._dlt_load_id = pages.load_id
    )
    WHERE project = COALESCE(?, project) ORDER BY ALL
"""


class Reason(NamedTuple):
    """A Pydantic error, with the number of a project's rows that have it, and their first and last day."""

    project: str
    message: str
    rows: int
    first_day: date
    last_day: date


class Example(NamedTuple):
    """A row with that error: its day, the error's whole line, and the row as JSON."""

    project: str
    message: str
    day: date
    line: str
    content: str


class FailedFile(NamedTuple):
    """An error of a file that the index lists: the error's whole line, and what the index has sent, as JSON."""

    project: str
    message: str
    line: str
    content: str


@dataclass(frozen=True)
class Quarantine:
    """What failed the contract: rows of committed loads, and files of releases; `read` counts all rows by project.

    A row or file is there once for each error that it has.
    """

    read: dict[str, int]
    rows: int
    reasons: list[Reason]
    examples: list[Example]
    files: list[FailedFile]


def read_quarantine(warehouse: Warehouse, project: str | None, examples: int) -> Quarantine:
    """The quarantine of one project or all, with at most `examples` rows for each reason.

    Raises:
        UnknownProjectError: no committed load has covered a day of the `project`.
        WarehouseError: no load is committed, or the warehouse cannot be opened.

    """
    read: dict[str, int] = dict(bookkeeping.query_committed(warehouse, _ALL_ROWS, project))
    if not read:
        held = sorted(bookkeeping.loaded_days(warehouse))
        if project and held:
            remedy = f"The warehouse holds: {', '.join(held)}."
            raise UnknownProjectError(f"No day of {project!r} has been loaded.", remedy=remedy)
        raise WarehouseError("Nothing has been loaded yet.", remedy="`just run` loads the days that are missing.")
    reasons = [Reason(*row) for row in warehouse.query(_REASONS, project)]
    files = [FailedFile(*row) for row in warehouse.query(_FILES, project)]
    if not reasons:
        return Quarantine(read, 0, [], [], files)
    [(rows,)] = warehouse.query(_COUNT, project)
    shown = [Example(*row) for row in warehouse.query(_EXAMPLES, project, examples)]
    return Quarantine(read, rows, reasons, shown, files)
