"""The models on another engine: one setting moves them there and back, and no number moves."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from sqlmesh import Context
from sqlmesh.core.console import NoopConsole

from pipelines.exports import DATABASE, EXPORTS
from pipelines.transform.context import open_context
from pipelines.transform.engines import elsewhere
from pipelines.transform.engines.job import BOOKKEEPING, Job, marts_folder, raw_folder
from tests.harness.parity import compare
from tests.servers.process import require_interpreter
from tests.support.few_models import write_few
from tests.support.installation import ROOT, Installation

MART = "marts.downloads_daily"
SPARK = {"TRANSFORM__ENGINE": "spark"}
ON_THIS_MACHINE = {
    "spark.master": "local[1]",
    "spark.driver.memory": "1g",
    "spark.sql.shuffle.partitions": "1",
    # Rows are so few that what is compiled is never worth it.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dderby.stream.error.file=/dev/null",
}


@pytest.fixture
def lake(tmp_path: Path) -> dict[str, str]:
    """The environment that names a lake."""
    return {
        "DESTINATIONS": '["warehouse", "lake"]',
        "DESTINATION__LAKE__DESTINATION_TYPE": "filesystem",
        "DESTINATION__LAKE__BUCKET_URL": str(tmp_path / "lake"),
    }


@pytest.fixture
def jobs(computed_once: Installation, monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """The jobs that Spark is given; in its place stands something that answers with the marts of DuckDB."""
    found: list[Job] = []

    def answer(command: Sequence[str], _environment: Mapping[str, str], **_options: object) -> tuple[int, str]:
        folder = Path(command[-1])
        found.append(Job.read(folder))
        assert len(list(raw_folder(folder).iterdir())) == len(BOOKKEEPING)
        kinds: dict[str, dict[str, str]] = {}
        for mart in sorted((computed_once.folder / EXPORTS).glob("*.parquet")):
            shutil.copy(mart, marts_folder(folder))
            columns = computed_once.query(f"DESCRIBE FROM '{mart}'")
            kinds[mart.stem] = {name: kind for name, kind, *_ in columns}
        (marts_folder(folder) / "types.json").write_text(json.dumps(kinds))
        return 0, ""

    monkeypatch.setattr(elsewhere, "run_child", answer)
    monkeypatch.setattr(elsewhere, "find_spec", lambda _name: True)
    return found


@pytest.mark.slow
def test_spark_computes_the_same_marts(
    computed: Installation, lake: dict[str, str], context: Context, tmp_path: Path
) -> None:
    """Spark computes of the lake's files what DuckDB computes of the rows, to the cell; a mart is enough."""
    require_interpreter(ROOT / ".venv-spark" / "bin" / "python")
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        pytest.skip("Java 17 is not installed, and no package of ours brings it.")
    before = tmp_path / "before"
    shutil.copytree(computed.folder / EXPORTS, before)
    write_few(context, tmp_path / "one", [MART])
    done = replace(computed, models=tmp_path / "one").cli(
        "run", "--no-site", **lake, **SPARK, TRANSFORM__SPARK=json.dumps(ON_THIS_MACHINE)
    )
    assert 0 == done.returncode, done.stderr
    [mart] = [each for each in compare(before, computed.folder / EXPORTS) if MART == f"marts.{each.mart}"]
    assert [] == mart.differences
    assert mart.cells


@pytest.mark.slow
def test_engine_is_given_what_has_changed(computed: Installation, lake: dict[str, str], jobs: list[Job]) -> None:
    """At first all committed days, then what is loaded; nothing, where nothing is new."""
    days = [f"2026-07-{day:02}" for day in range(1, 11)]
    environment = lake | SPARK | {"TRANSFORM__SPARK": json.dumps(ON_THIS_MACHINE)}
    assert 0 == computed.cli("run", "--no-site", **environment).returncode
    assert [(days, ["file_downloads"], ON_THIS_MACHINE)] == [(job.days, job.tables, job.options) for job in jobs]
    assert 0 == computed.cli("run", "--no-site", **environment).returncode
    assert 1 == len(jobs)
    later = computed.with_settings(END_DATE="2026-07-12")
    assert 0 == later.cli("run", "--no-site", **environment).returncode
    assert ["2026-07-11"] == jobs[-1].days


