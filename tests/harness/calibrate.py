"""How often `marts.anomalies` warns, and what it misses: `python -m tests.harness.calibrate`.

The model's own query runs over the published daily totals of PYPI_REAL_DATA (5,041 projects, 149 days), and over counts
that are drawn by chance: a level, a weekday profile, and the noise of ordinary projects beyond that of counting. Into
copies of these, one day each, a collapse below a quarter or a rise above five times is put.

A warning is an alarm of severity `warning` or above, which is what `just alerts` reports by default. Rates are of ten
projects in thirty days.
"""

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from rich.console import Console
from sqlmesh import Context
from sqlmesh.core.console import NoopConsole, set_console

from tests.support.installation import ROOT
from tests.support.models import Models

FIRST = date(2026, 2, 23)
DAYS = 150
SEED = 20260701
LEVELS = (60, 200, 1_000, 20_000)
"""Downloads a day of the simulated projects."""
NOISE = (0.05, 0.15, 0.3)
"""Standard deviations of the logarithm of a simulated day, beside the noise of counting."""
SERIES = 60
"""Simulated projects of each level and noise."""
WEEKDAYS = (1.15, 1.2, 1.2, 1.15, 1.05, 0.6, 0.65)
BUSY = 200
"""Downloads a day from which on nothing large may be missed."""
PERIOD = 300
"""Ten projects in thirty days."""

_WARNS = "severity <> 'info'"
_ROWS = """
    CREATE OR REPLACE TABLE marts.downloads_trend AS
    SELECT *, day - ((ISODOW(day) - 1)::INT) AS week, ISODOW(day) AS weekday, FALSE AS is_missing, FALSE AS is_wrong,
        FALSE AS is_provisional, NULL::TEXT AS incident, NULL::DATE AS comparable_since_downloads,
        NULL::DATE AS comparable_since_downloads_without_mirrors,
        NULL::DATE AS comparable_since_downloads_by_installers, NULL::DATE AS comparable_since_downloads_outside_ci,
        downloads AS downloads_without_mirrors, downloads AS downloads_by_installers, downloads AS downloads_outside_ci
    FROM counts
"""
_USUAL = """
    SELECT COUNT(*) FROM marts.downloads_trend AS t WHERE DATE_DIFF('day', (
        SELECT MIN(day) FROM marts.downloads_trend AS s WHERE s.project = t.project), t.day) >= 28
"""


@dataclass(frozen=True)
class Rates:
    """What the model says of some daily counts; `missed` are large changes without a warning on the day."""

    project_days: int
    warnings: int
    critical: int
    infos: int
    missed: int = 0
    large: int = 0

    @property
    def per_period(self) -> float:
        """Warnings of ten projects in thirty days."""
        return PERIOD * self.warnings / self.project_days

    @property
    def missed_share(self) -> float:
        """The share of large changes that raise no warning."""
        return self.missed / self.large if self.large else 0.0


def measure(models: Models, counts: pa.Table) -> Rates:
    """Compute the model over `counts` (day, project, downloads), and count what it says."""
    models.connection.register("counts", counts)
    models.connection.execute(_ROWS)
    models.connection.unregister("counts")
    models.compute(["marts.anomalies"])
    [(days,)] = models.rows(_USUAL)
    [row] = models.rows(
        f"SELECT COUNT(*) FILTER ({_WARNS}), COUNT(*) FILTER (severity = 'critical'), "
        "COUNT(*) FILTER (severity = 'info') FROM marts.anomalies"
    )
    return Rates(days, *row)


def published(folder: Path) -> pa.Table:
    """The published daily totals."""
    file = folder / "daily_totals.parquet"
    return duckdb.sql(f"SELECT day::DATE AS day, project, downloads FROM '{file}'").to_arrow_table()


def simulate(level: float, noise: float, series: int, seed: int = SEED) -> np.ndarray:
    """Counts of so many ordinary projects, a row each, on `DAYS` days."""
    draw = np.random.default_rng(seed)
    profile = np.array([WEEKDAYS[day % 7] for day in range(DAYS)])
    growth = np.exp(draw.normal(0, 0.002, (series, 1)) * np.arange(DAYS))
    means = level * profile * growth * np.exp(draw.normal(0, noise, (series, DAYS)) - noise**2 / 2)
    return draw.poisson(means)


