"""Downloads from BigQuery: one parametrised query a window, read as Arrow through the Storage Read API."""

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import date, datetime
from functools import cached_property
from typing import cast
from uuid import uuid4

import pyarrow as pa
from google.api_core.exceptions import Conflict, GoogleAPICallError, NotFound, RetryError
from google.api_core.retry import Retry
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY, DEFAULT_RETRY
from google.cloud.bigquery_storage_v1.types import DataFormat, ReadSession
from requests.exceptions import RequestException
from sqlglot import exp

from pipelines.errors import SettingsError, SourceError
from pipelines.pypi.billed_queries import Bill, BilledQuery, Ledger, NoLedger, Probe, Purpose, bytes_to_bill
from pipelines.pypi.columns import GRAINS
from pipelines.pypi.files import FileDay
from pipelines.pypi.query import END, PROJECT, START, count_window, downloads_query
from pipelines.pypi.settings import Settings
from pipelines.pypi.upstreams.google_client import (
    MAX_RETRY_DELAY,
    DeadlineReadClient,
    DeadlineSession,
    NoReadSessionsError,
    find_credentials,
    with_read_timeout,
)
from pipelines.pypi.upstreams.google_errors import translate_google_errors
from pipelines.pypi.upstreams.schema import lacking_fields, unknown_fields
from pipelines.pypi.windows import Window

