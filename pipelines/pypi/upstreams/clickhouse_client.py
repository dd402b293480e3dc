"""ClickHouse's HTTP interface: a query's whole answer as Arrow, or an error; never a part."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic, sleep

import pyarrow as pa
from dlt.sources.helpers.requests import (
    Client,
    ConnectTimeout,
    ReadTimeout,
    RequestException,
    Response,
)
from requests import codes
from requests.exceptions import ProxyError, SSLError

from pipelines.errors import CredentialsError, SchemaError, SourceError, causes
from pipelines.pypi import USER_AGENT
from pipelines.pypi.clickpy_settings import ClickpySettings

OVERFLOW_MODES = ("read_overflow_mode", "result_overflow_mode", "group_by_overflow_mode", "timeout_overflow_mode")
"""What the server does at a limit; by its default it answers in part, with status 200."""
SETTINGS = {
    **dict.fromkeys(OVERFLOW_MODES, "throw"),
    # Otherwise an error after the first rows comes with status 200, as text within the rows.
    "wait_end_of_query": "1",
    "default_format": "ArrowStream",
    "output_format_arrow_string_as_string": "1",
    "output_format_arrow_low_cardinality_as_dictionary": "0",
}
ATTEMPTS = 3
RETRIED = {429, 502, 503, 504}
REMEDY = "Nothing of these days was loaded; run again, and they are read again."
_URL_REMEDY = "Check `url` of [sources.pypi.clickpy]."
OTHER_SCHEMA_REMEDY = "The copy may have changed. Load from BigQuery meanwhile, and report it."
_MAX_TEXT = 300
_CODE_HEADER = "X-ClickHouse-Exception-Code"
_EXCEPTION = re.compile(rb"Code: (\d+)[.,] .*?DB::Exception")
_END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"
# https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp
_TOO_LARGE = {
    158: "rows read",
    307: "bytes read",
    396: "rows of a result",
    159: "seconds",
    160: "seconds",
    241: "memory",
}
_QUOTA = {201, 202}
_REFUSED_USER = {192, 193, 194, 516}
_REFUSED_SETTING = {164, 452}
_REFUSED_TABLE = {60, 81, 497}
_OTHER_SCHEMA = {16, 36, 43, 47, 53}


class TooLargeError(SourceError):
    """The query exceeds a limit of the server; a query for less may not."""


@dataclass(frozen=True)
class Server:
    """What the server says of itself: its time, and the rows that an answer may have; 0 for any number."""

    time: datetime
    max_result_rows: int


class ClickHouseClient:
    """Sends queries in series, with a pause between them, and no more than `max_queries`."""

    def __init__(self, settings: ClickpySettings) -> None:
        self._settings = settings
        self._sent = 0
        self._ended = float("-inf")
        self._http = Client(
            request_timeout=(settings.connect_timeout, settings.timeout),
            raise_for_status=False,
            status_codes=(),
            retry_condition=_is_transient,
            request_max_attempts=ATTEMPTS,
            request_backoff_factor=0.5,
            request_max_retry_delay=10,
        )

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> pa.Table:
        """The whole result; `parameters` are those of the query's text, as `{name:Type}`.

        Raises:
            TooLargeError: the query exceeds a limit of the server.
            CredentialsError: the server refuses the user.
            SchemaError: a column that the query names is missing, or has another type.
            SourceError: the server cannot be reached, has failed, or has answered in part.

        """
        if self._sent >= self._settings.max_queries:
            what = f"The load needs more than `max_queries` ({self._sent}) queries of {self._settings.url}."
            raise SourceError(
                what, remedy="Run again for the days that are missing, load fewer at once, or raise `max_queries`."
            )
        sleep(max(0.0, self._ended + self._settings.pause - monotonic()))
        self._sent += 1
        try:
            response = self._http.post(
                self._settings.url,
                params=SETTINGS | {f"param_{name}": str(value) for name, value in (parameters or {}).items()},
                data=sql.encode(),
                # Not in the address, which errors show.
                headers={
                    "User-Agent": USER_AGENT,
                    "X-ClickHouse-User": self._settings.user,
                    "X-ClickHouse-Key": str(self._settings.password or ""),
                },
                allow_redirects=False,
            )
        except RequestException as error:
            raise self._unreachable(error) from error
        finally:
            self._ended = monotonic()
        return self._whole(response)

    def require_settings(self) -> Server:
        """The server; raise `SourceError` if it would answer in part: if it ignores what each query asks for."""
        modes = ", ".join(f"getSetting('{name}') AS {name}" for name in (*OVERFLOW_MODES, "max_result_rows"))
        [there] = self.query(f"SELECT toUnixTimestamp(now()) AS time, {modes}").to_pylist()
        ignored = [name for name in OVERFLOW_MODES if there[name] != "throw"]
        if ignored:
            what = f"{self._settings.url} ignores {' and '.join(ignored)}, and may answer in part without an error."
            raise SourceError(what, remedy=f"Use a server, and a proxy, that pass settings on. {_URL_REMEDY}")
        return Server(datetime.fromtimestamp(there["time"], UTC), int(there["max_result_rows"]))

    def _whole(self, response: Response) -> pa.Table:
        """The result, if the answer is one and nothing of it is missing."""
        where, body = self._settings.url, response.content
        code = response.headers.get(_CODE_HEADER)
        # Arrow takes a stream that ends between two batches for whole.
        if not code and response.status_code == codes.ok and body.endswith(_END_OF_STREAM):
            try:
                return pa.ipc.open_stream(body).read_all()
            except pa.ArrowInvalid as error:
                raise SourceError(f"The answer of {where} is not an Arrow stream.", remedy=_URL_REMEDY) from error
        # An error in mid-stream comes with status 200. Looked for last: a row may quote such a text.
        found = _EXCEPTION.search(body)
        if code or found:
            raise self._refusal(int(code or (found and found[1]) or 0), body[found.start() if found else 0 :])
        if response.status_code != codes.ok:
            what = f"{where} answers with status {response.status_code}, and not as ClickHouse does."
            raise SourceError(what, remedy=f"{_URL_REMEDY} {REMEDY}")
        raise SourceError(f"The answer of {where} is cut off, or no answer of ClickHouse.", remedy=REMEDY)

    def _refusal(self, code: int, body: bytes) -> SourceError:
        where, table, user = self._settings.url, self._settings.table, self._settings.user
        text = " ".join(body[:_MAX_TEXT].decode(errors="replace").split())
        if code in _TOO_LARGE:
            what = f"The query exceeds a limit of {where}: {_TOO_LARGE[code]}. {text}"
            return TooLargeError(what, remedy="Load fewer days at once, or this project from BigQuery.")
        if code in _REFUSED_USER:
            what = f"{where} refuses the user {user}, or the password."
            return CredentialsError(what, remedy="Check `user` and `password` of [sources.pypi.clickpy].")
        if code in _OTHER_SCHEMA:
            what = f"The table {table} of {where} has another schema: {text}"
            return SchemaError(what, remedy=OTHER_SCHEMA_REMEDY)
        if code in _QUOTA:
            what = f"The quota of the user {user} at {where} is used up: {text}"
            remedy = f"Wait an hour, or raise `pause` of [sources.pypi.clickpy]. {REMEDY}"
        elif code in _REFUSED_SETTING:
            what = f"{where} refuses a setting of the query: {text}"
            remedy = "Its user has to be allowed to change settings, as with `readonly` 2."
        elif code in _REFUSED_TABLE:
            what = f"{where} has no table {table}, or does not show it: {text}"
            remedy = "Check `url`, `user` and `table` of [sources.pypi.clickpy]."
        else:
            what, remedy = f"{where} has failed with code {code}: {text}", REMEDY
        return SourceError(what, remedy=remedy)

    def _unreachable(self, error: RequestException) -> SourceError:
        where = self._settings.url
        chain = {type(cause).__name__ for cause in causes(error)} | {
            type(argument).__name__ for cause in causes(error) for argument in _reasons(cause)
        }
        if isinstance(error, ProxyError):
            what, remedy = f"The proxy between here and {where} refuses or fails.", "Check HTTPS_PROXY and NO_PROXY."
        elif isinstance(error, SSLError):
            what = f"The connection to {where} is not safe: its certificate does not pass."
            remedy = "A proxy that opens TLS needs its certificate in REQUESTS_CA_BUNDLE."
        elif "NameResolutionError" in chain:
            what, remedy = f"The host of {where} cannot be found.", "Check the network, and the name."
        elif isinstance(error, ConnectTimeout):
            what = (
                f"{where} does not accept a connection within `connect_timeout` ({self._settings.connect_timeout} s)."
            )
            remedy = "Check the network, and whether a firewall lets you out."
        elif isinstance(error, ReadTimeout):
            what = f"{where} did not answer within `timeout` ({self._settings.timeout} s)."
            remedy = "Run again later, load fewer days at once, or raise `timeout` of [sources.pypi.clickpy]."
        else:
            what, remedy = (
                f"{where} cannot be reached, or ends the connection: {type(error).__name__}.",
                "Check the network.",
            )
        return SourceError(what, remedy=f"{remedy} {REMEDY}")


def _is_transient(response: Response | None, _error: BaseException | None) -> bool:
    """Whether something before ClickHouse has failed; ClickHouse's own errors would be the same again."""
    return response is not None and response.status_code in RETRIED and _CODE_HEADER not in response.headers


def _reasons(error: BaseException) -> tuple[object, ...]:
    """What requests and urllib3 keep as an argument, or in `reason`, of the error that they wrap."""
    inner = error.args[0] if error.args else None
    return inner, getattr(inner, "reason", None), getattr(error, "reason", None)
