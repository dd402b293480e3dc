"""KPIs follow committed loads, also after a crash, and are wrong at no time."""

import shutil
from datetime import date
from pathlib import Path

import duckdb
import pytest
from sqlmesh import Context

from pipelines.errors import TransformError
from pipelines.transform.plan import aggregates
from tests.support.installation import ROOT, Installation
from tests.support.rows import download, write

DAYS = [date(2026, 7, day) for day in (1, 2, 3)]
TABLES = "SELECT table_schema, table_name FROM information_schema.tables ORDER BY ALL"
DAILY = "SELECT day, project, downloads FROM marts.downloads_daily ORDER BY ALL"


def make(folder: Path) -> Installation:
    file = write(folder / "source" / "rows.parquet", [download(day) for day in DAYS])
    settings = {"PARQUET_PATH": str(file), "PROJECTS": '["one"]', "START_DATE": "2026-07-01", "LAG_DAYS": "3"}
    return Installation(folder / "data", settings)


@pytest.fixture
def small(tmp_path: Path) -> Installation:
    """Three days of one project, not yet loaded."""
    return make(tmp_path)


@pytest.fixture(scope="module")
def computed_once(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return make(tmp_path_factory.mktemp("computed")).run()


@pytest.fixture
def computed(computed_once: Installation, small: Installation) -> Installation:
    """The same, loaded and computed."""
    shutil.copytree(computed_once.folder, small.folder)
    return small


def test_days_that_are_loaded_again_are_computed_again(computed: Installation) -> None:
    """Each mart follows the rows of a restated day, and of a day that upstream has emptied."""
    write(Path(computed.settings["PARQUET_PATH"]), [download(DAYS[0]), download(DAYS[2]), download(DAYS[2])])

    computed.run()

    assert [(DAYS[0], "one", 1), (DAYS[2], "one", 2)] == computed.query(DAILY)
    assert [(DAYS[1], True, None)] == computed.query(
        "SELECT day, is_missing, downloads FROM marts.downloads_trend WHERE is_missing"
    )
    for dimension in ("version", "cpu"):
        assert [(3,)] == computed.query("SELECT SUM(downloads) FROM marts.breakdown_28d WHERE dimension = ?", dimension)
    assert computed.query("SELECT * FROM marts.health WHERE NOT is_loaded OR difference <> 0") == []


def test_kpis_catch_up_after_a_run_that_died_before_them(computed: Installation) -> None:
    """Loads that no plan has taken yet stay pending, however many there are."""
    write(Path(computed.settings["PARQUET_PATH"]), [download(DAYS[0]), download(DAYS[0]), download(DAYS[2])])
    computed.load()
    computed.load()

    computed.transform()

    assert [(DAYS[0], "one", 2), (DAYS[2], "one", 1)] == computed.query(DAILY)
    assert computed.query(
        "SELECT COUNT(*) FROM raw.committed_days WHERE load_id NOT IN (SELECT load_id FROM raw.acknowledged_loads)"
    ) == [(0,)]


def test_failing_audit_stops_and_acknowledges_nothing(small: Installation) -> None:
    """A row that no project of the contract could have makes the plan fail, and the loads stay pending."""
    small.load()
    with duckdb.connect(small.file) as connection:
        connection.execute("UPDATE raw.file_downloads SET file__type = 'surprise' WHERE day = '2026-07-02'")

    with pytest.raises(TransformError, match="accepted_values"):
        small.transform()

    assert small.query("FROM raw.acknowledged_loads") == []


@pytest.fixture
def changed_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The seed of a copy of the models, of which all plans are made."""
    folder = tmp_path / "sqlmesh"
    shutil.copytree(ROOT / "sqlmesh", folder, ignore=shutil.ignore_patterns(".cache"))
    for module in ("context", "fingerprint"):
        monkeypatch.setattr(f"pipelines.transform.{module}.MODELS_FOLDER", folder)
    return folder / "seeds" / "installers.csv"


def test_plan_shows_a_change_and_applies_nothing(computed: Installation, changed_seed: Path) -> None:
    """A changed seed is categorised, with the models that follow from it and are to be computed again; prod stays."""
    before = computed.query("FROM reference.installers ORDER BY ALL")
    with changed_seed.open("a") as seed:
        seed.write("newtool,installer\n")

    for _ in range(2):
        done = computed.cli("plan")

        assert done.returncode == 0, done.stderr
        assert "reference.installers` (Breaking)" in done.stdout
        assert "Models needing backfill" in done.stdout
    assert before == computed.query("FROM reference.installers ORDER BY ALL")


def test_changed_model_that_fails_its_test_is_not_applied(computed: Installation, changed_seed: Path) -> None:
    """A model that is changed wrongly stops at its unit test, before any number of it is computed; prod stays."""
    before = computed.marts()
    model = changed_seed.parents[1] / "models" / "marts" / "downloads_monthly.sql"
    model.write_text(model.read_text().replace("counted_days = days AS is_whole", "TRUE AS is_whole"))

    with pytest.raises(TransformError, match="failing test"):
        computed.transform()

    assert before == computed.marts()


def test_plan_compares_rows_with_production_and_leaves_it_alone(computed: Installation, changed_seed: Path) -> None:
    """The rows of the marts are compared with those of production; no table, view or state of the review stays."""
    before, tables = computed.marts(), computed.query(TABLES)
    changed_seed.write_text(changed_seed.read_text().replace("pip,installer", "pip,script"))

    done = computed.cli("plan", "--diff")

    assert done.returncode == 0, done.stderr
    assert "reference.installers` (Breaking)" in done.stdout
    assert "marts.downloads_daily`: [2016-01-01 - 2026-" in done.stdout
    assert (
        "| marts.downloads_daily | 3 | 3 | 0 | 0 | 3 | "
        "downloads_by_installers, downloads_outside_ci, downloads_by_scripts |"
    ) in done.stdout
    assert before == computed.marts()
    assert tables == computed.query(TABLES)


def test_model_that_cannot_be_parsed_is_named(small: Installation, changed_seed: Path) -> None:
    """A typing error in a model is one message with the file and the place, not a stack trace."""
    small.load()
    model = changed_seed.parents[1] / "models" / "marts" / "ci_weekly.sql"
    model.write_text(model.read_text().replace("FROM marts", "FROM FROM marts"))

    with pytest.raises(TransformError, match=r"ci_weekly\.sql"):
        small.transform()


def test_all_that_reads_rows_is_restated_together(context: Context) -> None:
    """Each model with days that reads rows waits for loads by the signal, which is how a restatement finds it."""
    rows = {context.get_model(name, raise_if_missing=True).fqn for name in ("staging.downloads", "raw.file_downloads")}
    readers = {
        model.name for model in context.models.values() if model.time_column and rows & (model.depends_on or set())
    }

    assert sorted(readers) == aggregates(context)


def test_models_start_before_any_day_that_can_be_loaded() -> None:
    """A restatement before a model's start would do nothing, silently."""
    assert "start: 2016-01-01" in (ROOT / "sqlmesh" / "config.yaml").read_text()
