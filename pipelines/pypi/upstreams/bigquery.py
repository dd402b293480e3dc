"""Downloads from BigQuery: one parametrised query a window, read as Arrow through the Storage Read API."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from functools import cached_property

import pyarrow as pa
from google.api_core.exceptions import (
    Forbidden,
    GoogleAPICallError,
    NotFound,
    Unauthorized,
)
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryReadClient
from sqlglot import exp

from pipelines.errors import CredentialsError, SettingsError, SourceError
from pipelines.pypi.columns import SOURCE_SCHEMA
from pipelines.pypi.query import END, PROJECT, START, select_downloads
from pipelines.pypi.upstreams.schema import unknown_fields
from pipelines.pypi.windows import Window

LABELS = {"application": "duckdb-evidence-insights"}
READ_TIMEOUT = 60.0
"""Seconds to open a read session: without a limit of its own, the client opens one with no retry at all."""
MAX_QUEUED_PAGES = 8
_TYPES = {
    pa.string(): {"STRING"},
    pa.bool_(): {"BOOLEAN", "BOOL"},
    pa.timestamp("us", tz="UTC"): {"TIMESTAMP"},
}
_REMEDY = (
    "Run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to a service account's key "
    "file with the roles BigQuery Job User and BigQuery Read Session User; docs/settings.md tells how."
)


class BigQueryUpstream:
    """The public table, or one with its schema; `gcp_project` is the Google Cloud project that is billed."""

    origin = "bigquery"

    def __init__(
        self, table: str, timestamp_column: str, *, gcp_project: str | None, maximum_bytes_billed: int
    ) -> None:
        self.table = table
        self.timestamp_column = timestamp_column
        self.gcp_project = gcp_project
        self.maximum_bytes_billed = maximum_bytes_billed

    def check(self, projects: list[str]) -> list[str]:
        """Compare the schemas; which projects exist only a billed query could tell, so `projects` is not looked up."""
        del projects
        with _translated(self.table):
            present = dict(_flatten(self._client.get_table(self.table).schema))
        remedy = "Check `table` and `timestamp_column` of [sources.pypi]."
        return unknown_fields([(self.table, present)], self.timestamp_column, _fits, remedy=remedy)

    def available_until(self) -> date | None:
        """`None`: the table is alive, so the clock and `settle_days` decide."""
        return None

    def count_untimed(self, project: str) -> int:
        """0: the table declares its timestamp as required."""
        del project
        return 0

    def read(self, window: Window) -> Iterator[pa.Table]:
        with _translated(self.table):
            job = self._client.query(self._sql, job_config=self._job_config(*window.bounds, window.project))
            batches = job.result().to_arrow_iterable(
                bqstorage_client=self._storage,
                max_queue_size=MAX_QUEUED_PAGES,
                timeout=READ_TIMEOUT,
            )
            for batch in batches:
                if batch.num_columns:
                    yield pa.Table.from_batches([batch]).cast(SOURCE_SCHEMA)

    @cached_property
    def _client(self) -> bigquery.Client:
        try:
            return bigquery.Client(project=self.gcp_project)
        except OSError as error:
            what = "No Google Cloud project is named, and the credentials name none: somebody has to be billed."
            raise SettingsError(
                what, remedy="Set `gcp_project` under [sources.pypi], or SOURCES__PYPI__GCP_PROJECT."
            ) from error

    @cached_property
    def _storage(self) -> BigQueryReadClient:
        credentials = self._client._credentials  # noqa: SLF001 - the client offers no other way to share them
        return BigQueryReadClient(credentials=credentials)  # type: ignore[no-untyped-call]  # the library's

    @property
    def _sql(self) -> str:
        source = exp.to_table(self.table, dialect="bigquery")
        return select_downloads(source, self.timestamp_column).sql("bigquery", identify=True)

    def _job_config(self, start: datetime, end: datetime, project: str) -> bigquery.QueryJobConfig:
        return bigquery.QueryJobConfig(
            query_parameters=[
                bigquery.ScalarQueryParameter(PROJECT, "STRING", project),
                bigquery.ScalarQueryParameter(START, "TIMESTAMP", start),
                bigquery.ScalarQueryParameter(END, "TIMESTAMP", end),
            ],
            labels=LABELS,
            maximum_bytes_billed=self.maximum_bytes_billed,
        )


def _flatten(fields: list[bigquery.SchemaField], prefix: str = "") -> Iterator[tuple[str, str]]:
    for field in fields:
        if field.mode == "REPEATED":
            yield prefix + field.name, f"ARRAY<{field.field_type}>"
        elif field.fields:
            yield from _flatten(list(field.fields), f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, field.field_type


def _fits(found: str, wanted: pa.DataType) -> bool:
    return found in _TYPES[wanted]


@contextmanager
def _translated(table: str) -> Iterator[None]:
    """Turns the client's errors into ours; their texts name jobs and tables, never a credential."""
    try:
        yield
    except (GoogleAuthError, Unauthorized) as error:
        what = f"BigQuery was chosen and no valid Google Cloud credentials were found: {type(error).__name__}."
        raise CredentialsError(what, remedy=_REMEDY) from error
    except Forbidden as error:
        what = f"The credentials may not query {table}: {error.message}"
        raise CredentialsError(what, remedy=_REMEDY) from error
    except NotFound as error:
        what = f"BigQuery found no {table}: {error.message}"
        raise SourceError(what, remedy="Check `table` and `gcp_project` of [sources.pypi].") from error
    except GoogleAPICallError as error:
        if any(detail.get("reason") == "bytesBilledLimitExceeded" for detail in error.errors):
            what = f"The query would bill more than `maximum_bytes_billed`: {error.message}"
            raise SourceError(what, remedy="Load fewer days or projects at once, or raise the setting.") from error
        what = f"BigQuery failed on {table}: {error.message}"
        raise SourceError(what, remedy="Nothing was loaded; run again, the same window is read anew.") from error
