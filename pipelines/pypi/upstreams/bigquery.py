"""Downloads from BigQuery: one parametrised query a window, read as Arrow through the Storage Read API."""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import date
from functools import cached_property
from math import ceil
from typing import cast
from uuid import uuid4

import pyarrow as pa
from google.api_core.exceptions import Conflict, GoogleAPICallError, NotFound, RetryError
from google.api_core.retry import Retry
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY, DEFAULT_RETRY
from requests.exceptions import RequestException
from sqlglot import exp

from pipelines.errors import SettingsError, SourceError
from pipelines.pypi.billed_queries import BilledQuery, Ledger, NoLedger
from pipelines.pypi.columns import GRAINS
from pipelines.pypi.query import END, PROJECT, START, downloads_query
from pipelines.pypi.settings import Settings
from pipelines.pypi.upstreams.google_client import (
    MAX_RETRY_DELAY,
    DeadlineReadClient,
    DeadlineSession,
    find_credentials,
    with_read_timeout,
)
from pipelines.pypi.upstreams.google_errors import translate_google_errors
from pipelines.pypi.upstreams.schema import unknown_fields
from pipelines.pypi.windows import Window

LABELS = {"application": "duckdb-evidence-insights"}
MEBIBYTE = 2**20
MIN_BYTES_BILLED = 10 * MEBIBYTE
"""The bytes that any query bills at least; above them, whole mebibytes (https://cloud.google.com/bigquery/pricing)."""
MAX_QUEUED_PAGES = 8
_BIGQUERY_TYPES = {
    pa.string(): {"STRING"},
    pa.bool_(): {"BOOLEAN", "BOOL"},
    pa.timestamp("us", tz="UTC"): {"TIMESTAMP"},
}