def inject(counts: np.ndarray, seed: int = SEED) -> tuple[np.ndarray, list[int]]:
    """A copy in which one late day of each project falls below a quarter, or rises above five times; and the days."""
    draw = np.random.default_rng(seed)
    changed, days = counts.copy(), []
    for number, row in enumerate(changed):
        day = int(draw.integers(70, DAYS))
        usual = np.median(row[day - 56 : day : 7])
        factor = draw.uniform(0, 0.25) if number % 2 else draw.uniform(5, 20)
        row[day] = int(usual * factor) if number % 2 else int(usual * factor) + 1
        days.append(day)
    return changed, days


def as_table(counts: np.ndarray) -> pa.Table:
    """The counts as (day, project, downloads); projects are numbered."""
    series, days = counts.shape
    first = np.datetime64(FIRST, "D")
    return pa.table(
        {
            "day": pa.array(np.tile(first + np.arange(days), series)),
            "project": [f"p{number:03}" for number in range(series) for _ in range(days)],
            "downloads": counts.reshape(-1).astype("int64"),
        }
    )


def simulated(models: Models, level: float, noise: float, series: int = SERIES) -> Rates:
    """The rates of ordinary projects of a level and noise, and of large changes in copies of them."""
    counts = simulate(level, noise, series)
    quiet = measure(models, as_table(counts))
    changed, days = inject(counts)
    measure(models, as_table(changed))
    warned = set(models.rows(f"SELECT project, day FROM marts.anomalies WHERE {_WARNS}"))
    missed = sum((f"p{number:03}", FIRST + timedelta(days=day)) not in warned for number, day in enumerate(days))
    return Rates(quiet.project_days, quiet.warnings, quiet.critical, quiet.infos, missed, len(days))


def large_changes(models: Models) -> dict[str, int]:
    """How often days of busy projects below a quarter or above five times their usual have each reason."""
    return dict(
        models.rows(
            f"SELECT reason, COUNT(*) FROM marts.anomalies WHERE usual >= {BUSY} "
            "AND (downloads < usual / 4 OR downloads > 5 * usual) GROUP BY ALL ORDER BY 2 DESC"
        )
    )


def open_models(context: Context) -> Models:
    """Models that know one lens, as the published totals do, and no release."""
    models = Models(context)
    models.compute(["reference.lenses"])
    models.connection.execute("DELETE FROM reference.lenses WHERE column_name <> 'downloads'")
    for name in ("staging.releases", "marts.downloads_by_version"):
        columns = context.get_model(name, raise_if_missing=True).columns_to_types or {}
        text = ", ".join(f"{column} {kind.sql('duckdb')}" for column, kind in columns.items())
        models.connection.execute(f"CREATE TABLE {name} ({text})")
    return models


def report() -> Iterator[str]:
    """The lines that `python -m tests.harness.calibrate` prints."""
    os.environ["WAREHOUSE"] = ":memory:"
    set_console(NoopConsole())
    context = Context(paths=[str(ROOT / "sqlmesh")])
    models = open_models(context)
    yield "| counts | project-days | warnings of ten projects in thirty days | critical | large changes missed |"
    yield "|---|---:|---:|---:|---:|"
    folder = Path(os.environ.get("PYPI_REAL_DATA", ROOT.parent / "shared" / "data"))
    reasons: dict[str, int] = {}
    if (folder / "daily_totals.parquet").exists():
        rates = measure(models, published(folder))
        reasons = large_changes(models)
        yield f"| published daily totals | {rates.project_days:,} | {rates.per_period:.2f} | {rates.critical:,} | |"
    for level in LEVELS:
        for noise in NOISE:
            rates = simulated(models, level, noise)
            yield (
                f"| simulated, {level:,} a day, noise {noise:.0%} | {rates.project_days:,} | {rates.per_period:.2f} | "
                f"{rates.critical:,} | {rates.missed} of {rates.large} |"
            )
    if reasons:
        yield ""
        yield f"Published days below a quarter of the usual or above five times, of projects with {BUSY} a day or more:"
        yield ", ".join(f"{count:,} {reason}" for reason, count in reasons.items())
    context.close()


if __name__ == "__main__":
    argparse.ArgumentParser(description="Measure how often alerts warn, and what they miss.").parse_args()
    console = Console()
    for line in report():
        console.print(line, markup=False, highlight=False, soft_wrap=True)
