"""One month of one project, from the exported marts: what was downloaded, by whom, and what happened."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from duckdb import DuckDBPyConnection

from pipelines.errors import ExportError
from pipelines.exports import list_marts
from pipelines.exports.files import open_exported, require_marts
from pipelines.lenses import Lens
from pipelines.warehouse import Warehouse

MARTS = ("answers", "breakdown_periods", "downloads_monthly", "events", "load_status")
VALUES = 5
"""So many values of a dimension are named."""

_MONTHS = """
    SELECT monthly.month, monthly.is_whole FROM marts.downloads_monthly AS monthly
    JOIN marts.answers AS answers ON answers.project = monthly.project AND answers.page = 'report'
        AND answers.lens = 'downloads' AND answers.subject = '' AND answers.period = STRFTIME(monthly.month, '%Y-%m')
    WHERE monthly.project = ? ORDER BY 1
"""
_PROJECTS = "SELECT DISTINCT project FROM marts.answers ORDER BY 1"
_MONTH = """
    SELECT answers.sentence, answers.note, days, days_counted, days_wrong, days_provisional, is_demo
    FROM marts.downloads_monthly AS monthly
    JOIN marts.answers AS answers ON answers.project = monthly.project AND answers.page = 'report'
        AND answers.lens = ? AND answers.subject = '' AND answers.period = STRFTIME(monthly.month, '%Y-%m')
    CROSS JOIN marts.load_status
    WHERE monthly.project = ? AND monthly.month = ?
"""
_COUNTS = "SELECT {columns} FROM marts.downloads_monthly WHERE project = ? AND month = ?"
_SHARES = """
    SELECT dimension, label, {lens}, share_{lens}, change_share_{lens} FROM marts.breakdown_periods
    WHERE project = ? AND period = STRFTIME(?::DATE, '%Y-%m') AND {lens} > 0
    QUALIFY ROW_NUMBER() OVER (PARTITION BY dimension ORDER BY place_{lens}) <= ?
    ORDER BY LIST_POSITION(['version', 'python', 'installer', 'system', 'country'], dimension), place_{lens}
"""
_EVENTS = """
    SELECT first_day, last_day, kind, sentence, source FROM marts.events
    WHERE project = ? AND lens IN ('', ?) AND first_day <= LAST_DAY(?::DATE) AND last_day >= ?::DATE
    ORDER BY first_day, kind, what
"""
_PYTHON = """
    SELECT sentence, last_day FROM marts.answers
    WHERE project = ? AND lens = ? AND page = 'report' AND subject = 'python' AND period = STRFTIME(?::DATE, '%Y-%m')
"""


class Count(NamedTuple):
    """Downloads of the month by a lens; changes are of the mean of a day, as a fraction."""

    lens: str
    downloads: int | None
    change: float | None
    change_year: float | None


class Share(NamedTuple):
    """One of the largest values of a dimension; `change` is against the month before, 0.01 being a point."""

    dimension: str
    label: str
    downloads: int
    share: float | None
    change: float | None


class Event(NamedTuple):
    """What happened, as in `marts.events`; `source` is the report of a change of the log."""

    first_day: date
    last_day: date
    kind: str
    sentence: str
    source: str | None


@dataclass(frozen=True)
class Report:
    """A month of a project, its shares and events by one lens.

    `note` says which days are not there, wrong or provisional; `python` is what dropping one costs, `python_until`.
    """

    project: str
    month: date
    lens: Lens
    is_demo: bool
    sentence: str
    note: str
    days: int
    days_counted: int
    days_wrong: int
    days_provisional: int
    counts: Sequence[Count]
    shares: Sequence[Share]
    events: Sequence[Event]
    python: str | None
    python_until: date | None


def read_report(warehouse: Warehouse, project: str, month: date | None, lens: Lens) -> Report:
    """The report of a month, given by its first day, or of the last whole one; else of the last one.

    Raises:
        ExportError: nothing is exported yet, or there is no report of this project or month.

    """
    with open_exported(warehouse) as connection:
        require_marts(MARTS, list_marts(connection))
        month = _choose(connection, project, month)
        row = connection.execute(_MONTH, [lens.column, project, month]).fetchall()
        [(sentence, note, days, days_counted, days_wrong, days_provisional, is_demo)] = row
        columns = ", ".join(f"{one.column}, change_{one.column}, change_year_{one.column}" for one in Lens)
        [numbers] = connection.execute(_COUNTS.format(columns=columns), [project, month]).fetchall()
        counts = [Count(one.label, *numbers[3 * place : 3 * place + 3]) for place, one in enumerate(Lens)]
        python = _rows(connection, _PYTHON, project, lens.column, month)
        return Report(
            project,
            month,
            lens,
            is_demo,
            sentence,
            note,
            days,
            days_counted,
            days_wrong,
            days_provisional,
            counts,
            [Share(*row) for row in _rows(connection, _SHARES.format(lens=lens.column), project, month, VALUES)],
            [Event(*row) for row in _rows(connection, _EVENTS, project, lens.column, month, month)],
            *(python[0] if python else (None, None)),
        )


def _choose(connection: DuckDBPyConnection, project: str, month: date | None) -> date:
    months: dict[date, bool] = dict(_rows(connection, _MONTHS, project))
    if not months:
        known = [name for (name,) in _rows(connection, _PROJECTS)]
        raise ExportError(f"There is no report of {project!r}.", remedy=f"The projects are {', '.join(known)}.")
    if month is None:
        return max((each for each, is_whole in months.items() if is_whole), default=max(months))
    if month not in months:
        first, last = min(months), max(months)
        what = f"There is no report of {project!r} for {month:%Y-%m}."
        raise ExportError(what, remedy=f"There are reports of its last months, {first:%Y-%m} to {last:%Y-%m}.")
    return month


def _rows(connection: DuckDBPyConnection, sql: str, *values: object) -> list[tuple[Any, ...]]:
    return connection.execute(sql, list(values)).fetchall()
