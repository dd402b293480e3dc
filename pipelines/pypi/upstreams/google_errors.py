"""Translates the errors of Google's clients into ours; Google's texts about credentials are not quoted."""

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

from pipelines.errors import BudgetError, CredentialsError, SourceError
from pipelines.pypi.upstreams.google_client import CREDENTIALS_REMEDY, RETRY_REMEDY

_QUOTA_REASONS = {"quotaExceeded", "rateLimitExceeded", "jobRateLimitExceeded"}


@contextmanager
def translate_google_errors(table: str, gcp_project: str) -> Iterator[None]:
    """Translate the clients' errors into ours, about the `table` or about the billed `gcp_project`.

    Raises:
        CredentialsError: the credentials are refused, or lack a permission.
        SourceError: any other failure of BigQuery.

    """
    try:
        yield
    except (GoogleAuthError, GoogleAPICallError, RetryError, RequestException, TimeoutError) as error:
        ours = _translate(error, table, gcp_project)
        # dlt writes all causes of an error into its trace, even with `from None`: our cause keeps Google's text out.
        hidden = isinstance(ours, CredentialsError)
        raise ours from (PermissionError(type(error).__name__) if hidden else error)


def _translate(error: BaseException, table: str, gcp_project: str) -> SourceError | BudgetError:
    if isinstance(error, RetryError) and error.cause:
        return _translate(error.cause, table, gcp_project)
    if isinstance(error, TransportError | RequestException | TimeoutError):
        what = f"BigQuery cannot be reached: {type(error).__name__}."
        return SourceError(what, remedy=f"Check the network. {RETRY_REMEDY}")
    text = " ".join(str(getattr(error, "message", "")).split())
    # gRPC wraps a failed token refresh, including its text, in a separate error.
    if isinstance(error, GoogleAuthError | Unauthorized) or "metadata from plugin" in text:
        what = "Google does not accept the credentials: the key is wrong or deleted, or the login has expired."
        return CredentialsError(what, remedy=f"Create a new key, or log in again. {CREDENTIALS_REMEDY}")
    return _translate_reason(error, text, table, gcp_project)


def _translate_reason(error: BaseException, text: str, table: str, gcp_project: str) -> SourceError | BudgetError:
    reasons = {detail.get("reason") for detail in getattr(error, "errors", []) if isinstance(detail, dict)}
    if reasons & _QUOTA_REASONS or isinstance(error, TooManyRequests):
        what = f"A quota of the Google Cloud project {gcp_project} is used up: {text}"
        return SourceError(what, remedy=f"Wait, or raise the quota in the Google Cloud console. {RETRY_REMEDY}")
    if "responseTooLarge" in reasons:
        what = f"BigQuery refuses to return so many rows at once: {text}"
        return SourceError(what, remedy="Lower `chunk_rows` or `chunk_gib` of [sources.pypi]. The query was billed.")
    if "bytesBilledLimitExceeded" in reasons:
        what = f"A query could bill more than BigQuery's own estimate of it, and was refused: {text}"
        return BudgetError(what, remedy="Nothing of it was read or billed. Run again, which estimates it again.")
    return _translate_refusal(error, text, table, gcp_project)


def _translate_refusal(error: BaseException, text: str, table: str, gcp_project: str) -> SourceError:
    if isinstance(error, Forbidden | NotFound) and f"project {gcp_project}".casefold() in text.casefold():
        what = f"No query can be run and billed in the Google Cloud project {gcp_project}: {text}"
        roles = "the account needs the roles BigQuery Job User and BigQuery Read Session User in it."
        return CredentialsError(what, remedy=f"Check `gcp_project` of [sources.pypi]; {roles}")
    if isinstance(error, Forbidden):
        what = f"The credentials may not query {table}: {text}"
        return CredentialsError(
            what, remedy=f"Grant the account BigQuery Data Viewer on it, or check `table`. {CREDENTIALS_REMEDY}"
        )
    # Over gRPC, NotFound means that a stream is gone, as after a restart of the server, and not the table.
    if isinstance(error, NotFound) and not isinstance(error.response, RpcError):
        what = f"BigQuery found no {table}: {text}"
        return SourceError(what, remedy="Check `table` and `gcp_project` of [sources.pypi].")
    return SourceError(f"BigQuery failed on {table}: {text}", remedy=RETRY_REMEDY)
