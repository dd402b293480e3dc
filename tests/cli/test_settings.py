"""A setting that cannot be meant is one message that names it; a secret is in no message, log or file of a run."""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from dlt.common.configuration import resolve_configuration
from hypothesis import HealthCheck, example, given
from hypothesis import settings as bounds
from hypothesis import strategies as st

from pipelines.errors import SettingsError
from pipelines.pypi.settings import Settings, resolve_settings
from pipelines.warehouse import resolve_warehouse
from tests.support.installation import ROOT, Done, Installation
from tests.support.lakes import open_lake
from tests.support.rows import downloads, write

SECRET = "hunter2-and-more"  # noqa: S105 - invented
MISSPELT = {
    "SOURCES__PYPI__BUDGET_PER_RUNN": "SOURCES__PYPI__BUDGET_PER_RUN",
    "SOURCES__PYPI__budget_per_run": "SOURCES__PYPI__BUDGET_PER_RUN",
    "SOURCES__PIPY__BUDGET_PER_RUN": "SOURCES__PYPI",
    "DESTINATION__WAREHOUZE__CREDENTIALS": "DESTINATION__WAREHOUSE",
    "DESTINATION__WAREHOUSE__CREDENTAILS": "DESTINATION__WAREHOUSE__CREDENTIALS",
    "DESTINATION__WAREHOUSE__CREDENTIALS__GLOBALCONFIG": "DESTINATION__WAREHOUSE__CREDENTIALS__GLOBAL_CONFIG",
    "DESTINATION__LAKE__BUCKETURL": "DESTINATION__LAKE__BUCKET_URL",
}
FILES = {
    "[sources.pypi]\nbudget_per_runn = 1": "`budget_per_runn` under [sources.pypi]",
    "[source.pypi]\nbudget_per_run = 1": "Did you mean `sources`?",
    "[destination.warehouze]\ncredentials = 'a'": "Did you mean `warehouse`?",
    "destinatoins = ['warehouse']": "Did you mean `destinations`?",
    "sources = 3": "`sources` in .dlt/config.toml is a value, not a table",
    "runtime = 1": "`runtime` in .dlt/config.toml is a value, not a table",
    "[sources.pypi]\nlag_days = 1\nlag_days = 2\n\n": "Cannot overwrite a value (at line 3",
    "[sources.pypi\n": "(at line 1",
    "a = 1".encode("utf-16"): "is not encoded as UTF-8",
}
WRONG = {
    "numbers for names": ({"PROJECTS": "[1]"}, "'projects' must be a list of names"),
    "null for a name": ({"PROJECTS": "[null]"}, "'projects' must be a list of names"),
    "start in the future": ({"START_DATE": "2999-01-01"}, "'start_date' is 2999-01-01, after today"),
    "path that cannot exist": ({"PARQUET_PATH": "x" * 300}, "No Parquet file at 'xxx"),
}
CREDENTIALS = {
    "another database": f"postgres://user:{SECRET}@host/database",
    "JSON of a cloud": f'{{"database": "md:x", "password": "{SECRET}"}}',
    "memory": ":memory:",
    "nothing, as of a secret that is not set": "",
    "a space": " ",
    "a quote": "folder/o'neil/warehouse.duckdb",
    "a pattern": "folder/a*/warehouse.duckdb",
}


@pytest.fixture
def loadable(project: Installation, tmp_path: Path) -> Installation:
    """A project that could load a day."""
    return project.reading(write(tmp_path / "source" / "rows.parquet", downloads({"one": {1: 2}})), "one")


def assert_refused(done: Done, text: str) -> None:
    """The command has ended with one message, which has the text."""
    assert 1 == done.returncode
    assert text in done.stderr.replace("\n", " ")
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", MISSPELT)
def test_a_misspelt_variable_is_named_with_the_one_that_was_meant(loadable: Installation, name: str) -> None:
    """It would be ignored otherwise, and a budget be silently the default."""
    done = loadable.cli(**{name: "1", "DESTINATIONS": '["warehouse", "lake"]'})

    assert_refused(done, f"Unknown setting `{name}` in the environment. Did you mean `{MISSPELT[name]}`?")
    assert not loadable.file.exists()


@pytest.mark.parametrize("content", FILES)
@pytest.mark.parametrize("name", ["config.toml", "secrets.toml"])
def test_a_file_of_settings_that_cannot_be_meant_is_named(
    loadable: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | bytes, name: str
) -> None:
    """So are a line that is not TOML, a misspelt section, and a value where a section belongs."""
    file = shutil.copytree(ROOT / ".dlt", tmp_path / ".dlt") / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.chdir(tmp_path)

    done = loadable.cli()

    assert_refused(done, FILES[content].replace("config.toml", name))
    assert f".dlt/{name}" in done.stderr


