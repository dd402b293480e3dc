"""What a source does not record is NULL in each mart: not unknown, not zero, not a part that looks like the whole."""

import csv
from datetime import date, timedelta

import pytest
from sqlmesh import Context

from pipelines.pypi.settings import FIRST_DAY
from tests.support.installation import ROOT
from tests.support.models import Models

SEEDS = ROOT / "sqlmesh" / "seeds"
FIRST, CHANGE, LAST = date(2026, 6, 1), date(2026, 6, 17), date(2026, 6, 28)
"""Four whole weeks; the source changes on the Wednesday of the third."""
CLIENT = {"details__cpu": "x86_64", "details__distro__name": "Ubuntu", "details__distro__version": "24.04"}
WHEEL = {"file__filename": "one-1.0-cp313-cp313-manylinux_2_28_x86_64.whl", "file__type": "bdist_wheel"}


def rows_of(seed: str) -> list[dict[str, str]]:
    with (SEEDS / seed).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def mixed(context: Context) -> Models:
    """Days of `clickpy`, none of which says anything on CI, and then days of BigQuery, all equal otherwise."""
    models = Models(context)
    for n in range((LAST - FIRST).days + 1):
        day = FIRST + timedelta(n)
        libc = {"details__distro__libc__lib": "glibc", "details__distro__libc__version": "2.39"}
        models.add(day, 10, **WHEEL, **libc, **(CLIENT if day >= CHANGE else {}))
        models.add(day, 5, details__ci=True if day >= CHANGE else None)
    models.commit(FIRST, CHANGE - timedelta(1), origin="clickpy")
    models.commit(CHANGE, LAST, origin="bigquery")
    models.compute()
    return models


def test_seed_names_each_source_and_dimension_once() -> None:
    """Each source says of each dimension since when it has it; all have those without which no lens counts."""
    rows = rows_of("recorded.csv")
    origins = {row["origin"] for row in rows}
    since: dict[str, set[str]] = {}
    for row in rows:
        since.setdefault(row["dimension"], set()).add(row["first_day"])

    assert {"bigquery", "parquet", "demo", "clickpy"} == origins
    assert len(rows) == len(origins) * len(since)
    assert {"ci", "cpu", "distro", "installer_version", "subcommand"} == {
        dimension for dimension, days in since.items() if days != {f"{FIRST_DAY}"}
    }
    assert {row["dimension"] for row in rows_of("lenses.csv")} <= since.keys()
    assert {"ci"} == {row["dimension"] for row in rows if row["null_means"] != "not said"}


def test_seed_agrees_with_the_list_of_changes() -> None:
    """A dimension that the log has from a day on is also a change of the log on that day."""
    since = {row["dimension"]: row["first_day"] for row in rows_of("recorded.csv") if row["origin"] == "bigquery"}
    changes = {row["concerns"]: row["first_day"] for row in rows_of("incidents.csv") if row["log"] == "pypi"}

    assert {name: day for name, day in since.items() if day != f"{FIRST_DAY}"} == {
        name: changes[name] for name in ("ci", "subcommand")
    }


def test_missing_dimension_is_null_and_has_no_share(mixed: Models) -> None:
    """Downloads of days without processor stay in the sums, under no value; shares are those of the other days."""
    week = "SELECT value, downloads, share_downloads FROM marts.breakdown_weekly WHERE dimension = '{}' AND week = '{}'"

    assert [(None, 105, None)] == mixed.rows(week.format("cpu", "2026-06-01"))
    assert [("unknown", 25, 1 / 3), ("x86_64", 50, 2 / 3), (None, 30, None)] == mixed.rows(
        week.format("cpu", "2026-06-15") + " ORDER BY value"
    )
    assert [("not recorded by this source", None, 240), ("x86_64", 2 / 3, 120), ("unknown", 1 / 3, 60)] == mixed.rows(
        "SELECT label, share_downloads, downloads FROM marts.breakdown_periods "
        "WHERE dimension = 'cpu' AND period = '4w' ORDER BY place_downloads"
    )
    assert [(None, 160), ("x86_64", 120)] == mixed.rows(
        "SELECT cpu, SUM(downloads) FROM marts.manylinux GROUP BY cpu ORDER BY cpu NULLS FIRST"
    )


def test_lens_over_what_is_missing_is_null(mixed: Models) -> None:
    """No sum over a day that does not say what was in CI has the lens outside CI, in whichever mart."""
    weeks = "SELECT is_ci_recorded, downloads, downloads_by_installers, downloads_outside_ci FROM "

    assert [(False, 105, 105, None)] * 3 + [(True, 105, 105, 70)] == mixed.rows(
        f"{weeks} marts.downloads_weekly ORDER BY week"
    )
    assert [(None, None)] * 3 + [(35, 1 / 3)] == mixed.rows(
        "SELECT downloads_in_ci, ci_share_downloads FROM marts.ci_weekly ORDER BY week"
    )
    sums = mixed.rows(
        "SELECT SUM(total), COUNT(part) FROM ("
        "SELECT downloads AS total, downloads_outside_ci AS part FROM marts.downloads_periods"
        " UNION ALL SELECT downloads, downloads_outside_ci FROM marts.downloads_monthly"
        " UNION ALL SELECT downloads, downloads_outside_ci FROM marts.breakdown_periods "
        " WHERE period = '52w' AND NOT dimension IN ('cpu', 'distro')"
        " UNION ALL SELECT downloads, downloads_outside_ci FROM marts.versions"
        " UNION ALL SELECT downloads, downloads_outside_ci FROM marts.python_support"
        " UNION ALL SELECT versions, floor_downloads_outside_ci FROM marts.bot_floor_28d"
        " UNION ALL SELECT older_downloads, older_downloads_outside_ci FROM marts.major_support WHERE NOT is_whole)"
    )
    assert sums[0][0] > 0
    assert sums[0][1] == 0


def test_change_of_source_is_marked_and_counts_nothing_twice(mixed: Models) -> None:
    """One day is marked, and with it the week, month and periods that it falls into; each day counts once."""
    mark = "The source changes from clickpy to bigquery."

    assert [(CHANGE, "bigquery", mark)] == mixed.rows(
        "SELECT day, origin, log_change FROM marts.downloads_trend WHERE NOT log_change IS NULL"
    )
    assert [(date(2026, 6, 15), mark)] == mixed.rows(
        "SELECT week, log_change FROM marts.downloads_weekly WHERE NOT log_change IS NULL"
    )
    assert [(420, mark)] == mixed.rows("SELECT downloads, log_change FROM marts.downloads_monthly")


def test_no_audit_fails_over_what_is_missing(mixed: Models) -> None:
    """A warehouse with days of two sources passes each audit that stops a plan."""
    failed = [
        (model.name, audit.name)
        for model in mixed.of_kind(external=False)
        for audit, arguments in model.audits_with_args
        if mixed.failures(model, audit, arguments)
    ]

    assert [] == failed