class BigQueryUpstream:
    """Reads the table of the settings: the public table, or one with its schema."""

    origin = "bigquery"

    def __init__(self, settings: Settings, ledger: Ledger | None = None) -> None:
        self.table = settings.table
        self._settings = settings
        self._ledger = ledger or NoLedger()
        self._estimates: dict[Window, int] = {}
        self._unread: dict[Window, bigquery.QueryJob] = {}

    def check(self, projects: list[str]) -> list[str]:
        """Compare the schemas; `projects` are not looked up, because that would take a billed query."""
        del projects
        present = dict(_flatten(self._table_metadata.schema))
        remedy = "Check `table` and `timestamp_column` of [sources.pypi]."
        return unknown_fields([(self.table, present)], self._settings.timestamp_column, _fits, remedy=remedy)

    def available_until(self) -> date | None:
        """`None`: the table is still being filled, so the clock and `settle_days` decide."""
        return None

    def count_without_timestamp(self, project: str) -> int:
        """0: the table declares its timestamp as required."""
        del project
        return 0

    def estimate(self, window: Window) -> int:
        if window not in self._estimates:
            config = self._job_config(window)
            config.dry_run, config.use_query_cache = True, False
            with self._requests() as client:
                job = client.query(self._sql(window.grain), job_config=config, retry=self._retry)
            mebibytes = ceil(job.total_bytes_processed / MEBIBYTE)
            self._estimates[window] = max(MIN_BYTES_BILLED, mebibytes * MEBIBYTE)
        return self._estimates[window]

    def read(self, window: Window) -> Generator[pa.Table, None, None]:
        job, rows = self._query(window)
        storage = self._open_storage()
        # No `timeout`: it would limit the whole download.
        pages = rows.to_arrow_iterable(bqstorage_client=storage, max_queue_size=MAX_QUEUED_PAGES)
        with (
            self._settled(job, rows.total_rows or 0),
            translate_google_errors(self.table, self._client.project),
            closing(cast("Generator[pa.RecordBatch, None, None]", pages)),
            # Closed before the pages, whose threads may wait for rows.
            closing(storage.transport),
        ):
            for page in with_read_timeout(pages, self._settings.read_timeout, storage.transport.close):
                if page.num_columns:
                    yield pa.Table.from_batches([page]).cast(GRAINS[window.grain].source_schema)

    def settle_open_queries(self) -> None:
        for query in self._ledger.unread_queries():
            job = self._settle_failed(query)
            if job and job.state == "DONE" and not job.error_result:
                for grain in GRAINS:
                    if job.query == self._sql(grain):
                        window = replace(query.window, grain=grain)
                        self._unread[window] = job
                        self._estimates[window] = 0

    def _query(self, window: Window) -> tuple[bigquery.QueryJob, bigquery.table.RowIterator]:
        """Run the window's query to its end, without reading its rows."""
        if job := self._unread.pop(window, None):
            del self._estimates[window]
            with self._requests(), suppress(NotFound):
                return job, job.result(retry=self._retry, job_retry=None)
        estimate = self.estimate(window)
        # Not the client's own restart: each job must be in the ledger before it is sent.
        restart = DEFAULT_JOB_RETRY.with_timeout(self._settings.query_timeout).with_delay(maximum=MAX_RETRY_DELAY)
        with self._requests() as client:
            return restart(self._run_job)(client, window, estimate)

    def _run_job(
        self, client: bigquery.Client, window: Window, estimate: int
    ) -> tuple[bigquery.QueryJob, bigquery.table.RowIterator]:
        config = self._job_config(window)
        if self._settings.budget_bytes is not None:
            config.maximum_bytes_billed = self._settings.budget_bytes
        config.job_timeout_ms = self._settings.query_timeout * 1000
        location = self._table_metadata.location
        query = BilledQuery(f"insights_{uuid4().hex}", client.project, location, window, estimate)
        self._ledger.begin(query)
        try:
            job = self._send(client, query, config)
            return job, job.result(retry=self._retry, job_retry=None)
        except BaseException:
            self._settle_failed(query)
            raise

    def _send(self, client: bigquery.Client, query: BilledQuery, config: bigquery.QueryJobConfig) -> bigquery.QueryJob:
        try:
            return client.query(
                self._sql(query.window.grain),
                job_config=config,
                job_id=query.job_id,
                location=query.location,
                retry=self._retry,
                job_retry=None,
            )
        except Conflict:
            # The client repeated a request whose first answer was lost.
            return self._find_job(query)

    @contextmanager
    def _settled(self, job: bigquery.QueryJob, rows: int) -> Iterator[None]:
        """Record the job's bill at the end: as done if all its `rows` were read, else as failed."""
        billed = job.total_bytes_billed or 0
        try:
            yield
        except BaseException:
            self._ledger.settle(job.job_id, "failed", bytes_billed=billed)
            raise
        self._ledger.settle(job.job_id, "done", bytes_billed=billed, rows=rows)

    def _settle_failed(self, query: BilledQuery) -> bigquery.QueryJob | None:
        """Record the bill of a query that failed, or cancel it if it is still running.

        If BigQuery does not answer, the entry stays open, at its estimate.
        """
        with suppress(GoogleAPICallError, RetryError, GoogleAuthError, RequestException, SourceError):
            try:
                job = self._find_job(query)
            except NotFound:
                self._ledger.settle(query.job_id, "failed", bytes_billed=0)
                return None
            if job.state == "DONE":
                self._ledger.settle(query.job_id, "failed", bytes_billed=job.total_bytes_billed or 0)
            else:
                job.cancel(retry=self._retry)
            return job
        return None

    def _find_job(self, query: BilledQuery) -> bigquery.QueryJob:
        job = self._client.get_job(query.job_id, query.gcp_project, query.location, self._retry)
        return cast("bigquery.QueryJob", job)

    @contextmanager
    def _requests(self) -> Iterator[bigquery.Client]:
        """The client, for requests that must end within `query_timeout`."""
        client = self._client
        client._http.start_clock()  # noqa: SLF001 - our `DeadlineSession`, see `_client`
        with translate_google_errors(self.table, client.project):
            yield client

    @cached_property
    def _client(self) -> bigquery.Client:
        credentials, default_project = find_credentials()
        gcp_project = self._settings.gcp_project or default_project
        if not gcp_project:
            what = "No Google Cloud project to bill: neither the settings nor the credentials name one."
            raise SettingsError(what, remedy="Set `gcp_project` under [sources.pypi], or SOURCES__PYPI__GCP_PROJECT.")
        session = DeadlineSession(credentials, self._settings.query_timeout)
        return bigquery.Client(gcp_project, credentials, _http=session)

    @cached_property
    def _table_metadata(self) -> bigquery.Table:
        """The table's schema and location; BigQuery finds a job only by its location."""
        with self._requests() as client:
            return client.get_table(self.table, retry=self._retry)

    def _open_storage(self) -> DeadlineReadClient:
        credentials = self._client._credentials  # noqa: SLF001 - the client offers no other way to share them
        return DeadlineReadClient(credentials, self._settings.read_timeout)

    @property
    def _retry(self) -> Retry:
        return DEFAULT_RETRY.with_timeout(self._settings.query_timeout).with_delay(maximum=MAX_RETRY_DELAY)

    def _sql(self, grain: str) -> str:
        source = exp.to_table(self.table, dialect="bigquery")
        return downloads_query(grain, source, self._settings.timestamp_column).sql("bigquery", identify=True)

    def _job_config(self, window: Window) -> bigquery.QueryJobConfig:
        start, end = window.bounds
        return bigquery.QueryJobConfig(
            query_parameters=[
                bigquery.ScalarQueryParameter(PROJECT, "STRING", window.project),
                bigquery.ScalarQueryParameter(START, "TIMESTAMP", start),
                bigquery.ScalarQueryParameter(END, "TIMESTAMP", end),
            ],
            labels=LABELS,
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
    return found in _BIGQUERY_TYPES[wanted]
