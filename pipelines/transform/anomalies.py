"""Finds the unusual days among the last ones, from `marts.anomalies`."""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import duckdb

from pipelines.choices import Severity
from pipelines.errors import TransformError
from pipelines.lenses import Lens
from pipelines.transform.state import require_own_name
from pipelines.warehouse import Warehouse

_STATUS = "SELECT last_day, is_demo FROM marts.load_status"
_ANOMALIES = """
    SELECT day, project, severity, reason, downloads, usual, change, score, version, incident, (
        SELECT STRING_AGG(
            CONCAT(
                dimension, ' ', value, IF(difference < 0, ' -', ' +'), FORMAT('{:,}', ABS(ROUND(difference)::BIGINT))
            ),
            ', ' ORDER BY dimension
        )
        FROM marts.anomaly_causes AS causes
        WHERE causes.day = anomalies.day AND causes.project = anomalies.project AND causes.lens = anomalies.lens
            AND place = 1 AND share_of_change >= 0.5
    ) AS cause
    FROM marts.anomalies AS anomalies
    WHERE lens = ? AND LIST_CONTAINS(?, severity) AND day > ?::DATE - ?
    ORDER BY day DESC, LIST_POSITION(?, severity) DESC, project
"""


class Anomaly(NamedTuple):
    """A row of `marts.anomalies`; on a missing day, `downloads` and the figures that need them are `None`.

    `cause` names the value of each dimension that makes up half of the change or more.
    """

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
    cause: str | None = None


@dataclass(frozen=True)
class Anomalies:
    """The anomalies of the last `days` in the data that have the `severity` or a higher one, counted by the `lens`."""

    rows: list[Anomaly]
    severity: Severity
    days: int
    lens: Lens
    last_day: date
    is_demo: bool


def find_anomalies(warehouse: Warehouse, severity: Severity, days: int, lens: Lens) -> Anomalies:
    """The anomalies of the last `days` in the data.

    Raises:
        TransformError: no KPI has been computed yet, the warehouse had another name then, or a mart is missing.

    """
    require_own_name(warehouse)
    status = warehouse.query(_STATUS)
    if not status:
        raise TransformError("No KPIs have been computed yet.", remedy="`just run` computes them.")
    [(last, is_demo)] = status
    severities = [str(item) for item in Severity]
    try:
        # Not by `Warehouse.query`: where a mart is missing, nothing would be unusual.
        with warehouse.connection() as connection:
            rows = connection.execute(_ANOMALIES, [lens.column, severity.or_above, last, days, severities]).fetchall()
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        what = f"The marts of anomalies cannot be read: {str(error).splitlines()[0]}"
        raise TransformError(what, remedy="`just run` computes what is missing.") from error
    return Anomalies([Anomaly(*row) for row in rows], severity, days, lens, last, is_demo)
