"""`just serve` gives the built site to this machine's own pages, and nothing else to anybody."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from pipelines import site
from pipelines.site.server import HEADERS, SiteServer, base_path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A built site, with what must not be served in it and beside it."""
    built = tmp_path / "build"
    for file in (
        "index.html",
        "_app/style.css",
        "projects/one/index.html",
        ".stamp",
        ".hidden/file",
        "data/one.parquet",
    ):
        (built / file).parent.mkdir(parents=True, exist_ok=True)
        (built / file).write_text(f"content of {file}")
    (tmp_path / "secret").write_text("secret")
    (built / "link").symlink_to(tmp_path / "secret")
    (built / "linked").symlink_to(tmp_path)
    (built / "page").mkdir()
    (built / "page" / "index.html").symlink_to(tmp_path / "secret")
    return built


@contextmanager
def serving(folder: Path, base: str = "") -> Iterator[int]:
    server = SiteServer(0, folder, base)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def ask(port: int, target: str, host: str | None = "127.0.0.1", method: str = "GET") -> tuple[int, str]:
    """The status and the whole answer to a raw request, as no client of Python's would send it."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        header = "" if host is None else f"Host: {host}\r\n"
        connection.sendall(f"{method} {target} HTTP/1.0\r\n{header}\r\n".encode())
        answer = b""
        while received := connection.recv(65536):
            answer += received
    return int(answer.split()[1]), answer.decode()


@pytest.mark.parametrize(
    ("target", "content"),
    [
        ("/", "content of index.html"),
        ("/?lens=all#top", "content of index.html"),
        ("/_app/style.css", "content of _app/style.css"),
        ("/projects/one/", "content of projects/one/index.html"),
        ("/data/one.parquet", "content of data/one.parquet"),
    ],
)
def test_pages_and_files_are_served(folder: Path, target: str, content: str) -> None:
    """With the headers that a host should send."""
    with serving(folder) as port:
        status, answer = ask(port, target)

    assert status == 200
    assert answer.endswith(content)
    assert [name for name, value in HEADERS.items() if f"\r\n{name}: {value}\r\n" not in answer] == []
    assert "Python" not in answer


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1.example.org", "localhost@example.org", "[::1", "", None])
def test_request_by_another_name_is_refused(folder: Path, host: str | None) -> None:
    """A page of a stranger whose name leads to this machine reads nothing."""
    with serving(folder) as port:
        status, answer = ask(port, "/", host)

    assert status == 421
    assert "content of" not in answer


@pytest.mark.parametrize("host", ["127.0.0.1:3000", "localhost", "LOCALHOST:3000"])
def test_this_machine_has_two_names(folder: Path, host: str) -> None:
    """Whatever the port, which a tunnel may change."""
    with serving(folder) as port:
        assert ask(port, "/", host)[0] == 200


@pytest.mark.parametrize(
    "target",
    [
        "/_app/", "/data/", "/.stamp", "/%2estamp", "/.hidden/file", "/link", "/linked/secret", "/linked/", "/page/",
        "/../secret", "/%2e%2e/secret", "/..%2fsecret", "/\x00", "/%00", "/index.html/", "/nothing", "//example.org/",
    ],
)  # fmt: skip
def test_nothing_else_is_served(folder: Path, target: str) -> None:
    """No list of a folder, no hidden file, no link, nothing beside the site; each request is answered."""
    with serving(folder) as port:
        status, answer = ask(port, target)

    assert status in {400, 404} or (status == 200 and target == "//example.org/")
    assert "secret" not in answer.split("\r\n\r\n", 1)[1]
    assert "content of ." not in answer


@pytest.mark.parametrize(("method", "end"), [("GET", "\r\n\r\nNothing is here."), ("HEAD", "\r\n\r\n")])
def test_page_that_is_not_there_is_answered_by_the_site(folder: Path, method: str, end: str) -> None:
    """Its own page says so, with the status that it is not there."""
    (folder / "404.html").write_text("Nothing is here.")
    with serving(folder) as port:
        status, answer = ask(port, "/projects/gone/", method=method)

    assert status == 404
    assert answer.endswith(end)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_site_is_only_read(folder: Path, method: str) -> None:
    """Other methods are answered as unknown."""
    with serving(folder) as port:
        assert ask(port, "/", method=method)[0] == 501


@pytest.mark.parametrize(
    ("target", "status", "text"),
    [
        ("/stats/", 200, "content of index.html"),
        ("/stats/_app/style.css", 200, "content of _app/style.css"),
        ("/stats/projects/one", 301, "Location: /stats/projects/one/"),
        ("/stats", 301, "Location: /stats/"),
        ("/", 302, "Location: /stats/"),
        ("/_app/style.css", 404, ""),
        ("/statsx/", 404, ""),
    ],
)
def test_base_path_is_served(folder: Path, target: str, status: int, text: str) -> None:
    """A site that is built for a path of its host has all its files below that path, here too."""
    with serving(folder, "/stats") as port:
        found, answer = ask(port, target)

    assert found == status
    assert text in answer


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ("deployment:\n  basePath: /stats\n", "/stats"),
        ("deployment:\n  basePath: '/a/b/' # here\n", "/a/b"),
        ("# basePath: /no\nplugins: {}\n", ""),
    ],
)
def test_base_path_is_evidences(config: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is set once, in Evidence's configuration."""
    (tmp_path / "evidence.config.yaml").write_text(config)
    monkeypatch.setattr(site, "EVIDENCE", tmp_path)

    assert base_path() == path
