"""Each audit catches a wrong model: one that is changed in its query, or one whose result is not what it declares."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlglot import exp
from sqlmesh import Context
from sqlmesh.core.model import Model

from pipelines.lenses import Lens
from tests.support.installation import ROOT
from tests.support.models import DAYS, Models

pytestmark = pytest.mark.slow

Use = tuple[Model, Any, dict[str, Any]]

RAW = """
INSERT INTO raw.file_downloads BY NAME
SELECT
    day, project, country AS country_code, '1.0' AS file__version,
    IF(kind = 'sdist', 'one-1.0.tar.gz', 'one-1.0-cp312-cp312-manylinux_2_28_x86_64.whl') AS file__filename,
    kind AS file__type, installer AS details__installer__name,
    '26.1.2' AS details__installer__version, '3.12.1' AS details__python, ci AS details__ci,
    system AS details__system__name, cpu AS details__cpu, libc AS details__distro__libc__lib,
    '2.39' AS details__distro__libc__version,
FROM (SELECT UNNEST(GENERATE_SERIES(DATE '2026-06-01', DATE '2026-07-05', INTERVAL 1 DAY))::DATE AS day),
    (VALUES ('one'), ('two')) AS projects (project),
    (VALUES
        ('pip', TRUE, 'DE', 'Linux', 'x86_64', 'glibc', 'bdist_wheel'),
        ('pip', NULL, 'DE', 'Linux', 'x86_64', 'glibc', 'bdist_wheel'),
        ('uv', NULL, NULL, 'Darwin', 'arm64', NULL, 'sdist'),
        ('bandersnatch', NULL, 'US', NULL, NULL, NULL, 'sdist'),
        ('requests', NULL, 'US', NULL, NULL, NULL, 'sdist'),
        (NULL, NULL, 'FR', NULL, NULL, NULL, 'sdist')
    ) AS clients (installer, ci, country, system, cpu, libc, kind);
INSERT INTO raw.file_downloads BY NAME
SELECT * REPLACE ('2.0' AS file__version) FROM raw.file_downloads WHERE day >= '2026-06-20';
INSERT INTO raw.file_downloads BY NAME
SELECT * REPLACE ('one-1.0-py3-none-any.whl.metadata' AS file__filename)
FROM raw.file_downloads WHERE day = '2026-06-20';
INSERT INTO raw.file_downloads BY NAME
SELECT downloads.* FROM raw.file_downloads AS downloads, RANGE(200) WHERE day = '2026-07-04' AND file__version = '2.0';
INSERT INTO raw.committed_days (project, day, accepted, quarantined, origin, load_id)
SELECT project, day, COUNT(*), 0, 'parquet', 'load' FROM raw.file_downloads GROUP BY ALL;
INSERT INTO raw.release_pages BY NAME SELECT 'one' AS project, 'load' AS load_id, 'active' AS status;
INSERT INTO raw.release_files BY NAME
SELECT 'one' AS project, version AS filename, version, TIMESTAMPTZ '2026-06-20 18:00:00+00' AS uploaded_at,
    '>=3.10' AS requires_python, version = '2.0' AS is_yanked, 'load' AS _dlt_load_id,
FROM (VALUES ('2.0'), ('3.0')) AS versions (version);
INSERT INTO raw.tracked_projects VALUES ('one'), ('two');
INSERT INTO raw.extract_ledger BY NAME SELECT 'one' AS project, TIMESTAMPTZ '2026-07-06 08:00:00+00' AS started_at,
    100 AS bytes_estimated, 100 AS bytes_billed, 0.5 AS cost, 10 AS rows_read, 'done' AS status;
INSERT INTO raw.quarantine BY NAME SELECT 'one' AS project, DATE '2026-06-20' AS day, 'url: wrong' AS reason,
    'load' AS _dlt_load_id;
"""


@dataclass(frozen=True)
class Change:
    """A part of a model's query, what stands there in a wrong model, and the model whose audit must catch it."""

    model: str
    old: str
    new: str
    audited: str


