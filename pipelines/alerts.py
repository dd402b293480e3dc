"""Tells which of the last days are unlike what is usual: Markdown, for a person or for a scheduled job."""

from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

from pipelines.console import open_console
from pipelines.errors import TransformError
from pipelines.lens import Lens
from pipelines.warehouse import Warehouse

FOUND = 3
"""Exit code where there is something to tell; 1 is an error of ours, 2 one of the command's arguments."""

_LAST = "SELECT last_day, is_demo FROM marts.load_status"
_FOUND = """
    SELECT day, project, severity, reason, downloads, usual, change, score, version, incident
    FROM marts.anomalies
    WHERE lens = %s AND LIST_CONTAINS(%s, severity) AND day > %s::DATE - %s
    ORDER BY day DESC, LIST_POSITION(%s, severity) DESC, project
"""


class Severity(StrEnum):
    """What `marts.anomalies` says of a day, from the least to the most severe."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def or_above(self) -> list[str]:
        """Its name, and those of all that are more severe."""
        severities = list(Severity)
        return [str(severity) for severity in severities[severities.index(self) :]]


class Anomaly(NamedTuple):
    """A row of `marts.anomalies`; `downloads` and what follows from them are `None` where the day is missing."""

    day: date
    project: str
    severity: str
    reason: str
    downloads: int | None
    usual: float | None
    change: float | None
    score: float | None
    version: str | None
    incident: str | None


def show(warehouse: Warehouse, severity: Severity, days: int, lens: Lens) -> bool:
    """Print the anomalies of the last `days` in the data, as Markdown; return whether there is any.

    Raises:
        TransformError: no KPI has been computed yet.

    """
    status = warehouse.query(_LAST)
    if not status:
        raise TransformError("No KPIs have been computed yet.", remedy="`just run` computes them.")
    [(last, is_demo)] = status
    rows = warehouse.query(_FOUND, lens.column, severity.or_above, last, days, [str(each) for each in Severity])
    origin = " of demo data: generated, not real" if is_demo else ""
    scope = f"the last {days} days through {last}{origin}, by `{lens.column}`"
    console = open_console()
    for line in _markdown([Anomaly(*row) for row in rows], severity, scope):
        console.print(line, markup=False, soft_wrap=True)
    return bool(rows)


def _markdown(anomalies: list[Anomaly], severity: Severity, scope: str) -> list[str]:
    if not anomalies:
        return [f"No anomaly of severity {severity} or above in {scope}."]
    return [
        f"## Anomalies of severity {severity} or above: {len(anomalies)}",
        "",
        f"In {scope}.",
        "",
        "| day | project | severity | reason | downloads | usual | change | score |",
        "|---|---|---|---|---:|---:|---:|---:|",
        *(_row(anomaly) for anomaly in anomalies),
    ]


def _row(anomaly: Anomaly) -> str:
    detail = {"release": anomaly.version, "incident": anomaly.incident}.get(anomaly.reason)
    cells = (
        str(anomaly.day),
        anomaly.project,
        anomaly.severity,
        f"{anomaly.reason} ({detail})" if detail else anomaly.reason,
        _number(anomaly.downloads, ",.0f"),
        _number(anomaly.usual, ",.0f"),
        _number(anomaly.change, "+.0%"),
        _number(anomaly.score, "+.1f"),
    )
    return "| " + " | ".join(cells).replace("\n", " ") + " |"


def _number(value: Any, form: str) -> str:  # noqa: ANN401 - whatever number SQL gives
    return "" if value is None else format(value, form)
