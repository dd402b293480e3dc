"""An index of packages (PEP 691), of which a project's page is read once, whole, or not at all."""

import json
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import requests
from packaging.utils import canonicalize_name, canonicalize_version
from pydantic import ValidationError
from pypi_simple import (
    ACCEPT_JSON_ONLY,
    PYPI_SIMPLE_ENDPOINT,
    DistributionPackage,
    ProjectPage,
    PyPISimple,
    UnsupportedRepoVersionError,
)
from requests import codes
from requests.exceptions import ConnectionError, ProxyError, SSLError, Timeout  # noqa: A004 - theirs
from urllib3.exceptions import HTTPError, TimeoutError  # noqa: A004 - theirs

from pipelines.errors import SchemaError, SourceError, UnknownProjectError
from pipelines.pypi import USER_AGENT
from pipelines.pypi.releases.contract import RejectedFile, ReleaseFile, ReleasePage
from pipelines.pypi.releases_settings import ReleasesSettings
from pipelines.pypi.validation import describe_errors
from pipelines.pypi.windows import DAY

MAX_BYTES = 64 * 2**20
"""The largest page that is read: a file takes less than a kilobyte of it."""
CHUNK_BYTES = 2**16
MAX_STATUS = 64
REMEDY = "The next run asks again; `enabled` of [sources.pypi.releases] switches it off."
_TYPES = {"sdist": "sdist", **{name: f"bdist_{name}" for name in ("wheel", "egg", "wininst", "msi", "rpm", "dumb")}}
"""PyPI's names of the types that pypi-simple tells from a file's name."""


class PyPIIndex:
    """PyPI's index, or the one of the settings; each call is one request."""

    def __init__(self, settings: ReleasesSettings, now: datetime) -> None:
        session = requests.Session()
        session.headers["User-Agent"] = USER_AGENT
        self._client = PyPISimple(settings.url or PYPI_SIMPLE_ENDPOINT, session=session)
        self._timeout = settings.timeout
        self._latest = now.astimezone(UTC) + DAY

    def read(self, project: str, etag: str | None) -> ReleasePage | None:
        headers = {"Accept": ACCEPT_JSON_ONLY} | ({"If-None-Match": etag} if etag else {})
        url = self._client.get_project_url(project)
        try:
            # Not by `get_project_page`, which takes a 304 for a page without files, and hides the ETag.
            with self._client.s.get(url, headers=headers, timeout=self._timeout, stream=True) as response:
                if response.status_code == codes.not_modified and etag:
                    return None
                self._require_page(response, project)
                body = self._body(response)
                kind, found = response.headers.get("Content-Type", ""), response.headers.get("ETag")
        except requests.RequestException as error:
            raise self._unreachable(error) from error
        if not kind.startswith(ACCEPT_JSON_ONLY):
            raise self._unreadable(project, f"as {kind[:MAX_STATUS]!r}, and not in the JSON form of PEP 691")
        try:
            return parse_page(project, body, url, self._latest, found)
        except UnsupportedRepoVersionError as error:
            raise self._unreadable(project, f"by version {error.declared_version[:MAX_STATUS]} of the API") from error
        # A deeply nested answer exhausts the parser.
        except (ValueError, RecursionError) as error:
            raise self._unreadable(project, "by what is no page of a project") from error

    def _require_page(self, response: requests.Response, project: str) -> None:
        where, status = self._client.endpoint, response.status_code
        if status == codes.not_found:
            raise UnknownProjectError(f"{where} does not have {project}.", remedy="Check the name in `projects`.")
        if status == codes.too_many_requests:
            raise SourceError(f"{where} takes no more requests for now (status {status}).", remedy=REMEDY)
        if status != codes.ok:
            raise SourceError(f"{where} answers with status {status}.", remedy=REMEDY)

    def _body(self, response: requests.Response) -> bytes:
        """The whole body, within the time for one answer: the client's own timeout is one between two bytes."""
        end = monotonic() + self._timeout
        body = bytearray()
        try:
            # What `iter_content` reads at once may take for ever.
            while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
                body += chunk
                if monotonic() > end:
                    raise Timeout
                if len(body) > MAX_BYTES:
                    what = f"{self._client.endpoint} answers with more than {MAX_BYTES:,} bytes."
                    raise SourceError(what, remedy=REMEDY)
        except TimeoutError as error:
            raise Timeout from error
        except HTTPError as error:
            raise ConnectionError from error
        return bytes(body)

    def _unreadable(self, project: str, how: str) -> SchemaError:
        return SchemaError(f"{self._client.endpoint} answers for {project} {how}.", remedy=REMEDY)

    def _unreachable(self, error: requests.RequestException) -> SourceError:
        # Their own texts may name a proxy with its password.
        where = self._client.endpoint
        if isinstance(error, Timeout):
            what = f"{where} did not answer within `timeout` ({self._timeout} s)."
        elif isinstance(error, ProxyError):
            what = f"The proxy between here and {where} refuses or fails."
        elif isinstance(error, SSLError):
            what = f"The connection to {where} is not safe: its certificate does not pass."
        else:
            what = f"{where} cannot be reached, or ends the connection: {type(error).__name__}."
        return SourceError(what, remedy=REMEDY)