CHANGES = {
    "answers_repeat_marts": Change(
        "marts.answers",
        '"ranked"."place" = 1 THEN "ranked"."share"',
        '"ranked"."place" = 2 THEN "ranked"."share"',
        "marts.answers",
    ),
    "classes_sum_to_total": Change("marts.downloads_daily", "= 'script'", "= 'scripts'", "marts.downloads_daily"),
    "countries_are_listed": Change(
        "marts.breakdown_periods", '"c"."country_code"', 'LOWER("c"."country_code")', "marts.breakdown_periods"
    ),
    "counts_every_row": Change("staging.downloads", "LEFT JOIN", "INNER JOIN", "staging.daily_downloads"),
    "installers_are_listed": Change(
        "staging.downloads", '= "i"."installer"', '= UPPER("i"."installer")', "staging.daily_downloads"
    ),
    "kpis_count_what_was_loaded": Change(
        "marts.downloads_daily", "WHERE", "WHERE installer <> 'pip' AND", "marts.health"
    ),
    "lenses_nest": Change("staging.daily_downloads", "<> 'mirror'", "= 'mirror'", "marts.downloads_daily"),
    "no_day_is_missing": Change(
        "marts.health", 'ON "e"."day" = "l"."day"', 'ON "e"."day" = "l"."day" AND "l"."accepted" > 12', "marts.health"
    ),
    "agrees_with_daily_downloads": Change(
        "staging.daily_platforms", "WHERE", "WHERE cpu <> 'arm64' AND", "staging.daily_platforms"
    ),
    "only_unrecorded_is_null": Change(
        "staging.downloads", '"c"."origin" = \'clickpy\'', "TRUE", "staging.daily_platforms"
    ),
    "shares_sum_to_one": Change(
        "marts.breakdown_weekly",
        'PARTITION BY "w"."week", "w"."project", "w"."dimension"',
        'PARTITION BY "w"."week", "w"."project"',
        "marts.breakdown_weekly",
    ),
    "sums_to_daily_total": Change(
        "marts.downloads_by_system", "WHERE", "WHERE system <> 'unknown' AND", "marts.downloads_by_system"
    ),
    "sums_to_period_total": Change(
        "marts.breakdown_periods", ">= 0 GROUP BY", ">= 1 GROUP BY", "marts.breakdown_periods"
    ),
    "sums_to_weekly_total": Change(
        "marts.breakdown_weekly",
        'AS "parts" GROUP BY',
        """AS "parts" WHERE day <> '2026-06-07' GROUP BY""",
        "marts.breakdown_weekly",
    ),
}
"""A wrong model for each audit of the project's own."""

LOST, DOUBLED, EMPTY = "FROM {} ORDER BY ALL OFFSET 1", "FROM {0} UNION ALL FROM {0}", "FROM {} WHERE FALSE"
NO_DAY = "FROM {} WHERE project <> 'one' OR day <> '2026-06-20'"
NEW_DAY = "FROM {0} UNION ALL SELECT * REPLACE (DATE '2026-05-31' AS day) FROM {0} WHERE day = '2026-06-20'"
MISCOUNTED = [f"SELECT * REPLACE ({lens.column} + 1 AS {lens.column}) FROM {{}}" for lens in Lens]
RESULTS: dict[str, str | tuple[str, ...]] = {
    "accepted_range": "SELECT * REPLACE (-1 AS {column}) FROM {}",
    "accepted_values": "SELECT * REPLACE ('surprise' AS {column}) FROM {}",
    "answers_repeat_marts": "SELECT * REPLACE (value + 1 AS value) FROM {}",
    "classes_sum_to_total": "SELECT * REPLACE (downloads_by_unknown + 1 AS downloads_by_unknown) FROM {}",
    "countries_are_listed": "SELECT * REPLACE ('country' AS dimension, 'ZZ' AS value, 'ZZ' AS label) FROM {}",
    "counts_every_row": LOST,
    "installers_are_listed": "SELECT * REPLACE ('a' AS installer, 'unknown' AS installer_class) FROM {}",
    "kpis_count_what_was_loaded": "SELECT * REPLACE (1 AS difference) FROM {}",
    "lenses_nest": "SELECT * REPLACE (downloads + 1 AS downloads_outside_ci) FROM {}",
    "no_day_is_missing": "SELECT * REPLACE (FALSE AS is_loaded) FROM {}",
    "not_null": "SELECT * REPLACE (NULL AS {column}) FROM {}",
    "number_of_rows": EMPTY,
    "only_unrecorded_is_null": "SELECT * REPLACE (NULL AS {column}) FROM {}",
    "agrees_with_daily_downloads": (LOST, NO_DAY, NEW_DAY, *MISCOUNTED),
    "shares_sum_to_one": "SELECT * REPLACE (share_downloads / 2 AS share_downloads) FROM {}",
    "sums_to_daily_total": (LOST, NO_DAY, NEW_DAY, *MISCOUNTED),
    "sums_to_period_total": (LOST, *MISCOUNTED),
    "sums_to_weekly_total": (LOST, *MISCOUNTED),
    "unique_combination_of_columns": DOUBLED,
    "unique_values": DOUBLED,
}
"""Wrong results for each audit; where one has a `column`, each column that the audit names is wrong once."""

