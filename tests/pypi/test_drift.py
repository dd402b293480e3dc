"""Drift: what the upstream's schema has become is named, and stops the run where the contract would not hold."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from google.cloud import bigquery

from pipelines.errors import ContractError, SchemaError
from pipelines.pypi.settings import resolve_settings
from pipelines.pypi.source import FROZEN
from pipelines.pypi.upstreams.bigquery import _flatten
from pipelines.run import Published
from tests.support.installation import NOW, ROOT, Installation
from tests.support.rows import SCHEMA, download, write

DAY = date(2026, 7, 1)
LATER = datetime(2026, 8, 2, 12, tzinfo=UTC)
LOAD = """
from datetime import datetime, UTC
from pipelines.load import load
from pipelines.load.plan import LoadRequest
from pipelines.pypi.settings import resolve_settings
from pipelines.warehouse import resolve_warehouse
load(LoadRequest(resolve_settings(), resolve_warehouse(), datetime(2026, 8, 1, tzinfo=UTC)))
"""
DRIFT = "SELECT upstream, field, first_seen, last_seen FROM raw.schema_drift ORDER BY 2"


def with_new_fields(schema: pa.Schema = SCHEMA, added: Sequence[str] = ("channel", "referrer")) -> pa.Schema:
    """The schema with a new field in a record in a record, and with those that follow at the top."""
    details = schema.field("details").type
    installer = details.field("installer").type
    wider = pa.struct([*installer, pa.field(added[0], pa.string())])
    fields = [pa.field("installer", wider) if field.name == "installer" else field for field in details]
    changed = schema.set(schema.get_field_index("details"), pa.field("details", pa.struct(fields)))
    return pa.schema([*changed, *(pa.field(name, pa.string()) for name in added[1:])])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """One download, in a table with two fields that the contract does not know."""
    return write(tmp_path / "source" / "rows.parquet", [download(DAY)], with_new_fields())


@pytest.fixture
def drifted(project: Installation, source: Path) -> Installation:
    return project.reading(source, "one")


@pytest.mark.slow
def test_new_fields_are_reported_and_recorded(drifted: Installation, source: Path) -> None:
    """From the first load on, each new field at any depth has its row, with the time of the run that saw it."""
    report = drifted.load()

    assert report.accepted == 1
    assert report.unknown_columns == ["details.installer.channel", "referrer"]
    assert [(str(source), field, NOW, NOW) for field in report.unknown_columns] == drifted.query(DRIFT)


@pytest.mark.slow
def test_field_that_upstream_has_added_is_loaded_and_no_drift(drifted: Installation, source: Path) -> None:
    """A table may lack it, and is then as the contract says; of several files, those that have it fill it."""
    write(source, [download(DAY)])
    other = download(DAY)
    other["details"]["installer"]["subcommand"] = "pip install"
    write(source.parent / "later.parquet", [other], with_new_fields(added=("subcommand",)))

    before = drifted.load()
    after = drifted.with_settings(PARQUET_PATH=str(source.parent), LAG_DAYS="1").load()

    assert (before.unknown_columns, after.unknown_columns) == ([], [])
    found = "SELECT details__installer__subcommand FROM raw.file_downloads ORDER BY 1"
    assert [("pip install",), (None,)] == drifted.query(found)


@pytest.mark.slow
def test_drift_is_renewed_where_nothing_is_left_to_load(drifted: Installation, source: Path) -> None:
    """A field is recorded once; its last sighting follows while it is there, and stays when it has gone."""
    drifted.load()

    assert drifted.load(LATER).windows == []
    write(source, [download(DAY)], SCHEMA.append(pa.field("referrer", pa.string())))
    drifted.load(LATER + timedelta(days=1))

    assert [
        (str(source), "details.installer.channel", NOW, LATER),
        (str(source), "referrer", NOW, LATER + timedelta(days=1)),
    ] == drifted.query(DRIFT)


@pytest.mark.slow
def test_drift_of_a_refused_load_is_recorded(drifted: Installation, source: Path) -> None:
    """A new field may be why rows break the contract, so it is kept where the first load of all fails."""
    write(source, [download(DAY, country_code="xx") for _ in range(2)], with_new_fields())

    with pytest.raises(ContractError):
        drifted.load()

    assert len(drifted.query(DRIFT)) == 2
    write(source, [download(DAY)], with_new_fields())
    assert drifted.load().accepted == 1


@pytest.mark.slow
def test_without_drift_there_is_no_record(drifted: Installation, source: Path) -> None:
    """A table that is as the contract says leaves no record behind."""
    write(source, [download(DAY)])

    drifted.load()

    assert drifted.query("FROM raw.schema_drift") == []


def test_frozen_columns_stop_the_run(drifted: Installation, source: Path) -> None:
    """With the policy freeze each new field is named, and nothing is read or written."""
    done = drifted.with_settings(COLUMNS="freeze").cli()

    assert done.returncode == 1
    assert f"{source} has fields that are not in the contract" in done.stderr
    assert "details.installer.channel, referrer. Nothing was read." in done.stderr
    assert not drifted.file.exists()


@pytest.mark.slow
def test_frozen_columns_take_a_table_that_is_as_the_contract_says(drifted: Installation, source: Path) -> None:
    """The policy refuses drift, not a load."""
    write(source, [download(DAY)])

    assert drifted.with_settings(COLUMNS="freeze").load().accepted == 1


@pytest.mark.slow
def test_hostile_names_of_fields_are_shown_as_text(
    drifted: Installation, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A field's name comes from outside: in the summary and in an error it is neither markup nor control."""
    write(source, [download(DAY)], SCHEMA.append(pa.field("[/]\x1b[2J", pa.string())))
    monkeypatch.setattr("pipelines.run.publish", lambda *_arguments, **_options: Published([], None))

    done = drifted.cli()
    frozen = drifted.with_settings(COLUMNS="freeze").cli()

    assert r"not in the contract: [/]\x1b[2J." in done.stdout
    assert r"freeze: [/]\x1b[2J." in frozen.stderr
    assert "\x1b" not in done.stdout + frozen.stderr


