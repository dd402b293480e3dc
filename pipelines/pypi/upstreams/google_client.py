"""Google's clients, with credentials that are checked at once, and with deadlines."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from threading import Timer
from time import monotonic
from typing import Any, TypeVar

import google.auth
from google.api_core.exceptions import (
    Forbidden,
    InternalServerError,
    MethodNotImplemented,
    ServiceUnavailable,
    from_http_response,
)
from google.api_core.retry import Retry
from google.auth.credentials import Credentials
from google.auth.environment_vars import CREDENTIALS
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from google.cloud.bigquery import Client
from google.cloud.bigquery_storage_v1 import BigQueryReadClient
from requests import Response, Timeout

from pipelines.errors import CredentialsError, SourceError

CREDENTIALS_REMEDY = (
    "Run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to a service account's key "
    "file with the roles BigQuery Job User and BigQuery Read Session User; docs/settings.md shows how."
)
RETRY_REMEDY = "None of these days was loaded: run again, and they are read again."
MAX_RETRY_DELAY = 10.0
"""The most seconds between two attempts; Google's default of 60 is too coarse for a deadline."""

Item = TypeVar("Item")


def find_credentials() -> tuple[Credentials, str | None]:
    """The application default credentials, and the Google Cloud project that they name.

    Raises:
        CredentialsError: there are none, or they are malformed. Its text quotes neither them nor the variable,
            because people put the key itself there.

    """
    try:
        return google.auth.default(scopes=Client.SCOPE)
    except (GoogleAuthError, OSError, ValueError, AttributeError):
        file = os.environ.get(CREDENTIALS)
    if not file:
        why = "none can be found, or gcloud's cannot be read"
    elif os.path.isfile(file):  # noqa: PTH113 - pathlib raises for text that cannot be a path
        why = f"the file that {CREDENTIALS} names is not a Google key, or is damaged"
    else:
        why = f"{CREDENTIALS} does not name a file that exists"
    raise CredentialsError(f"BigQuery was chosen and needs Google Cloud credentials: {why}.", remedy=CREDENTIALS_REMEDY)


class DeadlineSession(AuthorizedSession):
    """Ends all requests by one deadline; the client's own timeouts are minutes, or none."""

    def __init__(self, credentials: Credentials, seconds: int) -> None:
        super().__init__(credentials)  # type: ignore[no-untyped-call]  # the library's
        self._seconds = seconds
        self.server_time: datetime | None = None
        """When the server sent its latest answer, by its own clock; `None` if it does not say."""
        self.start_clock()

    def start_clock(self) -> None:
        """Start the deadline: the requests that follow must end within its seconds."""
        self._deadline = monotonic() + self._seconds
        self._last_failure = ""

    def request(self, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401 - passed on
        left = self._deadline - monotonic()
        if left <= 0:
            raise self._deadline_error()
        limit = kwargs.get("timeout") or left
        try:
            response: Response = super().request(*args, **kwargs | {"timeout": min(limit, left)})  # type: ignore[no-untyped-call]  # the library's
        except Timeout as timeout:
            if limit < left:
                raise
            raise self._deadline_error() from timeout
        with suppress(KeyError, ValueError):
            self.server_time = parsedate_to_datetime(response.headers["Date"])
        if not response.ok:
            error = from_http_response(response)  # type: ignore[no-untyped-call]  # as above
            self._last_failure = f"Its last answer was: {error.message}"
        return response

    def _deadline_error(self) -> SourceError:
        what = f"BigQuery did not answer within `query_timeout` ({self._seconds} s). {self._last_failure}".rstrip()
        return SourceError(what, remedy="Run again later, load fewer days at once, or raise `query_timeout`.")


def _is_transient(error: BaseException) -> bool:
    """Whether to call again; gRPC reports a broken connection as an internal error."""
    return isinstance(error, ServiceUnavailable) or (
        isinstance(error, InternalServerError) and "RST_STREAM" in str(error)
    )


class NoReadSessionsError(Exception):
    """The Storage Read API is not to be had: not turned on, not for an account without billing, or not permitted."""


class DeadlineReadClient(BigQueryReadClient):
    """Retries opening a session and resuming a stream for `seconds`; Google's defaults are never and a day."""

    def __init__(self, credentials: Credentials, seconds: int) -> None:
        super().__init__(credentials=credentials)  # type: ignore[no-untyped-call]  # the library's
        self._seconds = seconds
        self._retry = Retry(_is_transient, initial=0.1, maximum=MAX_RETRY_DELAY, timeout=float(seconds))

    def create_read_session(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the library's
        try:
            return super().create_read_session(
                *args, **kwargs | {"retry": self._retry, "timeout": float(self._seconds)}
            )
        except (Forbidden, MethodNotImplemented) as refusal:
            raise NoReadSessionsError(" ".join(str(refusal.message).split())) from refusal

    def read_rows(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the library's
        # No `timeout`: it would limit the whole stream, however fast the rows come.
        return super().read_rows(*args, **kwargs | {"retry": self._retry})  # type: ignore[no-untyped-call]


def with_read_timeout(items: Iterator[Item], seconds: int, stop: Callable[[], None]) -> Iterator[Item]:
    """Yield the items, with a time limit for each; `stop` must make a hanging `next` fail.

    Raises:
        SourceError: the next item did not come within `seconds`.

    """
    late = False

    def give_up() -> None:
        nonlocal late
        late = True
        stop()

    while True:
        timer = Timer(seconds, give_up)
        timer.daemon = True
        timer.start()
        try:
            item = next(items, None)
        except Exception as error:
            if not late:
                raise
            what = f"BigQuery sent no rows for `read_timeout` ({seconds} s)."
            raise SourceError(what, remedy=RETRY_REMEDY) from error
        finally:
            timer.cancel()
        if item is None:
            return
        yield item
