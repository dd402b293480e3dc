"""Turns the errors of Google's clients into ours. No text of theirs about credentials is repeated."""

from collections.abc import Iterator
from contextlib import contextmanager

from google.api_core.exceptions import (
    Forbidden,
    GoogleAPICallError,
    NotFound,
    RetryError,
    TooManyRequests,
    Unauthorized,
)
from google.auth.exceptions import GoogleAuthError, TransportError
from grpc import RpcError
from requests.exceptions import RequestException

from pipelines.errors import CredentialsError, SourceError
from pipelines.pypi.upstreams.google_client import REMEDY

_QUOTA_REASONS = {"quotaExceeded", "rateLimitExceeded", "jobRateLimitExceeded"}
_AGAIN = "Nothing was loaded; run again, the same window is read again."


@contextmanager
def translate_google_errors(table: str, gcp_project: str) -> Iterator[None]:
    """Errors of the clients within become ours: about the `table`, or about the project that is billed.

    Raises:
        CredentialsError: they are refused, or lack a permission.
        SourceError: anything else that BigQuery cannot or will not do.

    """
    try:
        yield
    except (GoogleAuthError, GoogleAPICallError, RetryError, RequestException, TimeoutError) as error:
        ours = _translate(error, table, gcp_project)
        # dlt writes chains of errors into its trace, `from None` or not: a cause of ours cuts off a refusal's text.
        hidden = isinstance(ours, CredentialsError)
        raise ours from (PermissionError(type(error).__name__) if hidden else error)


def _translate(error: BaseException, table: str, gcp_project: str) -> SourceError:
    if isinstance(error, RetryError) and error.cause:
        return _translate(error.cause, table, gcp_project)
    if isinstance(error, TransportError | RequestException | TimeoutError):
        what = f"BigQuery cannot be reached: {type(error).__name__}."
        return SourceError(what, remedy=f"Is the network up? {_AGAIN}")
    text = " ".join(str(getattr(error, "message", "")).split())
    # gRPC wraps a refresh that failed in an error of its own, text and all.
    if isinstance(error, GoogleAuthError | Unauthorized) or "metadata from plugin" in text:
        what = "Google does not accept the credentials: a key that is wrong or deleted, or a login that has expired."
        return CredentialsError(what, remedy=f"Make a new key, or log in again. {REMEDY}")
    reasons = {detail.get("reason") for detail in getattr(error, "errors", []) if isinstance(detail, dict)}
    if reasons & _QUOTA_REASONS or isinstance(error, TooManyRequests):
        what = f"A quota of the Google Cloud project {gcp_project} is used up: {text}"
        return SourceError(what, remedy=f"Wait, or raise the quota in the Google Cloud console. {_AGAIN}")
    if "bytesBilledLimitExceeded" in reasons:
        what = f"The query would bill more than `budget_per_run` allows: {text}"
        return SourceError(what, remedy="Load fewer days or projects at once, or raise the setting.")
    return _translate_refusal(error, text, table, gcp_project)


def _translate_refusal(error: BaseException, text: str, table: str, gcp_project: str) -> SourceError:
    if isinstance(error, Forbidden | NotFound) and f"project {gcp_project}".casefold() in text.casefold():
        what = f"No query can be run and billed in the Google Cloud project {gcp_project}: {text}"
        roles = "the account needs the roles BigQuery Job User and BigQuery Read Session User in it."
        return CredentialsError(what, remedy=f"Check `gcp_project` of [sources.pypi]; {roles}")
    if isinstance(error, Forbidden):
        what = f"The credentials may not query {table}: {text}"
        return CredentialsError(
            what, remedy=f"Grant the account BigQuery Data Viewer on it, or check `table`. {REMEDY}"
        )
    # By gRPC it is a stream that is gone, as after the server's restart, not the table.
    if isinstance(error, NotFound) and not isinstance(error.response, RpcError):
        what = f"BigQuery found no {table}: {text}"
        return SourceError(what, remedy="Check `table` and `gcp_project` of [sources.pypi].")
    return SourceError(f"BigQuery failed on {table}: {text}", remedy=_AGAIN)
