"""What SQLMesh keeps in the warehouse is derived: where it cannot be used, a run computes it again, and says so."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb
import pytest
from sqlmesh import Context

from pipelines.transform import plan, transform
from pipelines.transform.state import UNREADABLE
from pipelines.warehouse import Warehouse, resolve_warehouse
from pipelines.warehouse.lock import exclusive_run
from pipelines.warehouse.settings import CREDENTIALS_VARIABLE
from tests.support import few_models
from tests.support.installation import Installation
from tests.support.models import marts_of_loads
from tests.support.rows import july

pytestmark = pytest.mark.slow

LOST = "have lost a table or a view"
NOTICED = {
    "DROP VIEW marts.downloads_weekly": LOST,
    "DROP SCHEMA sqlmesh__marts CASCADE": LOST,
    "DROP SCHEMA sqlmesh__reference CASCADE": LOST,
    "DROP SCHEMA staging CASCADE": LOST,
    "UPDATE sqlmesh._snapshots SET snapshot = '{'": UNREADABLE,
    "ALTER TABLE sqlmesh._snapshots DROP COLUMN snapshot": UNREADABLE,
}
CHANGED = "have other rows than a run has computed"
FAILING = {
    "UPDATE sqlmesh._versions SET schema_version = 9999": UNREADABLE,
    "UPDATE sqlmesh._versions SET schema_version = 1": UNREADABLE,
    "UPDATE sqlmesh._environments SET snapshots = '[{}]'": UNREADABLE,
    "CREATE OR REPLACE TABLE sqlmesh._versions AS SELECT 1 AS other": UNREADABLE,
}
DAYS = [july(number) for number in range(1, 11)]


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[date]]:
    """The days of each plan that is applied to a warehouse from which all of SQLMesh's is gone; none is computed."""
    days: list[Sequence[date]] = []
    apply_plan = plan.apply_plan

    def apply_or_note(warehouse: Warehouse, wanted: Sequence[date], *, releases_changed: bool) -> None:
        if warehouse.query("SELECT 1 FROM information_schema.schemata WHERE schema_name = 'sqlmesh'"):
            apply_plan(warehouse, wanted, releases_changed=releases_changed)
        else:
            days.append(wanted)
            with warehouse.connection() as connection:
                connection.execute("CREATE SCHEMA sqlmesh; CREATE TABLE sqlmesh._environments AS SELECT '' AS name")
                connection.execute("ALTER TABLE sqlmesh._environments ADD COLUMN plan_id TEXT")
                connection.execute("ALTER TABLE sqlmesh._environments ADD COLUMN finalized_ts BIGINT")

    monkeypatch.setattr(plan, "apply_plan", apply_or_note)
    return days


def renamed(computed: Installation) -> Path:
    """The file of the warehouse under another name."""
    return computed.file.rename(computed.folder / "backup.duckdb")


@pytest.mark.parametrize("damage", [*NOTICED, *FAILING])
def test_a_state_that_cannot_be_used_is_dropped_and_said(
    computed: Installation, planned: list[Sequence[date]], caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    """The plan after it begins from nothing, for all loaded days."""
    with duckdb.connect(computed.file) as connection:
        connection.execute(damage)
        if damage in FAILING:
            # SQLMesh is started only where something is to be computed.
            connection.execute("DELETE FROM raw.acknowledged_loads")

    computed.transform()

    assert [DAYS] == planned
    assert [f"The KPIs {NOTICED.get(damage, UNREADABLE)}: they are computed again."] == caplog.messages


@pytest.mark.parametrize("table", ["marts__downloads_weekly", "staging__daily_downloads"])
def test_tables_with_other_rows_are_computed_again(
    computed: Installation, planned: list[Sequence[date]], caplog: pytest.LogCaptureFixture, table: str
) -> None:
    """Rows that another program has deleted from a table of a model are noticed by their number."""
    [(schema, name)] = computed.query(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE STARTS_WITH(table_name, ?)", f"{table}__"
    )
    computed.transform()
    with duckdb.connect(computed.file) as connection:
        connection.execute(f"DELETE FROM {schema}.{name} WHERE project = 'two'")

    computed.transform()

    assert [DAYS] == planned
    assert [f"The KPIs {CHANGED}: they are computed again."] == caplog.messages


def test_lost_list_of_forgotten_days_computes_all_again(computed: Installation, planned: list[Sequence[date]]) -> None:
    """Without it, nobody knows which days the KPIs count that are gone."""
    with duckdb.connect(computed.file) as connection:
        connection.execute("CREATE OR REPLACE TABLE raw.forgotten_days AS SELECT 1 AS other")

    with computed.warehouse() as warehouse, exclusive_run(warehouse):
        transform(warehouse)

    assert [DAYS] == planned
    assert [] == computed.query("SELECT project, day FROM raw.forgotten_days")


def test_audit_of_what_is_lost_is_one_message(computed: Installation) -> None:
    """An audit that cannot be asked passes nothing, and the message says what computes the tables again."""
    with duckdb.connect(computed.file) as connection:
        connection.execute("DROP SCHEMA sqlmesh__reference CASCADE")

    done = computed.cli("audit")

    assert 1 == done.returncode
    assert f"Error: The KPIs {LOST}.\n`just run` computes them again.\n" == done.stderr


def test_a_sound_state_is_kept_where_a_model_is_wrong(
    computed: Installation, planned: list[Sequence[date]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of a plan that has another cause is shown, and nothing is computed again because of it."""

    def fails(*_arguments: object, **_options: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(Context, "plan_builder", fails)
    with duckdb.connect(computed.file) as connection:
        connection.execute("DELETE FROM raw.acknowledged_loads")

    with pytest.raises(RuntimeError):
        computed.transform()

    assert [] == planned
    assert computed.query("FROM marts.downloads_weekly")


@pytest.mark.parametrize("command", ["alerts", "plan", "audit", "site"])
def test_a_renamed_warehouse_is_one_message(computed: Installation, command: str) -> None:
    """Its KPIs cannot be read under another name; the message says what computes them again."""
    done = computed.cli(command, **{CREDENTIALS_VARIABLE: str(renamed(computed))})

    assert 1 == done.returncode
    assert "were computed under another name, warehouse" in done.stderr
    assert "`just run` computes them again" in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_finds_a_renamed_warehouse(computed: Installation) -> None:
    """The check of the warehouse fails with the remedy."""
    done = computed.cli("doctor", **{CREDENTIALS_VARIABLE: str(renamed(computed))})

    assert "were computed under another name, warehouse" in " ".join(done.stdout.split())


def test_a_run_computes_a_renamed_warehouse_again(
    computed: Installation, context: Context, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its marts are those of its rows, and a second run has nothing to do."""
    expected = marts_of_loads(context, computed)
    file = renamed(computed)
    monkeypatch.setenv(CREDENTIALS_VARIABLE, str(file))
    monkeypatch.setenv(few_models.VARIABLE, str(computed.models))
    few_models.use_models(monkeypatch)

    assert DAYS == transform(resolve_warehouse()).days
    assert [] == transform(resolve_warehouse()).days

    assert ["The KPIs were computed when the warehouse was named warehouse: they are computed again."] == (
        caplog.messages
    )
    with duckdb.connect(file) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        assert expected == {name: connection.execute(f"FROM marts.{name} ORDER BY ALL").fetchall() for name in expected}
