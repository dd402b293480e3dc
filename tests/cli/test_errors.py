"""Errors are one message: what happened, to which thing, what to do; exit code 1; the warehouse as it was."""

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.cli.printing.unexpected import show_unexpected
from pipelines.pypi.upstreams.parquet import ParquetUpstream
from tests.support.installation import Installation
from tests.support.rows import SCHEMA, download, write

pytestmark = pytest.mark.slow

DAY = date(2026, 7, 1)
OFFLINE = {"NO_GCE_CHECK": "true", "CLOUDSDK_CONFIG": "/nonexistent", "HOME": "/nonexistent"}


@pytest.fixture(scope="module")
def ready_once(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A project whose settings are right, with a warehouse; tests take `ready`."""
    folder = tmp_path_factory.mktemp("ready")
    file = write(folder / "source" / "rows.parquet", [download(DAY), download(DAY, "two")])
    loaded = Installation(folder / "data").reading(file, "one")
    loaded.load()
    return loaded


@pytest.fixture
def ready(ready_once: Installation, tmp_path: Path) -> Installation:
    """A copy of it, which the test may change; its source is everybody's."""
    return ready_once.copy(tmp_path / "data")


def without(field: str) -> Callable[[Path], Path]:
    """A writer of a file that lacks a top-level field."""

    def writer(file: Path) -> Path:
        return write(file, [download(DAY)], pa.schema([column for column in SCHEMA if column.name != field]))

    return writer


def retyped(field: str, arrow_type: pa.DataType) -> Callable[[Path], Path]:
    """A writer of a file in which a top-level field has another type and no values."""

    def writer(file: Path) -> Path:
        schema = SCHEMA.set(SCHEMA.get_field_index(field), pa.field(field, arrow_type))
        return write(file, [download(DAY) | {field: None}], schema)

    return writer


def text_file(file: Path) -> Path:
    file.write_text("not Parquet")
    return file


SETTINGS = {
    "unknown project": ({"PROJECTS": '["nope"]'}, ["No download of the project 'nope'", "among others: one, two"]),
    "no project": ({"PROJECTS": "[]"}, ["'projects' names no project", "SOURCES__PYPI__PROJECTS"]),
    "no name": ({"PROJECTS": '["a; DROP TABLE b"]'}, ["'a; DROP TABLE b' is not a valid PyPI project name"]),
    "not a list": ({"PROJECTS": "[one, two"}, ["'projects' of the source has the wrong form", '\'["one", "two"]\'']),
    "path without files": ({"PARQUET_PATH": "nowhere/*.parquet"}, ["No Parquet file at 'nowhere/*.parquet'"]),
    "end before start": ({"END_DATE": "2026-06-30"}, ["'end_date' is 2026-06-30", "must come after start_date"]),
    "malformed date": ({"START_DATE": "01.07.2026"}, ["'start_date' is '01.07.2026'", "YYYY-MM-DD"]),
    "impossible date": ({"END_DATE": "2026-02-30"}, ["'end_date' is '2026-02-30'", "YYYY-MM-DD"]),
    "before the table": ({"START_DATE": "2015-01-01"}, ["'start_date' is 2015-01-01, before the first download"]),
    "unknown upstream": ({"UPSTREAM": "snowflake"}, ["'upstream' is 'snowflake'", "parquet, bigquery"]),
    "hostile table": ({"TABLE": "a.b.c` WHERE 1=1 --"}, ["'table' is", "project.dataset.table"]),
    "hostile column": ({"TIMESTAMP_COLUMN": 'x" OR 1=1'}, ["'timestamp_column' is", "not a column name"]),
    "negative lag": ({"LAG_DAYS": "-1"}, ["'lag_days' is -1", "between 0 and 3650 days"]),
    "days before history": ({"SETTLE_DAYS": "999999999"}, ["'settle_days' is 999999999", "between 0 and 3650 days"]),
    "no price": ({"PRICE_PER_TIB": "nan"}, ["'price_per_tib' is nan", "0, or 0.1 to 1,000 US dollars"]),
    "price of nothing": ({"PRICE_PER_TIB": "1e-9"}, ["'price_per_tib' is 1e-09", "0, or 0.1 to 1,000 US dollars"]),
    "no budget": ({"BUDGET_PER_RUN": "inf"}, ["'budget_per_run' is inf", "between 0 and 1,000,000 US dollars"]),
    "budget of all money": ({"BUDGET_PER_RUN": "1e300"}, ["'budget_per_run' is 1e+300", "between 0 and 1,000,000"]),
    "no deadline": ({"READ_TIMEOUT": "99999"}, ["'read_timeout' is 99999", "between 1 and 21600 seconds"]),
    "no share": ({"TOLERANCE": "2"}, ["'tolerance' is 2.0", "between 0 and 1"]),
    "no credentials": ({"UPSTREAM": "bigquery"}, ["BigQuery was chosen", "gcloud auth application-default login"]),
}
FILES: dict[str, tuple[Callable[[Path], Path], list[str]]] = {
    "missing column": (without("country_code"), ["lacks the column country_code (string)", "rows.parquet"]),
    "missing record": (without("file"), ["lacks the column file.filename (string)"]),
    "other type": (retyped("country_code", pa.int64()), ["column country_code", "is int64; the contract says string"]),
    "no time zone": (retyped("timestamp", pa.timestamp("us")), ["column timestamp", "is timestamp[us]"]),
    "no Parquet": (text_file, ["rows.parquet is not a Parquet file"]),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_wrong_setting_is_one_message(ready: Installation, case: str) -> None:
    """A wrong setting is named with its remedy, and the warehouse does not change by a byte."""
    changes, texts = SETTINGS[case]
    before = ready.file.read_bytes()

    done = ready.with_settings(**changes).cli(**OFFLINE)

    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert [text for text in texts if text not in done.stderr] == []
    assert before == ready.file.read_bytes()


@pytest.mark.parametrize("case", FILES)
def test_wrong_file_is_one_message(ready: Installation, tmp_path: Path, case: str) -> None:
    """A file that breaks the schema is named with its column, before a row is read."""
    writer, texts = FILES[case]
    wrong = ready.reading(writer(tmp_path / "rows.parquet"), "one")
    before = ready.file.read_bytes()

    done = wrong.cli()

    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert [text for text in texts if text not in done.stderr] == []
    assert before == ready.file.read_bytes()


def test_missing_setting_is_named(project: Installation) -> None:
    """Without a path for Parquet the setting is named, and no warehouse is made."""
    done = project.with_settings(PROJECTS='["one"]', START_DATE="2026-07-01", PARQUET_PATH="").cli()

    assert done.returncode == 1
    assert "'parquet_path' is needed by the upstream 'parquet'" in done.stderr
    assert not project.file.exists()


def test_no_permission_to_write_is_one_message(ready: Installation) -> None:
    """A warehouse that cannot be made is named with the setting that moves it."""
    blocked = Installation(ready.file / "below a file", ready.settings)

    done = blocked.cli()

    assert done.returncode == 1
    assert f"The folder {blocked.folder} cannot be made" in done.stderr
    assert "DESTINATION__WAREHOUSE__CREDENTIALS" in done.stderr


def test_warehouse_that_may_not_be_written_is_one_message(ready: Installation) -> None:
    """So is one that is there and read-only."""
    if os.geteuid() == 0:
        pytest.skip("root may write everything")
    ready.file.chmod(0o400)

    done = ready.cli()

    assert done.returncode == 1
    assert f"No permission to write {ready.file}" in done.stderr


def test_demo_and_real_data_do_not_mix(ready: Installation, demo: Path) -> None:
    """Generated downloads are never loaded beside others."""
    before = ready.file.read_bytes()

    done = Installation.of_demo(ready.folder, demo).cli()

    assert done.returncode == 1
    assert "holds parquet data, not demo" in done.stderr
    assert "just reset" in done.stderr
    assert before == ready.file.read_bytes()


@pytest.mark.parametrize("command", ["plan", "audit", "site", "dashboard"])
def test_commands_without_a_warehouse_say_so(project: Installation, command: str) -> None:
    """Before the first run there is nothing to look at, and nothing is made by looking."""
    done = project.cli(command)

    assert done.returncode == 1
    assert "just run" in done.stderr
    assert "Traceback" not in done.stderr
    assert not project.file.exists()


def test_ctrl_c_is_one_message(ready: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person who stops a load is told that nothing is lost, and the next run loads what was left."""

    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    project = ready.with_settings(PROJECTS='["one", "two"]')
    with monkeypatch.context() as patch:
        patch.setattr(ParquetUpstream, "read", interrupted)
        done = project.cli()

    assert done.returncode == 1
    assert "The run was stopped" in done.stderr
    assert "Nothing is lost" in done.stderr
    assert project.load().accepted == 1


def test_an_unexpected_error_is_two_lines_and_a_file(
    ready: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said what was being done; the file has the trace, and no credentials."""
    monkeypatch.setenv("MOTHERDUCK_TOKEN", "a-token-of-somebody")
    monkeypatch.setattr("pipelines.cli.printing.unexpected.FOLDER", tmp_path / "errors")

    def fails(*_arguments: object) -> None:
        msg = "nobody knows s3://user:password@host, nor a-token-of-somebody"
        raise KeyError(msg)

    monkeypatch.setattr("pipelines.run.load.load", fails)
    done = ready.cli()

    [file] = (tmp_path / "errors").iterdir()
    assert 1 == done.returncode
    assert done.stderr.splitlines() == [
        "Error: `just run` in the step 'Load' ended by an unexpected KeyError.",
        f"Its trace is in {file}, without credentials: please report it.",
    ]
    trace = file.read_text()
    assert "KeyError: 'nobody knows s3://***@host, nor ***'" in trace
    assert "test_errors.py" in trace
    assert 0o600 == file.stat().st_mode & 0o777


def test_module_that_stands_before_a_package_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A PYTHONPATH that has another `pydantic` is a cause that is known, and needs no trace."""
    show_unexpected(ImportError("cannot import", name="pydantic", path="/opt/other/pydantic.py"))

    assert capsys.readouterr().err.splitlines() == [
        "Error: Python has imported /opt/other/pydantic.py, which is not the project's `pydantic`.",
        "Unset PYTHONPATH, or rename that file. `just` calls Python without it.",
    ]


def test_a_trace_that_cannot_be_kept_beside_the_data_is_kept_elsewhere(
    ready: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as where the project's folder cannot be written."""
    monkeypatch.setattr("pipelines.cli.printing.unexpected.FOLDER", ready.file / "errors")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def fails() -> None:
        raise RuntimeError

    monkeypatch.setattr("pipelines.pypi.settings.resolve_settings", fails)
    done = ready.cli()

    [file] = tmp_path.glob("error-*.txt")
    assert f"Its trace is in {file}" in done.stderr
