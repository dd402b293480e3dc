"""The BigQuery upstream, with the genuine client, over the wire to a server on this machine."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import grpc
import pyarrow as pa
import pytest
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

from pipelines.demo import SCHEMA
from pipelines.errors import SchemaError, SourceError
from pipelines.pypi.columns import SOURCE_SCHEMA
from pipelines.pypi.settings import Settings
from pipelines.pypi.upstreams.bigquery import BigQueryUpstream
from pipelines.pypi.upstreams.google_client import DeadlineReadClient, DeadlineSession
from pipelines.pypi.windows import Window
from tests.project import ROOT

TABLE = "bigquery-public-data.pypi.file_downloads"
PYTHON = ROOT / ".venv-emulator" / "bin" / "python"
START_SECONDS = 60


class LocalUpstream(BigQueryUpstream):
    """The upstream with clients that talk to the server on this machine."""

    def __init__(self, address: dict[str, str], table: str = TABLE, timestamp_column: str = "timestamp") -> None:
        settings = Settings()
        settings.table, settings.timestamp_column, settings.gcp_project = table, timestamp_column, "billed"
        super().__init__(settings)
        options = ClientOptions(api_endpoint=address["rest"])
        credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]  # the library's
        self._address = address["storage"]
        self._client = bigquery.Client(
            "billed", credentials, client_options=options, _http=DeadlineSession(credentials, 60)
        )

    def _open_storage(self) -> DeadlineReadClient:
        channel = grpc.insecure_channel(self._address, options=[("grpc.max_receive_message_length", -1)])
        client = DeadlineReadClient(self._client._credentials, self._settings.read_timeout)
        client._transport = BigQueryReadGrpcTransport(channel=channel)
        return client


def as_fields(arrow: Any) -> list[bigquery.SchemaField]:  # noqa: ANN401 - a schema or a struct
    """BigQuery's schema of an Arrow schema of timestamps, strings, booleans and records."""
    names = {"timestamp[us, tz=UTC]": "TIMESTAMP", "string": "STRING", "bool": "BOOLEAN"}
    return [
        bigquery.SchemaField(field.name, names[str(field.type)], "NULLABLE" if field.nullable else "REQUIRED")
        if str(field.type) in names
        else bigquery.SchemaField(field.name, "RECORD", fields=as_fields(field.type))
        for field in arrow
    ]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, demo: Path) -> Iterator[dict[str, str]]:
    """The addresses of a server that has the demo's downloads in a table like the public one."""
    if not PYTHON.exists():
        reason = "no .venv-emulator: it needs Python 3.13; `just setup --with-emulator` makes it"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    folder = tmp_path_factory.mktemp("bigquery")
    ready = folder / "ready.json"
    command = [PYTHON, ROOT / "tests" / "bigquery_server.py", folder / "data", ready]
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as process:
        try:
            deadline = time.monotonic() + START_SECONDS
            while not ready.exists():
                assert process.poll() is None, "the server ended at once"
                assert time.monotonic() < deadline, f"the server did not start in {START_SECONDS} s"
                time.sleep(0.05)
            address: dict[str, str] = json.loads(ready.read_text())
            fill(LocalUpstream(address)._client, demo)
            yield address
        finally:
            process.kill()


def fill(client: bigquery.Client, demo: Path) -> None:
    """Make the table, partitioned by day and clustered by project, of the demo's files."""
    client.create_dataset(TABLE.rpartition(".")[0])
    table = bigquery.Table(TABLE, schema=as_fields(SCHEMA))
    table.time_partitioning = bigquery.TimePartitioning(field="timestamp")
    table.clustering_fields = ["project"]
    client.create_table(table)
    for file in sorted(demo.iterdir()):
        with file.open("rb") as rows:
            client.load_table_from_file(
                rows, TABLE, job_config=bigquery.LoadJobConfig(source_format="PARQUET")
            ).result()


def test_rows_equal_those_of_the_same_query_on_parquet(server: dict[str, str], demo: Path) -> None:
    """A window's rows are read as Arrow batches with the contract's types, each as often as the table has it."""
    window = Window("copper-kettle", date(2026, 5, 12), date(2026, 5, 15))

    batches = list(LocalUpstream(server).read(window))

    expected = duckdb.sql(
        f"""SELECT epoch(timestamp), file.filename, details.installer.name, details.distro.libc.lib, details.ci
        FROM '{demo}/*.parquet' WHERE project = 'copper-kettle'
        AND timestamp >= '2026-05-12 00:00:00+00' AND timestamp < '2026-05-15 00:00:00+00' ORDER BY ALL"""
    ).fetchall()
    rows = pa.concat_tables(batches)
    found = duckdb.sql(
        """SELECT epoch(timestamp), file__filename, details__installer__name, details__distro__libc__lib, details__ci
        FROM rows ORDER BY ALL"""
    ).fetchall()
    assert SOURCE_SCHEMA == rows.schema
    assert expected == found


def test_schema_of_the_table_is_compared_before_a_query(server: dict[str, str]) -> None:
    """The public table's schema is the contract's; a missing timestamp column is named."""
    assert LocalUpstream(server).check([]) == []
    with pytest.raises(SchemaError, match=r"lacks the column created_at"):
        LocalUpstream(server, timestamp_column="created_at").check([])


def test_missing_table_is_named(server: dict[str, str]) -> None:
    """A table that is not there is one clear error."""
    with pytest.raises(SourceError, match=r"BigQuery found no a-project\.pypi\.nothing"):
        LocalUpstream(server, table="a-project.pypi.nothing").check([])


def test_window_without_rows_yields_none(server: dict[str, str]) -> None:
    """A project that the table does not have is no error of the query's."""
    batches = LocalUpstream(server).read(Window("nobody", date(2026, 5, 1), date(2026, 5, 2)))

    assert sum(batch.num_rows for batch in batches) == 0
