"""Credentials: each way in works, each failure is one message before any bill, and no secret is ever written down."""

import json
import os
from pathlib import Path

import pytest

from pipelines.run import Published
from tests.harness.forks import call, command_line
from tests.servers.bigquery import TABLE, Server
from tests.support.installation import Done, Installation

TOKEN = "ya29.access-token-of-the-test"  # noqa: S105 - the server's
LOGIN = {
    "type": "authorized_user",
    "client_id": "1",
    "client_secret": "GOCSPX-a-secret-of-the-test",
    "refresh_token": "1//a-refresh-token-of-the-test",
}
TABLE_PATH = "/projects/bigquery-public-data/datasets/pypi/tables/file_downloads"
NO_JOBS = "Access Denied: Project billed-project: User does not have bigquery.jobs.create permission"


@pytest.fixture
def ready(server: Server, project: Installation) -> Installation:
    """Settings that load two days from the server."""
    return project.with_settings(
        **server.settings, PROJECTS='["copper-kettle"]', START_DATE="2026-05-14", END_DATE="2026-05-16"
    )


def test_service_account_key_signs_in(server: Server, ready: Installation) -> None:
    """GOOGLE_APPLICATION_CREDENTIALS names a key file: a token is fetched with it, and each request bears that."""
    before = len(server.log())

    assert ready.load().accepted > 0

    log = server.log()[before:]
    requests = [entry for entry in log if "/bigquery/v2/" in entry["request"]]
    assert {"POST /token"} == {entry["request"] for entry in log if "jwt-bearer" in str(entry["body"])}
    assert {f"Bearer {TOKEN}"} == {entry["authorization"] for entry in requests}