CONDITIONS = {
    "marts.answers": "2.0 AS slope_low, 1.0 AS slope",
    "marts.anomalies": "NULL AS downloads, 'drop' AS reason",
    "marts.anomaly_causes": "6 AS place",
    "marts.ci_weekly": "downloads_by_installers + 1 AS downloads_in_ci",
    "marts.downloads_by_wheel": "'wheel' AS kind",
    "marts.downloads_monthly": "32 AS days",
    "marts.downloads_periods": "length + 1 AS days",
    "marts.downloads_trend": "NOT is_missing AS is_missing",
    "marts.downloads_weekly": "FALSE AS is_whole, 1 AS previous_downloads",
    "marts.events": "0 AS days",
    "marts.freshness": "-1 AS days_behind",
    "marts.health": "NOT is_loaded AS is_loaded",
    "marts.major_support": "older_downloads_without_mirrors - 1 AS older_downloads",
    "marts.bot_floor_28d": "2.0 AS floor_share_downloads",
    "marts.platform_floor_28d": "2.0 AS older_share_downloads",
    "marts.sdist_fallback_28d": "2.0 AS sdist_share_downloads_by_installers",
    "marts.portfolio_answers": "'' AS project, 'compare' AS page",
    "marts.project_overview": "2.0 AS latest_share_downloads",
    "marts.portfolio_compare": "99 AS rank_downloads",
    "marts.python_support": "2.0 AS drop_share_downloads",
    "marts.uv_shift": "FALSE AS is_whole, 1.0 AS slope_uv_share_downloads",
    "marts.weekly_causes": "downloads + 1 AS difference_downloads",
    "marts.version_adoption": "-1 AS days_since_release",
    "marts.versions": "2 AS days_to_25_downloads, 1 AS days_to_50_downloads",
    "reference.countries": "'DEU' AS country_code",
    "reference.incidents": "'2000-01-01' AS last_day",
    "reference.python_eol": "'2100-01-01' AS released",
    "marts.yanked_28d": "2.0 AS share_downloads",
    "staging.releases": "last_seen + 1 AS first_seen",
}
"""For each model with conditions of its own (`forall`), values that break one."""


@pytest.fixture(scope="module")
def healthy(context: Context) -> Models:
    """The right models, computed; what a test changes it restores."""
    models = Models(context)
    models.connection.execute(RAW)
    models.compute()
    return models


def uses(context: Context) -> Iterator[Use]:
    """Each audit of each model, with its arguments."""
    for model in context.models.values():
        for audit, arguments in model.audits_with_args:
            yield model, audit, arguments


def wrong_results(model: Model, audit: Any, arguments: dict[str, Any]) -> list[str]:  # noqa: ANN401 - two kinds
    """Queries of the model's table with a result that the audit must catch."""
    if audit.name == "forall":
        return [f"SELECT * REPLACE ({CONDITIONS[model.name]}) FROM {model.name}"]
    # Rendered, a blueprint's columns have their names. An audit selects rows by the time column: it is never NULL.
    columns = {column.name for column in model.render_audit_query(audit, **DAYS, **arguments).find_all(exp.Column)}
    columns -= {model.time_column.column.name if model.time_column else ""}
    if audit.name == "only_unrecorded_is_null":
        columns = {arguments["column"].name}
    templates = RESULTS[audit.name]
    templates = (templates,) if isinstance(templates, str) else templates
    return sorted({template.format(model.name, column=column) for template in templates for column in columns})


def test_no_audit_fails_on_right_models(healthy: Models) -> None:
    """Nothing is found in the results of the models as they are, and each has some."""
    found = {
        f"{audit.name} of {model.name}": healthy.failures(model, audit, arguments)
        for model, audit, arguments in uses(healthy.context)
    }

    assert {} == {name: rows for name, rows in found.items() if rows}
    assert [] == [model.name for model in healthy.of_kind(external=False) if not healthy.rows(f"FROM {model.name}")]


def test_each_audit_of_each_model_catches_a_wrong_result(healthy: Models) -> None:
    """Whatever a model audits, a result that is wrong in just that is caught."""
    missed = []
    for model, audit, arguments in uses(healthy.context):
        for wrong in wrong_results(model, audit, arguments):
            healthy.connection.execute(f"CREATE OR REPLACE TABLE wrong AS {wrong}")
            if not healthy.failures(model, audit, arguments, "wrong"):
                missed.append(f"{audit.name} of {model.name}: {wrong}")

    assert [] == missed


@pytest.mark.parametrize("audit", CHANGES)
def test_each_audit_catches_a_wrong_model(healthy: Models, audit: str) -> None:
    """A model whose query was changed, as one might by mistake, is caught by the audit."""
    change = CHANGES[audit]

    with healthy.changed(change.model, change.old, change.new, until=change.audited):
        found = [
            healthy.failures(model, used, arguments)
            for model, used, arguments in uses(healthy.context)
            if (model.name, used.name) == (change.audited, audit)
        ]

    assert any(found)


def test_what_an_audit_reads_is_planned_before(context: Context) -> None:
    """SQLMesh finds what a query reads, but not what an audit does: the model has to name it, or a first plan fails."""
    unplanned = {
        f"{audit.name} of {model.name} reads {table.sql('duckdb')}"
        for model, audit, arguments in uses(context)
        for table in model.render_audit_query(audit, **DAYS, **arguments).find_all(exp.Table)
        if table.db and exp.table_name(table, identify=True) not in {model.fqn} | (model.depends_on or set())
        if not context.models[exp.table_name(table, identify=True)].kind.is_external
    }

    assert set() == unplanned


def test_no_audit_is_without_a_wrong_model() -> None:
    """A new audit needs a model that it catches."""
    assert sorted(CHANGES) == sorted(path.stem for path in (ROOT / "sqlmesh" / "audits").glob("*.sql"))