def test_all_missing_and_retyped_fields_are_named(drifted: Installation, source: Path) -> None:
    """The run stops once, with all that is wrong in all files, and nothing is written."""
    code = SCHEMA.get_field_index("country_code")
    write(source, [], SCHEMA.set(code, pa.field("country_code", pa.int64())).remove(SCHEMA.get_field_index("url")))
    later = write(source.parent / "later.parquet", [], SCHEMA.remove(SCHEMA.get_field_index("tls_cipher")))

    with pytest.raises(SchemaError) as refused:
        drifted.with_settings(PARQUET_PATH=str(source.parent)).load()

    assert {
        f"The column country_code of {source} is int64; the contract says string.",
        f"{source} lacks the column url (string).",
        f"{later} lacks the column tls_cipher (string).",
    } == set(refused.value.what.splitlines())
    assert not drifted.file.exists()


@pytest.mark.slow
def test_field_added_to_the_contract_is_added_to_the_table(drifted: Installation, source: Path, tmp_path: Path) -> None:
    """Reading days again fills the new column; without the field again, the column stays and is not filled."""
    row = download(DAY)
    row["details"]["installer"]["channel"] = "install"
    write(source, [row], with_new_fields())
    again = drifted.with_settings(LAG_DAYS="1")
    again.load()
    shutil.copytree(ROOT / "pipelines", tmp_path / "changed" / "pipelines")
    contract = tmp_path / "changed" / "pipelines" / "pypi" / "contract.py"
    text = contract.read_text()
    first = 'class Installer(Record):\n    """The tool that downloaded the file, by its user agent."""\n\n'
    assert first in text
    contract.write_text(text.replace(first, f"{first}    channel: ClientText | None\n"))
    environment = os.environ | again.environment | {"PYTHONPATH": str(tmp_path / "changed")}

    subprocess.run([sys.executable, "-P", "-c", LOAD], cwd=ROOT, env=environment, check=True)

    channels = "SELECT details__installer__channel FROM raw.file_downloads"
    assert [("install",)] == again.query(channels)
    assert again.load().accepted == 1
    assert [(None,)] == again.query(channels)
    with again.warehouse() as warehouse:
        assert FROZEN == warehouse.pipeline.default_schema.get_table("file_downloads")["schema_contract"]


def test_fields_that_have_become_lists_are_retyped() -> None:
    """In BigQuery a field that is repeated keeps the name of its type; a record that is has no leaves of ours."""
    libc = bigquery.SchemaField("libc", "RECORD", "REPEATED", fields=[bigquery.SchemaField("lib", "STRING")])
    fields = [
        bigquery.SchemaField("url", "STRING", "REPEATED"),
        bigquery.SchemaField("distro", "RECORD", fields=[libc]),
    ]

    assert {"url": "ARRAY<STRING>", "distro.libc": "ARRAY<RECORD>"} == dict(_flatten(fields))


@pytest.mark.slow
def test_frozen_rows_take_no_broken_row(drifted: Installation, source: Path) -> None:
    """With the policy freeze one bad row, which the tolerance would allow, fails the run before anything is loaded."""
    write(source, [download(DAY, country_code="xx"), *(download(DAY) for _ in range(9))])
    assert drifted.load().quarantined == 1

    with pytest.raises(ContractError, match=r"1 of 10 rows of one .* `rows` is freeze.*row: country_code: String"):
        drifted.with_settings(ROWS="freeze", LAG_DAYS="1").load()

    assert drifted.query("SELECT COUNT(*) FROM raw.loaded_days") == [(1,)]


@pytest.mark.parametrize(
    ("setting", "policy", "reason"),
    [
        ("ROWS", "discard_value", "would be counted as unknown"),
        ("COLUMNS", "discard_value", "would be counted as unknown"),
        ("COLUMNS", "evolve", "would be counted unchecked"),
        ("ROWS", "evolve", "would be counted unchecked"),
        ("ROWS", "report", "one of discard_row, freeze."),
        ("COLUMNS", "discard_row", "one of report, freeze."),
    ],
)
def test_policies_that_trade_integrity_away_are_refused(
    drifted: Installation, setting: str, policy: str, reason: str
) -> None:
    """Of dlt's policies those that would change a number without a word are refused, with the reason."""
    done = drifted.with_settings(**{setting: policy}).cli()

    assert done.returncode == 1
    assert f"The setting '{setting.lower()}' is '{policy}'" in done.stderr
    assert reason in done.stderr
    assert not drifted.file.exists()


@pytest.mark.parametrize(("name", "value"), [("COLUMNS", "80"), ("TABLE", "mine"), ("PROJECTS", "none of PyPI's")])
def test_bare_variable_is_no_setting(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """What a shell exports for other programs changes nothing: a setting's variable has the source's name in it."""
    settings = resolve_settings()
    monkeypatch.setenv(name, value)

    assert resolve_settings() == settings
    assert os.environ[name] == value
