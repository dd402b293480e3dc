"""What an index says of a project is read once, whole, or not at all; its files pass a contract one by one."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from pipelines.errors import SchemaError, SourceError, UnknownProjectError
from pipelines.pypi import USER_AGENT
from pipelines.pypi.releases.contract import ReleaseFile, ReleasePage
from pipelines.pypi.releases.index import PyPIIndex
from pipelines.pypi.releases_settings import ReleasesSettings
from tests.servers.simple_index import JSON, SimpleIndex, file

NOW = datetime(2026, 7, 10, tzinfo=UTC)
WHEEL, SDIST = "one_two-1.0.post1-py3-none-any.whl", "one.two-1.0-1.tar.gz"


@pytest.fixture
def index() -> Iterator[SimpleIndex]:
    with SimpleIndex() as server:
        yield server


def connect(index: SimpleIndex, url: str | None = None) -> PyPIIndex:
    return PyPIIndex(ReleasesSettings(url=url or index.url, timeout=1), NOW)


def values(item: ReleaseFile) -> tuple[object, ...]:
    return tuple(item.model_dump().values())


def read(index: SimpleIndex, *files: object, **fields: object) -> ReleasePage:
    """The page of `one-two` with these files."""
    index.add("one-two", *files, **fields)
    page = connect(index).read("one-two", None)
    assert page
    return page


def test_file_is_read_with_all_that_the_index_says(index: SimpleIndex) -> None:
    """The request says who asks, by the normalised name; a version is spelt as the index lists it."""
    yanked = file(SDIST, yanked="", requires_python="", size=..., upload_time=...)
    page = read(index, file(WHEEL, yanked="It crashes"), yanked, versions=["1.0.post1"])

    wheel, sdist = page.files
    time = datetime(2026, 7, 4, 18, 30, 0, 123456, UTC)
    assert ("one-two", WHEEL, "1.0.post1", "bdist_wheel", 1000, time, ">=3.10", True, "It crashes") == values(wheel)
    assert ("one-two", SDIST, "1.0.post1", "sdist", None, None, None, True, None) == values(sdist)
    assert [] == list(page.rejected)
    [(path, headers)] = index.requests
    assert ("/simple/one-two/", USER_AGENT, JSON) == (path, headers["User-Agent"], headers["Accept"])


def test_page_that_has_not_changed_is_not_sent_again(index: SimpleIndex) -> None:
    """With the ETag of the last page the answer is 304, which is no page without files."""
    page = read(index, file(WHEEL))

    assert connect(index).read("one-two", page.etag) is None
    index.add("one-two", file(WHEEL, yanked=True))
    changed = connect(index).read("one-two", page.etag)
    assert changed
    assert (True, None) == (changed.files[0].is_yanked, changed.files[0].yanked_reason)
    assert changed.digest != page.digest


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, ("active", None)),
        ({"status": "archived"}, ("archived", None)),
        ({"status": "quarantined", "reason": "malware"}, ("quarantined", "malware")),
        ({"status": "a status of the future"}, ("a status of the future", None)),
        ({"status": "\ud800", "reason": 7}, ("?", None)),
        ("archived", ("active", None)),
    ],
)
def test_status_of_a_project_is_read(index: SimpleIndex, status: object, expected: tuple[str, str | None]) -> None:
    """A status that nobody knows yet hides no file."""
    page = read(index, file(WHEEL), **({} if status is None else {"project_status": status}))

    assert expected == (page.status, page.status_reason)
    assert 1 == len(page.files)


BROKEN = {
    "no version": file("one-two.tar.gz"),
    "another type": file("one-two-1.0.deb"),
    "another project": file("three-1.0-py3-none-any.whl"),
    "lone surrogate": file(WHEEL, requires_python="\ud800"),
    "endless text": file(WHEEL, yanked="x" * 5000),
    "negative size": file(WHEEL, size=-1),
    "huge size": file(WHEEL, size=2**63),
    "size in words": file(WHEEL, size="large"),
    "from the future": file(WHEEL, upload_time="2026-07-12T00:00:00Z"),
    "no time": file(WHEEL, upload_time="yesterday"),
    "no name": file(WHEEL, filename=...),
    "yanked by a number": file(WHEEL, yanked=3.5),
    "no object": "one-two-1.0.tar.gz",
}


@pytest.mark.parametrize("broken", BROKEN)
def test_file_that_breaks_the_contract_is_kept_aside(index: SimpleIndex, broken: str) -> None:
    """The others are read; what the index has sent of it stays, with the reason."""
    page = read(index, file(WHEEL), BROKEN[broken])

    assert [WHEEL] == [item.filename for item in page.files]
    [rejected] = page.rejected
    assert BROKEN[broken] == json.loads(rejected.content)
    assert rejected.reason
    assert 1 == page.rejected_rows.num_rows


def test_hostile_texts_come_through_as_they_are(index: SimpleIndex) -> None:
    """What is no text for a terminal or a page is for these to escape: a table keeps it."""
    hostile = "<script>\x1b[2J'\"; DROP TABLE --\u202e\x00"
    page = read(index, file(WHEEL, yanked=hostile, requires_python=hostile))

    assert hostile == page.files[0].yanked_reason == page.rows.column("requires_python")[0].as_py()


UNREADABLE = {
    "no JSON": {"body": b"{"},
    "no object": {"body": b"[]"},
    "no files": {"body": b'{"meta": {"api-version": "1.1"}, "name": "one-two"}'},
    "no meta": {"body": b'{"files": [], "name": "one-two"}'},
    "nested": {"body": b'{"files": ' + b"[" * 100_000},
    "not in Unicode": {"body": b"\xff\xfe\xff"},
    "another version": {"body": b'{"meta": {"api-version": "2.0"}, "name": "one-two", "files": []}'},
    "HTML": {"body": b"<html>", "kind": "text/html"},
    "no file passes": {"body": json.dumps({"meta": {"api-version": "1.1"}, "name": "x", "files": [1]}).encode()},
}


@pytest.mark.parametrize("answer", UNREADABLE)
def test_answer_that_is_no_page_is_an_error_of_this_project(index: SimpleIndex, answer: str) -> None:
    """Nothing of it is taken; the answer for another project may be right."""
    index.answer(**UNREADABLE[answer])  # type: ignore[arg-type]

    with pytest.raises(SchemaError, match="one-two"):
        connect(index).read("one-two", None)


@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_status_of_an_outage_is_one(index: SimpleIndex, status: int) -> None:
    """The message has the status, and the index that answers so."""
    index.answer(status)

    with pytest.raises(SourceError, match=f"{index.url}.*status {status}") as error:
        connect(index).read("one-two", None)
    assert type(error.value) is SourceError


def test_project_that_the_index_does_not_have_is_named(index: SimpleIndex) -> None:
    """A 404 is about the name; a 304 that nobody asked for is no page either."""
    with pytest.raises(UnknownProjectError, match="one-two"):
        connect(index).read("one-two", None)
    index.answer(304, b"")
    with pytest.raises(SourceError, match="status 304"):
        connect(index).read("one-two", None)


@pytest.mark.parametrize("late", [0.01, 2.0], ids=["dripping", "silent"])
def test_slow_answer_ends_with_the_timeout(index: SimpleIndex, late: float) -> None:
    """Also one that goes on sending: the whole answer has to come within `timeout`."""
    index.answer(late=late)
    index.add("one-two", *[file(WHEEL)] * 9)

    with pytest.raises(SourceError, match="did not answer within `timeout`"):
        connect(index).read("one-two", None)


def test_endless_answer_is_not_read_to_its_end(index: SimpleIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would fill the memory."""
    monkeypatch.setattr("pipelines.pypi.releases.index.MAX_BYTES", 1000)
    index.add("one-two", *[file(WHEEL)] * 9)

    with pytest.raises(SourceError, match="more than 1,000 bytes"):
        connect(index).read("one-two", None)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/simple/", "http://index.invalid/simple"])
def test_index_that_cannot_be_reached_is_an_outage(
    index: SimpleIndex, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether there is no such host, or nobody listens."""
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.raises(SourceError, match=r"cannot be reached|did not answer"):
        connect(index, url).read("one-two", None)


def test_password_of_a_proxy_is_in_no_message(index: SimpleIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's own text would name the proxy."""
    monkeypatch.setenv("HTTP_PROXY", "http://user:planted-secret@127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(SourceError, match="proxy") as error:
        connect(index, "http://index.example/simple").read("one-two", None)
    assert "planted" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": "index.example/simple"}, "url"),
        ({"url": "https://user:planted@index.example/"}, "url"),
        ({"url": "https://index.example:port/"}, "url"),
        ({"timeout": 0}, "timeout"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(changes: dict[str, object], field: str) -> None:
    """The field is named, and an address that may have a password is not shown."""
    fault = ReleasesSettings(**changes).fault()  # type: ignore[arg-type]

    assert fault
    assert field == fault[0]
    assert "planted" not in fault[1]