def test_login_of_a_person_signs_in(
    server: Server, ready: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it, the file that `gcloud auth application-default login` leaves is found, and refreshed."""
    (tmp_path / "application_default_credentials.json").write_text(json.dumps(LOGIN))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    before = len(server.log())

    assert ready.load().accepted > 0

    log = server.log()[before:]
    assert {"POST /token"} == {entry["request"] for entry in log if "refresh_token" in str(entry["body"])}
    assert f"Bearer {TOKEN}" in {entry["authorization"] for entry in log}


def broken_key(**changes: object) -> str:
    """A key file's text, with other values than it should have."""
    good = {"type": "service_account", "client_email": "a@b", "token_uri": "https://a", "private_key": "MIIEvSECRET"}
    return json.dumps(good | changes)


FILES = {
    "no JSON": "MIIEvSECRET",
    "no object": '["MIIEvSECRET"]',
    "no type": broken_key(type=None),
    "other type": broken_key(type="MIIEvSECRET"),
    "no email": broken_key(client_email=None),
    "damaged key": broken_key(),
    "empty": "",
}


@pytest.mark.parametrize("case", FILES)
def test_malformed_key_file_is_one_message(server: Server, ready: Installation, tmp_path: Path, case: str) -> None:
    """A file that is no key, or a damaged one, is told by the variable that names it, without its content."""
    file = tmp_path / "broken.json"
    file.write_text(FILES[case])
    before = len(server.log())

    done = ready.cli(GOOGLE_APPLICATION_CREDENTIALS=str(file))

    assert_failed(done, "the file that GOOGLE_APPLICATION_CREDENTIALS names is not a Google key, or is damaged")
    assert before == len(server.log())


@pytest.mark.parametrize("value", ["/nowhere/key.json", broken_key()], ids=["no file", "the key itself"])
def test_variable_that_names_no_file_is_one_message(server: Server, ready: Installation, value: str) -> None:
    """A file that is not there is told, and so is a key in the place of its file's name, without repeating it."""
    del server

    done = ready.cli(GOOGLE_APPLICATION_CREDENTIALS=value)

    assert_failed(done, "GOOGLE_APPLICATION_CREDENTIALS does not name a file that exists")


def denied(where: str, message: str) -> dict[str, object]:
    return {"where": "rest", "match": where, "status": 403, "reason": "accessDenied", "message": message, "times": 99}


REFUSALS: dict[str, tuple[dict[str, object], list[str]]] = {
    "expired or revoked login": (
        {
            "where": "token",
            "status": 400,
            "message": f"Token {TOKEN} has been expired or revoked.",
            "times": 99,
        },
        ["Google does not accept the credentials", "Create a new key, or log in again."],
    ),
    "token refused by BigQuery": (
        {"where": "rest", "status": 401, "reason": "authError", "message": f"Invalid: {TOKEN}", "times": 99},
        ["Google does not accept the credentials", "Create a new key, or log in again."],
    ),
    "no permission on the table": (
        denied(TABLE_PATH, "Access Denied: Table bigquery-public-data:pypi.file_downloads: Permission denied"),
        [f"The credentials may not query {TABLE}", "BigQuery Data Viewer"],
    ),
    "no permission to run jobs": (
        denied("/billed-project/jobs", NO_JOBS),
        ["No query can be run and billed in the Google Cloud project billed-project", "`gcp_project`", "Job User"],
    ),
    "project that does not exist": (
        denied("/billed-project/jobs", "x")
        | {"status": 404, "reason": "notFound", "message": "Not found: Project billed-project"},
        ["No query can be run and billed in the Google Cloud project billed-project", "Check `gcp_project`"],
    ),
    "quota": (
        denied("/billed-project/jobs", "Custom quota exceeded: QueryUsagePerDay") | {"reason": "quotaExceeded"},
        ["A quota of the Google Cloud project billed-project is used up: ", "Custom quota exceeded", "raise the quota"],
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal_is_one_message(server: Server, ready: Installation, case: str) -> None:
    """What Google refuses is told with the remedy, without a token, and nothing is loaded."""
    rule, texts = REFUSALS[case]
    server.faults(rule)

    done = ready.cli()

    assert_failed(done, *texts)
    assert not ready.file.exists() or ready.query("FROM duckdb_tables() WHERE table_name = 'file_downloads'") == []


def test_key_that_google_does_not_know_is_one_message(server: Server, ready: Installation, tmp_path: Path) -> None:
    """A well-formed key whose signature is not accepted is told before any job."""
    unknown = server.make_key(tmp_path / "unknown.json", known=False)
    jobs = len(server.jobs())

    done = ready.cli(GOOGLE_APPLICATION_CREDENTIALS=str(unknown))

    assert_failed(done, "Google does not accept the credentials: the key is wrong or deleted")
    assert jobs == len(server.jobs())


REFUSED_LOGIN: dict[str, object] = {
    "where": "token",
    "status": 400,
    "message": f"Token {LOGIN['refresh_token']} has been expired or revoked.",
    "times": 99,
}
SECRET_FAULTS: dict[str, dict[str, object]] = {
    "success": {"where": "nowhere"},
    "refused at once": {"where": "rest", "status": 401, "reason": "authError", "message": TOKEN, "times": 99},
    "refused while reading": {
        "where": "create_read_session",
        "code": "UNAUTHENTICATED",
        "message": f"Invalid: {TOKEN}",
        "times": 99,
    },
}


def run_without_kpis() -> None:
    """The command line without what follows from the rows alone, and takes long."""
    pytest.MonkeyPatch().setattr("pipelines.run.publish", lambda *_arguments, **_options: Published([], None))
    command_line("run", "--no-site")


@pytest.mark.parametrize(
    ("case", "credentials"), [*((case, "key") for case in SECRET_FAULTS), ("success", "login"), ("no token", "login")]
)
def test_no_secret_is_written_down(
    server: Server, ready: Installation, tmp_path: Path, case: str, credentials: str
) -> None:
    """After a run of the command line, neither its output, a file nor a row of it holds key, login or token."""
    home = tmp_path / "home"
    home.mkdir()
    server.faults(SECRET_FAULTS.get(case, REFUSED_LOGIN))
    environment = ready.environment | {"HOME": str(home), "RUNTIME__LOG_LEVEL": "DEBUG"}
    key = json.loads(Path(os.environ["GOOGLE_APPLICATION_CREDENTIALS"]).read_text())["private_key"]
    if credentials == "login":
        login = tmp_path / "login.json"
        login.write_text(json.dumps(LOGIN))
        environment["GOOGLE_APPLICATION_CREDENTIALS"] = str(login)

    done = call(run_without_kpis, environment=environment)

    assert (done.returncode == 0) == (case == "success"), done.stderr
    secrets = [*key.splitlines()[1:-1], LOGIN["client_secret"], LOGIN["refresh_token"], TOKEN]
    files = [path for folder in (ready.folder, home) for path in folder.rglob("*") if path.is_file()]
    written = {path.name: path.read_bytes() for path in files} | {
        "output": done.stdout.encode(),
        "errors": done.stderr.encode(),
    }
    assert "trace.pickle" in written or case in ("refused at once", "no token")
    assert {name for name, content in written.items() if any(secret.encode() in content for secret in secrets)} == set()
    if ready.file.exists():
        for schema, table in ready.query("SELECT schema_name, table_name FROM duckdb_tables()"):
            sql = f'SELECT secret FROM {schema}."{table}" AS rows, UNNEST(?) AS secrets(secret)'
            assert ready.query(f"{sql} WHERE contains(rows::VARCHAR, secret)", secrets) == [], table


def assert_failed(done: Done, *texts: str) -> None:
    """One message with all the texts, and no secret in it."""
    output = done.stdout + done.stderr
    assert done.returncode == 1, output
    assert [text for text in texts if text not in done.stderr] == [], done.stderr
    assert [secret for secret in ("SECRET", TOKEN, "Traceback") if secret in output] == []