LABELS = {"application": "duckdb-evidence-insights"}
MAX_QUEUED_PAGES = 8
_BY_REST = "The Storage Read API is not to be had, so rows are read by REST, some hundred times slower"
_FASTER = (
    "Turn on bigquerystorage.googleapis.com, link a billing account, and grant the role BigQuery Read Session User."
)
Result = tuple[bigquery.QueryJob, bigquery.table.RowIterator]
_NO_ANSWER = (GoogleAPICallError, RetryError, GoogleAuthError, RequestException, SourceError)
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
        self._estimates: dict[tuple[Purpose, Window], int] = {}
        self._unread: dict[Window, Result] = {}
        self.remarks: Sequence[str] = ()

    @property
    def time(self) -> datetime | None:
        """BigQuery's clock, by its latest answer."""
        with self._requests():
            _ = self._table_metadata
        return self._session.server_time

    def check(self, projects: Sequence[str], known: Collection[FileDay] = ()) -> list[str]:
        """Compare the schemas; `projects` are not looked up, because that would take a billed query."""
        del projects, known
        present = dict(_flatten(self._table_metadata.schema))
        remedy = "Check `table` and `timestamp_column` of [sources.pypi]."
        return unknown_fields([(self.table, present)], self._settings.timestamp_column, _fits, remedy=remedy)

    def file_days(self, project: str) -> Mapping[FileDay, date | None]:
        """Nothing: a table has no files."""
        del project
        return {}

    def available_until(self, project: str, end: date | None) -> date | None:
        """`None`: the table is still being filled, so its clock and `settle_days` decide."""
        del project, end
        return None

    def count_without_day(self, project: str) -> int:
        """0: the table declares its timestamp as required."""
        del project
        return 0

    def estimate(self, window: Window) -> int:
        return 0 if window in self._unread else self._estimate("read", window)

    def estimate_probe(self, window: Window) -> int:
        return self._estimate("probe", window)

    def probe(self, window: Window) -> Probe:
        job, rows = self._query("probe", window)
        return self._counted(job, rows, window)

    def count_days(self, project: str, start: date, end: date) -> Mapping[date, int]:
        """Empty: counting is billed."""
        del project, start, end
        return {}

    def read(self, window: Window) -> Generator[pa.Table, None, None]:
        job, rows = self._unread.pop(window) if window in self._unread else self._query("read", window)
        with (
            self._settled(job, rows.total_rows or 0),
            translate_google_errors(self.table, self._client.project),
            closing(self._pages(job, rows)) as pages,
        ):
            for page in pages:
                if page.num_columns:
                    yield pa.Table.from_batches([page]).cast(GRAINS[window.grain].source_schema)

    def _pages(self, job: bigquery.QueryJob, rows: bigquery.table.RowIterator) -> Generator[pa.RecordBatch, None, None]:
        """The rows through the Storage Read API, or by REST where it is not to be had."""
        if not self.remarks:
            try:
                yield from self._stored_pages(rows)
            except NoReadSessionsError as refusal:
                self.remarks = (_by_rest(refusal),)
                # The first iterator has been started.
                with self._requests():
                    rows = job.result(retry=self._retry, job_retry=None)
            else:
                return
        self._session.start_clock()
        for page in rows.to_arrow_iterable():
            yield page
            self._session.start_clock()

    def _stored_pages(self, rows: bigquery.table.RowIterator) -> Generator[pa.RecordBatch, None, None]:
        storage = self._open_storage()
        # No `timeout`: it would limit the whole download.
        pages = rows.to_arrow_iterable(bqstorage_client=storage, max_queue_size=MAX_QUEUED_PAGES)
        with (
            closing(cast("Generator[pa.RecordBatch, None, None]", pages)),
            # Closed before the pages, whose threads may wait for rows.
            closing(storage.transport),
        ):
            yield from with_read_timeout(pages, self._settings.read_timeout, storage.transport.close)

    def try_read_session(self) -> str | None:
        """Open a session of the Storage Read API, which is free; the remark where it is not to be had."""
        table = bigquery.TableReference.from_string(self.table)
        session = ReadSession(table=table.to_bqstorage(), data_format=DataFormat.ARROW)
        session.read_options.selected_fields.append("project")
        storage = self._open_storage()
        try:
            with translate_google_errors(self.table, self._client.project), closing(storage.transport):
                storage.create_read_session(
                    parent=f"projects/{self._client.project}", read_session=session, max_stream_count=1
                )
        except NoReadSessionsError as refusal:
            return _by_rest(refusal)
        return None

    def settle_open_queries(self) -> Sequence[Window]:
        for query in self._ledger.unread_queries():
            result = self._find_result(query)
            if not result:
                self._settle_failed(query)
                continue
            job, rows = result
            if query.purpose == "probe":
                self._counted(job, rows, query.window)
            else:
                self._ledger.settle(job.job_id, "failed", _bill(job))
                self._unread[query.window] = result
        return list(self._unread)

    def _estimate(self, purpose: Purpose, window: Window) -> int:
        if (purpose, window) not in self._estimates:
            config = self._job_config(window)
            config.dry_run, config.use_query_cache = True, False
            with self._requests() as client:
                job = client.query(self._sql(purpose, window.grain), job_config=config, retry=self._retry)
            self._estimates[purpose, window] = bytes_to_bill(job.total_bytes_processed)
        return self._estimates[purpose, window]

    def _find_result(self, query: BilledQuery) -> Result | None:
        """The result of an earlier query, which may be running still; `None` if there is none, or of other columns."""
        with suppress(*_NO_ANSWER):
            job = self._find_job(query)
            if job.query == self._sql(query.purpose, query.window.grain):
                return job, job.result(retry=self._retry, job_retry=None)
        return None

    def _query(self, purpose: Purpose, window: Window) -> Result:
        """Run the window's query to its end, without reading its rows."""
        estimate = self._estimate(purpose, window)
        # Not the client's own restart: each job must be in the ledger before it is sent.
        restart = DEFAULT_JOB_RETRY.with_timeout(self._settings.query_timeout).with_delay(maximum=MAX_RETRY_DELAY)
        with self._requests() as client:
            return restart(self._run_job)(client, purpose, window, estimate)

    def _counted(self, job: bigquery.QueryJob, rows: bigquery.table.RowIterator, window: Window) -> Probe:
        """The result of a probe, recorded."""
        with self._requests():
            [(count,)] = rows
        bill = _bill(job)
        self._ledger.settle(job.job_id, "done", bill, rows=count)
        # Processed, not billed: the least that is billed would make a small project look a hundred times larger.
        return Probe(window, count, min(1, bill.processed / self._estimate("probe", window)))

    def _run_job(self, client: bigquery.Client, purpose: Purpose, window: Window, estimate: int) -> Result:
        config = self._job_config(window)
        config.maximum_bytes_billed = estimate
        config.job_timeout_ms = self._settings.query_timeout * 1000
        location = self._table_metadata.location
        query = BilledQuery(f"insights_{uuid4().hex}", client.project, location, window, estimate, purpose)
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
                self._sql(query.purpose, query.window.grain),
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
        """Record the job's bill at the end: as read if all its `rows` were read, else as failed."""
        try:
            yield
        except BaseException:
            self._ledger.settle(job.job_id, "failed", _bill(job))
            raise
        self._ledger.settle(job.job_id, "read", _bill(job), rows=rows)

    def _settle_failed(self, query: BilledQuery) -> bigquery.QueryJob | None:
        """Record the bill of a query that failed, or cancel it if it is still running.

        If BigQuery does not answer, the entry stays open, at its estimate.
        """
        with suppress(*_NO_ANSWER):
            try:
                job = self._find_job(query)
            except NotFound:
                self._ledger.settle(query.job_id, "failed", Bill())
                return None
            if job.state == "DONE":
                self._ledger.settle(query.job_id, "failed", _bill(job))
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
        self._session.start_clock()
        with translate_google_errors(self.table, client.project):
            yield client

    @cached_property
    def _client(self) -> bigquery.Client:
        credentials, default_project = find_credentials()
        gcp_project = self._settings.gcp_project or default_project
        if not gcp_project:
            what = "No Google Cloud project to bill: neither the settings nor the credentials name one."
            raise SettingsError(what, remedy="Set `gcp_project` under [sources.pypi], or SOURCES__PYPI__GCP_PROJECT.")
        self._session = DeadlineSession(credentials, self._settings.query_timeout)
        return bigquery.Client(gcp_project, credentials, _http=self._session)

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

    def _sql(self, purpose: Purpose, grain: str) -> str:
        source, column = exp.to_table(self.table, dialect="bigquery"), self._settings.timestamp_column
        if purpose == "probe":
            return count_window(source, column).sql("bigquery", identify=True)
        lacking = lacking_fields(dict(_flatten(self._table_metadata.schema)))
        return downloads_query(grain, source, column, lacking).sql("bigquery", identify=True)

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


def _by_rest(refusal: NoReadSessionsError) -> str:
    return (
        f"The Storage Read API is not to be had ({refusal}), so rows are read by REST, some hundred times slower. To "
        "have it, turn on bigquerystorage.googleapis.com, link a billing account, and grant BigQuery Read Session User."
    )


def _bill(job: bigquery.QueryJob) -> Bill:
    return Bill(job.total_bytes_processed or 0, job.total_bytes_billed or 0)


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