def test_credentials_in_the_file_that_is_no_secret_are_refused(
    loadable: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Since dlt looks for them among secrets only, another warehouse would be loaded without a word."""
    file = shutil.copytree(ROOT / ".dlt", tmp_path / ".dlt") / "config.toml"
    file.write_text("[destination.warehouse]\ncredentials = 'other/warehouse.duckdb'\n")
    monkeypatch.chdir(tmp_path)

    assert_refused(loadable.cli(), "stands in .dlt/config.toml, where dlt does not look for it")


def test_password_in_the_file_that_is_no_secret_is_refused(
    loadable: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is committed: the message says where a password belongs."""
    file = shutil.copytree(ROOT / ".dlt", tmp_path / ".dlt") / "config.toml"
    file.write_text(f"[sources.pypi.clickpy]\npassword = '{SECRET}'\n")
    monkeypatch.chdir(tmp_path)

    done = loadable.cli()

    assert_refused(done, "`password` under [sources.pypi.clickpy] is a secret, and stands in .dlt/config.toml")
    assert SECRET not in done.stderr


@pytest.mark.parametrize("case", WRONG)
def test_a_value_that_cannot_be_meant_is_named(loadable: Installation, case: str) -> None:
    """A value of another type, a day that is not over, a path that cannot exist."""
    changes, text = WRONG[case]

    assert_refused(loadable.with_settings(**changes).cli(), text)


def test_a_list_for_grains_is_named(loadable: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """No type of a list in a file is checked by dlt, which reads its files once in a process: its answer stands in."""

    def resolve(settings: Settings, **options: Any) -> Settings:  # noqa: ANN401 - dlt's own
        found = resolve_configuration(settings, **options)
        setattr(found, "grains", [1])  # noqa: B010 - of another type
        return found

    monkeypatch.setattr("pipelines.pypi.settings.resolve_configuration", resolve)

    assert_refused(loadable.cli(), "'grains' must be a table of projects, each with its grain")


@pytest.mark.parametrize("case", CREDENTIALS)
def test_credentials_that_name_no_warehouse_are_refused_and_not_shown(loadable: Installation, case: str) -> None:
    """No file is made that is named after them, where a password would stand."""
    done = loadable.cli(DESTINATION__WAREHOUSE__CREDENTIALS=CREDENTIALS[case])

    assert_refused(done, "of the warehouse")
    assert SECRET not in done.stdout + done.stderr


def test_a_secret_in_the_wrong_setting_is_not_shown(loadable: Installation) -> None:
    """Neither a key that was pasted as a project, nor a password in a URL."""
    for changes in ({"PARQUET_PATH": f"https://user:{SECRET}@host/x"}, {"GCP_PROJECT": SECRET + "!"}):
        done = loadable.with_settings(**changes).cli()

        assert 1 == done.returncode
        assert SECRET not in done.stdout + done.stderr


def test_no_secret_is_kept_in_what_a_load_leaves(loadable: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trace that dlt writes would have the password of an endpoint's URL, and the id of a key."""
    credentials = "DESTINATION__LAKE__CREDENTIALS__"
    monkeypatch.setenv(f"{credentials}ENDPOINT_URL", f"http://user:{SECRET}@127.0.0.1:9/")
    monkeypatch.setenv(f"{credentials}AWS_ACCESS_KEY_ID", SECRET[::-1])
    monkeypatch.setenv(f"{credentials}AWS_SECRET_ACCESS_KEY", SECRET.upper())
    monkeypatch.setenv(f"{credentials}REGION_NAME", "eu-central-1")
    monkeypatch.setenv("DESTINATION__LAKE__BUCKET_URL", "s3://bucket")
    monkeypatch.setenv("DESTINATIONS", '["warehouse", "lake"]')
    monkeypatch.setenv("DESTINATION__WAREHOUSE__CREDENTIALS__PASSWORD", SECRET)

    assert "s3://bucket" == open_lake(loadable).url
    loadable.load()

    kept = {path.name: path.read_bytes() for path in loadable.folder.rglob("*") if path.is_file()}
    assert "trace.pickle" in kept
    secrets = [secret.encode() for secret in (SECRET, SECRET[::-1], SECRET.upper())]
    assert [] == [name for name, content in kept.items() if any(secret in content for secret in secrets)]


TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    st.sampled_from(
        ["", "null", "[]", "{}", "true", "NaN", "-1", "1e400", '["a"]', "[[1]]", "2026-07-01", "9999-12-31"]
    ),
    st.integers().map(str),
    st.floats().map(str),
)


@given(written=st.dictionaries(st.sampled_from(sorted(Settings.get_resolvable_fields())), TEXTS, max_size=3))
@example(written={"projects": '{"a": 1}'})
@example(written={"start_date": "0001-01-01"})
@bounds(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_a_setting_or_a_message(written: Mapping[str, str]) -> None:
    """Whatever the environment says, the settings are valid, or it is said which is not."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in written.items():
            patch.setenv(f"SOURCES__PYPI__{name.upper()}", value)
        with suppress(SettingsError):
            settings = resolve_settings()
            assert settings.projects
            assert settings.start


@given(database=TEXTS)
@bounds(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_a_warehouse_or_a_message(database: str) -> None:
    """The same of the credentials of the warehouse."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DESTINATION__WAREHOUSE__CREDENTIALS", database)
        with suppress(SettingsError):
            warehouse = resolve_warehouse(need_token=False)
            assert warehouse.file is None or warehouse.file.is_absolute()
