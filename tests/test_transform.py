"""KPIs follow committed loads, also after a crash, and are wrong at no time."""

import shutil
from datetime import date
from pathlib import Path

import duckdb
import pytest

from pipelines.errors import TransformError
from tests.project import ROOT, Project
from tests.rows import download, write

DAYS = [date(2026, 7, day) for day in (1, 2, 3)]
DAILY = "SELECT day, project, downloads FROM marts.downloads_daily ORDER BY ALL"


@pytest.fixture
def small(project: Project, tmp_path: Path) -> Project:
    file = write(tmp_path / "source" / "rows.parquet", [download(day) for day in DAYS])
    return project.with_settings(PARQUET_PATH=str(file), PROJECTS='["one"]', START_DATE="2026-07-01", LAG_DAYS="3")


def test_days_that_are_loaded_again_are_computed_again(small: Project) -> None:
    """Each mart follows the rows of a restated day, and of a day that upstream has emptied."""
    small.run()
    write(Path(small.settings["PARQUET_PATH"]), [download(DAYS[0]), download(DAYS[2]), download(DAYS[2])])

    small.run()

    assert [(DAYS[0], "one", 1), (DAYS[2], "one", 2)] == small.query(DAILY)
    assert [(DAYS[1], True, None)] == small.query(
        "SELECT day, is_missing, downloads FROM marts.downloads_trend WHERE is_missing"
    )
    assert small.query("SELECT SUM(downloads) FROM marts.breakdown_28d WHERE dimension = 'version'") == [(3,)]


def test_kpis_catch_up_after_a_run_that_died_before_them(small: Project) -> None:
    """Loads that no plan has taken yet stay pending, however many there are."""
    small.run()
    write(Path(small.settings["PARQUET_PATH"]), [download(DAYS[0]), download(DAYS[0]), download(DAYS[2])])
    small.load()
    small.load()

    small.transform()

    assert [(DAYS[0], "one", 2), (DAYS[2], "one", 1)] == small.query(DAILY)
    assert small.query(
        "SELECT COUNT(*) FROM raw._dlt_loads WHERE load_id NOT IN (SELECT load_id FROM raw.acknowledged_loads)"
    ) == [(0,)]


def test_failing_audit_stops_and_acknowledges_nothing(small: Project) -> None:
    """A row that no project of the contract could have makes the plan fail, and the loads stay pending."""
    small.load()
    with duckdb.connect(small.file) as connection:
        connection.execute("UPDATE raw.file_downloads SET file__type = 'surprise' WHERE day = '2026-07-02'")

    with pytest.raises(TransformError, match="accepted_values"):
        small.transform()

    assert small.query("FROM raw.acknowledged_loads") == []


def test_plan_shows_a_change_and_applies_nothing(
    small: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed seed is categorised, with the models that follow from it and are to be computed again; prod stays."""
    small.run()
    before = small.query("FROM reference.installers ORDER BY ALL")
    changed = tmp_path / "sqlmesh"
    shutil.copytree(ROOT / "sqlmesh", changed, ignore=shutil.ignore_patterns(".cache"))
    with (changed / "seeds" / "installers.csv").open("a") as seed:
        seed.write("newtool,installer\n")
    monkeypatch.setattr("pipelines.transform.PROJECT", changed)

    for _ in range(2):
        done = small.cli("plan")

        assert done.returncode == 0, done.stderr
        assert "reference.installers` (Breaking)" in done.stdout
        assert "Models needing backfill" in done.stdout
    assert before == small.query("FROM reference.installers ORDER BY ALL")


def test_changed_model_that_fails_its_test_is_not_applied(
    small: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that is changed wrongly stops at its unit test, before any number of it is computed; prod stays."""
    small.run()
    before = small.marts()
    changed = tmp_path / "sqlmesh"
    shutil.copytree(ROOT / "sqlmesh", changed, ignore=shutil.ignore_patterns(".cache"))
    model = changed / "models" / "marts" / "downloads_monthly.sql"
    model.write_text(model.read_text().replace("counted_days = days AS is_whole", "TRUE AS is_whole"))
    monkeypatch.setattr("pipelines.transform.PROJECT", changed)

    with pytest.raises(TransformError, match="failing test"):
        small.transform()

    assert before == small.marts()


def test_models_start_before_any_day_that_can_be_loaded() -> None:
    """A restatement before a model's start would do nothing, silently."""
    assert "start: 2016-01-01" in (ROOT / "sqlmesh" / "config.yaml").read_text()
