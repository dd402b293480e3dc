"""A BigQuery server on this machine, and a way for Google's genuine clients to reach it.

    server = Server(folder)     # starts it; `with` stops it
    server.fill(demo)           # the demo's rows in a table like the public one
    project.with_settings(**server.settings).cli(**server.environment(key))

or in a child process, by `tests.harness.forks.call`, which redirects the clients by itself.

The REST client finds the server by the library's own BIGQUERY_EMULATOR_HOST. The Storage client knows no such
variable, so `redirect_clients` opens its channel, and the token endpoint of a person's login, by what the environment
says at that time; without the variables it changes nothing.
"""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport
from google.oauth2 import credentials, service_account

from pipelines.demo import SCHEMA
from tests.servers.process import ServerProcess, require_interpreter
from tests.support.installation import ROOT

TABLE = "bigquery-public-data.pypi.file_downloads"
BILLED = "billed-project"
ENVIRONMENT = ".venv-emulator"
PYTHON = ROOT / ENVIRONMENT / "bin" / "python"
REST, STORAGE = "BIGQUERY_EMULATOR_HOST", "BIGQUERY_STORAGE_EMULATOR_HOST"

_create_channel = BigQueryReadGrpcTransport.create_channel
_LOGIN_URI = credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT


def redirect_clients() -> None:
    """Lead the Storage client and the refresh of a login to the server that the environment names, if it names one."""

    def create_channel(*arguments: Any, **options: Any) -> grpc.Channel:  # noqa: ANN401 - the library's
        if STORAGE not in os.environ:
            return _create_channel(*arguments, **options)
        return grpc.insecure_channel(os.environ[STORAGE], options=options.get("options"))

    BigQueryReadGrpcTransport.create_channel = create_channel  # type: ignore[method-assign]
    credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT = f"{os.environ[REST]}/token" if REST in os.environ else _LOGIN_URI


class Server(ServerProcess):
    """The server; it keeps its rows and the known keys when it is killed and started again."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._known: list[str] = []
        super().__init__(folder, ENVIRONMENT, "tests.servers.bigquery_server", *options)

    def start(self) -> None:
        super().start()
        for key in self._known:
            self._control("key", key)

    @property
    def url(self) -> str:
        return f"http://{self.address('rest')}"

    @property
    def settings(self) -> dict[str, str]:
        """The source's settings for `Project.with_settings`."""
        return {"UPSTREAM": "bigquery", "GCP_PROJECT": BILLED}

    def environment(self, key: Path) -> dict[str, str]:
        """The variables that lead the redirected clients here, with a key of `make_key`."""
        return {
            REST: self.url,
            STORAGE: self.address("storage"),
            "GOOGLE_APPLICATION_CREDENTIALS": str(key),
        }

    def faults(self, *rules: dict[str, Any]) -> None:
        """Replace the faults by these; none heals the server.

        A rule has `where`: `rest`, `token`, `create_read_session`, or `read_rows` (before a batch), and optionally

        - `match`: part of the target: `POST /bigquery/v2/projects/x/jobs` for `rest`, a table's or stream's name;
        - `after`: how often it lets pass what it would strike (0), then `times`: how often it strikes (1);
        - `delay` in seconds; `exit`: the server dies by itself;
        - `status`, `reason`, `message` of a REST answer or of the token endpoint's refusal;
        - `code` (as `UNAVAILABLE`), `message` of a gRPC error.
        """
        self._control("faults", list(rules))

    def bill(self, **changes: float | bool) -> None:
        """Bill as this account does; without changes, exactly the table's bytes.

        - `row_scale`: each row counts as so many; `table_scale`: a day counts as so many times its rows;
        - `prunes`: whether a query reads its project's blocks only (True);
        - `quota`: bytes by estimate that all queries may bill together; `result_limit`: bytes of a result;
        - `sessions`: whether there is a Storage Read API (True).
        """
        self._control("bill", changes)

    def log(self) -> list[dict[str, Any]]:
        """Each request since the start: `request` (`POST /...`, `ReadRows STREAM`), `authorization`, `body`."""
        answer: list[dict[str, Any]] = self._control("log")
        return answer

    def jobs(self) -> list[dict[str, Any]]:
        """The configurations of the jobs that were asked for since the start: of queries, without loads."""
        bodies = [entry["body"].get("configuration", {}) for entry in self.log()]
        return [body for body in bodies if "query" in body]

    def make_key(self, file: Path, *, known: bool = True) -> Path:
        """Write a service account's key file; the server accepts it if it is `known`."""
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        plain = serialization.NoEncryption()
        pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        content = {
            "type": "service_account",
            "project_id": BILLED,
            "private_key_id": "1",
            "private_key": pem.decode(),
            "client_email": "loader@billed-project.iam.gserviceaccount.com",
            "token_uri": f"{self.url}/token",
        }
        file.write_text(json.dumps(content))
        if known:
            public = private.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            self._known.append(public.decode())
            self._control("key", public.decode())
        return file

    def client(self, key: Path) -> bigquery.Client:
        """A client for the tests themselves."""
        account = service_account.Credentials.from_service_account_file(key, scopes=bigquery.Client.SCOPE)  # type: ignore[no-untyped-call]  # the library's
        return bigquery.Client(BILLED, account, client_options={"api_endpoint": self.url})

    def fill(self, folder: Path) -> None:
        """Make the table, partitioned by day and clustered by project, of the folder's Parquet files."""
        client = self.client(self.make_key(self.folder / "fill.json"))
        client.create_dataset(TABLE.rpartition(".")[0])
        table = bigquery.Table(TABLE, schema=as_fields(SCHEMA))
        table.time_partitioning = bigquery.TimePartitioning(field="timestamp")
        table.clustering_fields = ["project"]
        client.create_table(table)
        config = bigquery.LoadJobConfig(source_format="PARQUET")
        for file in sorted(folder.glob("*.parquet")):
            with file.open("rb") as rows:
                client.load_table_from_file(rows, TABLE, job_config=config).result()

    def _control(self, what: str, content: object = None) -> Any:  # noqa: ANN401 - JSON
        return self.control(f"control/{what}", content, name="rest")


def as_fields(arrow: Any) -> list[bigquery.SchemaField]:  # noqa: ANN401 - a schema or a struct
    """BigQuery's schema of an Arrow schema of timestamps, strings, booleans and records."""
    names = {"timestamp[us, tz=UTC]": "TIMESTAMP", "string": "STRING", "bool": "BOOLEAN"}
    return [
        bigquery.SchemaField(field.name, names[str(field.type)], "NULLABLE" if field.nullable else "REQUIRED")
        if str(field.type) in names
        else bigquery.SchemaField(field.name, "RECORD", fields=as_fields(field.type))
        for field in arrow
    ]


def analyze(
    tables: Mapping[str, Mapping[str, object]], queries: Sequence[str], parameters: Mapping[str, object] | None = None
) -> list[str | None]:
    """The error that Google's GoogleSQL analyzer finds in each query, given the types of tables and parameters."""
    require_interpreter(PYTHON)
    request = {
        "tables": [{"path": name.split("."), "columns": columns} for name, columns in tables.items()],
        "parameters": parameters or {},
        "queries": queries,
    }
    command = [str(PYTHON), "-m", "tests.servers.googlesql"]
    done = subprocess.run(command, cwd=ROOT, input=json.dumps(request), capture_output=True, text=True, check=True)
    errors: list[str | None] = json.loads(done.stdout)
    return errors
