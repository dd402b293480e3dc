"""The doctor finds what is wrong, names the remedy, and changes nothing."""

import io
import json
import os
import shutil
import sys
from pathlib import Path

import duckdb
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from pipelines import doctor
from pipelines.doctor import Finding, Outcome, diagnose
from tests.harness.forks import beside
from tests.support.installation import ROOT, Installation

OFFLINE = {"NO_GCE_CHECK": "true", "CLOUDSDK_CONFIG": "/nonexistent", "HOME": "/nonexistent"}


@pytest.fixture
def healthy(demo_project: Installation, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """The demo, loaded, by the environment of this process."""
    for name, value in demo_project.environment.items():
        monkeypatch.setenv(name, value)
    return demo_project


def failures() -> dict[str, Finding]:
    """The checks that failed, each with a remedy, when all have been made."""
    findings = list(diagnose())
    assert len(findings) == 18
    failed = {each.check: each for each in findings if each.outcome is Outcome.FAILED}
    assert all(each.remedy for each in failed.values())
    return failed


def tools_without(name: str, folder: Path) -> str:
    """A PATH with all that the checks call, but one."""
    folder.mkdir()
    for tool in {"uv", "just", "node", "npm", "bash", "cat", "cut", "env", "dirname", "sed", "sha1sum", "tr", "wc"} - {
        name
    }:
        found = shutil.which(tool)
        assert found is not None, tool
        (folder / tool).symlink_to(found)
    return str(folder)


def test_demo_is_all_well(demo_project: Installation, tmp_path: Path) -> None:
    """On a loaded demo nothing fails, what the demo does not need is said so, and nothing is written beside it."""
    shutil.copy(demo_project.file, tmp_path)
    copied = Installation(tmp_path, demo_project.settings)
    content = copied.file.read_bytes()

    done, document = copied.cli("doctor"), copied.cli("doctor", "--json")

    assert done.returncode == 0, done.stdout
    assert document.returncode == 0
    assert {"ok", "not needed"} == {finding["outcome"] for finding in json.loads(document.stdout)}
    assert "All checks passed" in done.stdout
    assert done.stdout.count("not needed") == 5
    assert list(tmp_path.iterdir()) == [copied.file]
    assert content == copied.file.read_bytes()


@pytest.mark.usefixtures("healthy")
def test_before_the_first_run_all_is_well(
    project: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without a warehouse and without demo data nothing is wrong, and the doctor makes neither."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DESTINATION__WAREHOUSE__CREDENTIALS", str(project.file))
    monkeypatch.setenv("DESTINATION__WAREHOUSE__DESTINATION_TYPE", "duckdb")
    monkeypatch.setenv("SOURCES__PYPI__PARQUET_PATH", "data/demo")

    assert failures() == {}
    assert not project.folder.exists()
    assert list(tmp_path.iterdir()) == []


def test_old_tool_fails_with_its_remedy(healthy: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A Node.js that is too old is named with both versions; the other checks are made, and the exit code is 1."""
    node = tmp_path / "node"
    node.write_text("#!/bin/sh\necho v18.19.0\n")
    node.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"

    done = healthy.cli("doctor", PATH=path)
    monkeypatch.setenv("PATH", path)
    failed = failures()

    assert done.returncode == 1
    assert "Needs fixing: node." in done.stdout
    assert list(failed) == ["node"]
    assert f"{node} is 18.19.0; 20 or later is needed." == failed["node"].found
    assert "Install Node.js 20 or later" in failed["node"].remedy


@pytest.mark.usefixtures("healthy")
@pytest.mark.parametrize("name", [tool.name for tool in doctor.TOOLS])
def test_missing_tool_fails_with_its_remedy(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A tool that is not there is named with the way to install it."""
    monkeypatch.setenv("PATH", tools_without(name, tmp_path / "bin"))

    failed = failures()

    assert failed[name].found == f"{name} is missing."
    assert "nstall" in failed[name].remedy


@pytest.mark.usefixtures("healthy")
def test_packages_that_are_not_the_locked_ones_fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """After a change of the lock the doctor asks for the set-up."""
    for folder in ("scripts", "requirements", "evidence/patches"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for file in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / "evidence" / file, tmp_path / "evidence")
    monkeypatch.setattr(doctor, "REPOSITORY", tmp_path)

    failed = failures()

    assert list(failed) == ["packages"]
    assert failed["packages"].found == "Python's packages are not the locked ones."
    assert "just setup" in failed["packages"].remedy


@pytest.mark.usefixtures("healthy")
def test_wrong_setting_fails_and_what_needs_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that does not resolve is shown once, with its remedy; the warehouse is looked at all the same."""
    monkeypatch.setenv("SOURCES__PYPI__START_DATE", "yesterday")

    findings = {each.check: each for each in diagnose()}

    assert [name for name, each in findings.items() if each.outcome is Outcome.FAILED] == ["settings"]
    assert "'start_date' is 'yesterday'" in findings["settings"].found
    assert "YYYY-MM-DD" in findings["settings"].remedy
    assert findings["warehouse"].outcome is Outcome.OK
    assert findings["upstream"] == Finding("upstream", Outcome.NOT_NEEDED, "needs valid settings first")


@pytest.mark.usefixtures("healthy")
def test_folder_that_cannot_be_made_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A warehouse below a file is named with the setting that moves it."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("DESTINATION__WAREHOUSE__CREDENTIALS", str(tmp_path / "file" / "warehouse.duckdb"))

    failed = failures()

    assert list(failed) == ["folder"]
    assert f"{tmp_path / 'file'} is a file" in failed["folder"].found
    assert "DESTINATION__WAREHOUSE__CREDENTIALS" in failed["folder"].remedy


@pytest.mark.usefixtures("healthy")
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
@pytest.mark.parametrize("path", [".", "dlt"])
def test_folder_that_may_not_be_written_fails(
    path: str, project: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder without the permission is named, dlt's working folder too."""
    monkeypatch.setenv("DESTINATION__WAREHOUSE__CREDENTIALS", str(project.file))
    (project.folder / path).mkdir(parents=True)
    (project.folder / path).chmod(0o500)

    failed = failures()

    assert list(failed) == ["folder"]
    assert "No permission to write" in failed["folder"].found


@pytest.mark.usefixtures("healthy")
def test_folder_of_models_that_may_not_be_written_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLMesh has its cache in it."""
    monkeypatch.setattr(doctor, "MODELS_FOLDER", Path("/dev/null/sqlmesh"))

    failed = failures()

    assert list(failed) == ["folder"]
    assert "No permission to write /dev/null/sqlmesh" in failed["folder"].found


@pytest.mark.usefixtures("healthy")
def test_foreign_modules_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that puts other modules before the locked packages is named."""
    monkeypatch.setenv("PYTHONPATH", "/opt/other")

    failed = failures()

    assert list(failed) == ["Python"]
    assert "PYTHONPATH is set" in failed["Python"].found


def test_encoding_of_the_terminal_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that lacks characters is no failure, as they are replaced."""
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))

    found = doctor._run_check("terminal", doctor._terminal)

    assert found == Finding("terminal", Outcome.OK, "ascii: characters that it lacks are shown as ?")


@pytest.mark.usefixtures("healthy")
def test_full_disk_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little room is named with what a run may need."""
    monkeypatch.setattr(doctor, "MIN_FREE_BYTES", 2**60)

    failed = failures()

    assert list(failed) == ["disk"]
    assert "a run may need 1,073,741,824.0" in failed["disk"].found


def test_busy_warehouse_fails(healthy: Installation) -> None:
    """The process that holds the warehouse is named."""
    with beside(duckdb.connect, str(healthy.file)) as holder:
        failed = failures()

    assert list(failed) == ["warehouse"]
    assert f"is busy: process {holder.pid}" in failed["warehouse"].found
    assert "Close that process" in failed["warehouse"].remedy


@pytest.mark.usefixtures("healthy")
def test_upstream_without_files_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A path without Parquet files is named with its setting."""
    monkeypatch.setenv("SOURCES__PYPI__PARQUET_PATH", str(tmp_path))

    failed = failures()

    assert list(failed) == ["upstream"]
    assert f"No Parquet file at '{tmp_path}'" in failed["upstream"].found
    assert "parquet_path" in failed["upstream"].remedy


@pytest.mark.usefixtures("healthy")
def test_bigquery_without_credentials_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """What BigQuery needs and does not find is named: credentials, and the project that is billed."""
    for name, value in OFFLINE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SOURCES__PYPI__UPSTREAM", "bigquery")

    failed = failures()

    assert list(failed) == ["Google credentials", "Google Cloud project", "upstream"]
    assert "gcloud auth application-default login" in failed["Google credentials"].remedy
    assert "gcp_project" in failed["Google Cloud project"].remedy
    assert "gcloud auth application-default login" in failed["upstream"].remedy


def service_account() -> dict[str, str]:
    """The content of a key file of an invented account."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "project_id": "a-project",
        "private_key_id": "planted",
        "private_key": key.decode(),
        "client_email": "planted@a-project.example",
        "token_uri": "https://localhost/token",
    }


def user_login() -> dict[str, str]:
    """What gcloud's login writes, of an invented person."""
    return {"type": "authorized_user", "client_id": "i", "client_secret": "planted", "refresh_token": "planted"}


@pytest.mark.usefixtures("healthy")
@pytest.mark.parametrize(
    ("content", "kind", "billed"),
    [
        (service_account(), "a service account's key", "a-project"),
        (user_login(), "a user's login", "Neither the settings nor the credentials name a project to bill."),
    ],
)
def test_credentials_are_named_by_kind_only(
    content: dict[str, str], kind: str, billed: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Which kind of credentials was found, and the project that they name, is all that is shown of them."""
    file = tmp_path / "key.json"
    file.write_text(json.dumps(content))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    monkeypatch.setenv("SOURCES__PYPI__UPSTREAM", "bigquery")

    found = doctor._run_check("", doctor._google_credentials), doctor._run_check("", doctor._gcp_project)

    assert [each.found for each in found] == [kind, billed]


@pytest.mark.usefixtures("healthy")
@pytest.mark.parametrize(
    ("token", "failing"),
    [
        ("", {"MotherDuck token": "There is no token for MotherDuck."}),
        ("planted", {"MotherDuck token": "three parts with dots between."}),
        ("planted.secret.token", {"warehouse": "cannot be opened"}),
    ],
)
def test_motherduck_is_looked_at_and_its_token_never_shown(
    token: str, failing: dict[str, str], healthy: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that is missing or has another form fails, or else the connection, where it cannot be made."""
    settings = {
        "DESTINATION__WAREHOUSE__CREDENTIALS": "md:pypi",
        "MOTHERDUCK_TOKEN": token,
        "COLUMNS": "1000",
        **OFFLINE,
    }

    done = healthy.cli("doctor", **settings)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    failed = failures()

    assert done.returncode == 1
    assert "planted" not in done.stdout + done.stderr + str(failed)
    assert list(failing) == list(failed)
    assert all(text in failed[check].found for check, text in failing.items())


@pytest.mark.usefixtures("healthy")
def test_what_nobody_has_thought_of_hides_no_other_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that is not ours is a failure of its check, without its text, which might hold a secret."""

    def broken() -> str:
        msg = "a secret"
        raise RuntimeError(msg)

    monkeypatch.setattr(doctor, "_disk", broken)

    failed = failures()

    assert list(failed) == ["disk"]
    assert "secret" not in str(failed)


def test_lake_that_is_not_there_fails(project: Installation, demo: Path, tmp_path: Path) -> None:
    """Each lake is looked up; one that can be written says how many days it has."""
    (tmp_path / "file").write_text("no folder")
    here = {"DESTINATIONS": '["warehouse", "lake"]', "DESTINATION__LAKE__BUCKET_URL": str(tmp_path / "lake")}
    broken = here | {"DESTINATION__LAKE__BUCKET_URL": str(tmp_path / "file")}
    loaded = Installation.of_demo(project.folder, demo)

    assert "0 complete days" in loaded.cli("doctor", COLUMNS="200", **here).stdout
    done = loaded.cli("doctor", COLUMNS="200", **broken)

    assert done.returncode == 1
    assert "Needs fixing: lakes." in done.stdout


def test_report_may_be_shown_in_public(project: Installation, tmp_path: Path) -> None:
    """It has the versions and what failed; no password, no path of the home, no name that a passing check has found."""
    gone = f"{tmp_path}/gone/ftp://someone:planted-secret@host"
    home = project.with_settings(PARQUET_PATH=gone, PROJECTS='["secret-project"]')

    done = home.cli("doctor", "--report", HOME=str(tmp_path))

    assert done.returncode == 0
    assert done.stdout.startswith("duckdb-evidence-insights ")
    assert f"| Python | ok | {sys.version.split()[0]} |" in done.stdout
    [upstream] = [line for line in done.stdout.splitlines() if line.startswith("| upstream")]
    assert "| failed |" in upstream
    assert "~/gone" in upstream
    for text in ("planted-secret", "secret-project", str(tmp_path)):
        assert text not in done.stdout