def parse_page(project: str, body: bytes, url: str, latest: datetime, etag: str | None) -> ReleasePage:
    """The page in the JSON form of PEP 691, its files split by the contract; none was uploaded after `latest`.

    Raises:
        ValueError: it is no page, or all its files fail the contract.
        UnsupportedRepoVersionError: the index speaks a later version of the API.

    """
    data = json.loads(body)
    if not isinstance(data, dict) or not isinstance(data.get("files"), list):
        raise ValueError("no page")  # noqa: TRY004 - as the parsers raise
    with warnings.catch_warnings():
        # A newer minor version may say more; what we read stays.
        warnings.simplefilter("ignore")
        # A status that the library does not know yet must not hide the files.
        page = ProjectPage.from_json_data(data | {"files": [], "project-status": {}}, url)
    listed = page.versions or ()
    spellings = {canonicalize_version(version): version for version in listed} | {
        version: version for version in listed
    }
    files: list[ReleaseFile] = []
    rejected: list[RejectedFile] = []
    for entry in data["files"]:
        try:
            files.append(_file(project, entry, url, spellings, latest))
        except ValueError as error:
            reason = describe_errors(error) if isinstance(error, ValidationError) else str(error)
            rejected.append(RejectedFile(reason, json.dumps(entry)))
    if rejected and not files:
        raise ValueError("no file")
    return ReleasePage(project, files, rejected, *_status(data.get("project-status")), etag)


def _file(
    project: str,
    entry: Any,  # noqa: ANN401 - JSON
    url: str,
    spellings: Mapping[str, str],
    latest: datetime,
) -> ReleaseFile:
    """The file, with the version as the index lists it, which is the log's: a file's name may spell it otherwise."""
    package = DistributionPackage.from_json_data(entry, project, url)
    if package.project and canonicalize_name(package.project) != project:
        raise ValueError(f"filename: A file of another project (input {package.filename!r})")
    version, uploaded = package.version, package.upload_time
    if version is not None:
        version = spellings.get(version) or spellings.get(canonicalize_version(version), version)
    if uploaded is not None:
        uploaded = (uploaded if uploaded.tzinfo else uploaded.replace(tzinfo=UTC)).astimezone(UTC)
        if uploaded > latest:
            raise ValueError(f"upload-time: Uploads from the future are none (input {uploaded})")
    return ReleaseFile.model_validate(
        {
            "project": project,
            "filename": package.filename,
            "version": version,
            "type": _TYPES.get(package.package_type or ""),
            "size": package.size,
            "uploaded_at": uploaded,
            "requires_python": package.requires_python or None,
            "is_yanked": package.is_yanked,
            "yanked_reason": package.yanked_reason or None,
        }
    )


def _status(entry: object) -> tuple[str, str | None]:
    """Status and reason by PEP 792, by which a page without them is that of an active project."""
    if not isinstance(entry, dict):
        return "active", None
    texts = (entry.get("status") or "active", entry.get("reason"))
    status, reason = (text.encode(errors="replace").decode() if isinstance(text, str) else None for text in texts)
    return (status or "unknown")[:MAX_STATUS], reason and reason[: MAX_STATUS * 16]