@pytest.mark.slow
def test_setting_moves_there_and_back(computed: Installation, lake: dict[str, str], jobs: list[Job]) -> None:
    """The marts of one engine replace those of the other, with all that SQLMesh has made, and are exported."""
    exported = (computed.folder / EXPORTS / DATABASE).read_bytes()
    assert 0 == computed.cli("run", "--no-site", **lake, **SPARK).returncode
    assert jobs
    assert [] == computed.query("SELECT 1 FROM information_schema.schemata WHERE schema_name = 'sqlmesh'")
    audit = computed.cli("audit", **lake, **SPARK)
    assert (1, True) == (audit.returncode, "computed by another engine" in audit.stderr)
    back = computed.cli("run", "--no-site", **lake)
    assert (0, True) == (back.returncode, "computed by another engine" in back.stderr)
    assert [] == computed.query("SELECT 1 FROM information_schema.schemata WHERE schema_name = 'sqlmesh__copies'")
    assert exported == (computed.folder / EXPORTS / DATABASE).read_bytes()


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"TRANSFORM__ENGINE": "sparc"}, "Did you mean `spark`?"),
        ({"TRANSFORM__ENGIN": "spark"}, "Did you mean `TRANSFORM__ENGINE`?"),
        ({"TRANSFORM__ENGINE": "spark"}, "The settings name no lake 'lake'"),
        ({"TRANSFORM__MEMORY_LIMIT": "much"}, "`memory_limit` under [transform] is 'much'"),
        ({"TRANSFORM__ENGINE": "spark", "TRANSFORM__SPARK": "local"}, "under [transform] has the wrong form"),
    ],
)
def test_wrong_setting_stops_the_run(project: Installation, environment: dict[str, str], message: str) -> None:
    """A setting of the engine that cannot be right is named before anything is loaded."""
    done = project.cli("run", "--no-site", **environment)
    assert (1, True) == (done.returncode, message in done.stderr), done.stderr
    assert not project.file.exists()


@pytest.mark.slow
def test_models_keep_to_the_memory_limit(
    computed_once: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB computes the models within the limit that is set, and writes to the folder that is set beyond it."""
    monkeypatch.setenv("TRANSFORM__MEMORY_LIMIT", "300MiB")
    monkeypatch.setenv("TRANSFORM__SPILL_FOLDER", str(tmp_path))
    with computed_once.warehouse() as warehouse, open_context(warehouse, NoopConsole(), load=False) as context:
        found = context.engine_adapter.fetchone(
            "SELECT CURRENT_SETTING('memory_limit'), CURRENT_SETTING('temp_directory'), CURRENT_SETTING('TimeZone')"
        )
    assert ("300.0 MiB", str(tmp_path), "UTC") == found


@pytest.mark.parametrize(
    ("value", "differences"),
    [
        ("'a', 1, 0.1 + 5e-12, DATE '2026-07-01'", []),
        ("'a', 1, 0.1 + 5e-10, DATE '2026-07-01'", ["ratio: 1 cells"]),
        ("'a', 1, NULL, DATE '2026-07-01'", ["ratio: 1 cells"]),
        ("'a', 2, 0.1, DATE '2026-07-01'", ["downloads: 1 cells"]),
        ("'a', 1, 0.1, DATE '2026-07-02'", ["day: 1 cells"]),
        ("'a', 1, 0.1, NULL", ["day: 1 cells"]),
        ("'a', 1, 0.1, TIMESTAMP '2026-07-01'", ["columns or rows"]),
    ],
)
def test_comparison_sees_each_cell(tmp_path: Path, value: str, differences: list[str]) -> None:
    """Another cell, a column of another type and a missing mart are told; a ratio that is rounded otherwise is not."""
    rows = {"one": "'a', 1, 0.1, DATE '2026-07-01'", "other": value}
    for side, row in rows.items():
        (tmp_path / side).mkdir()
        with duckdb.connect(tmp_path / side / DATABASE) as connection:
            connection.execute("CREATE SCHEMA marts")
            for name in ("same", "mart"):
                shown = row if name == "mart" else rows["one"]
                connection.execute(
                    f"CREATE TABLE marts.{name} AS SELECT * REPLACE (ratio::DOUBLE AS ratio) "
                    f"FROM (VALUES ({shown}), ('b', 3, 0.2, DATE '2026-07-03')) AS _ (name, downloads, ratio, day)"
                )
            connection.execute("DROP TABLE marts.same" if side == "other" else "SELECT 1")
    mart, missing = compare(tmp_path / "one", tmp_path / "other")
    assert ("mart", "same") == (mart.mart, missing.mart)
    assert missing.differences
    assert len(differences) == len(mart.differences)
    assert all(text in found for text, found in zip(differences, mart.differences, strict=True)), mart.differences
