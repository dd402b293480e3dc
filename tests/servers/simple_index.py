"""An index of packages on this machine, which speaks the JSON form of PEP 691, in a thread of the test.

with SimpleIndex() as index:
    index.add("one", file("one-1.0.tar.gz"))
    index.answer(status=503)      # until `index.answer()`
    project.with_settings(**index.settings)
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, Self

JSON = "application/vnd.pypi.simple.v1+json"


def file(filename: str, /, **changes: object) -> dict[str, object]:
    """What PyPI says of a file; `changes` replace fields, whose names have a dash there, or leave them out if `...`."""
    fields: dict[str, object] = {
        "filename": filename,
        "url": f"https://files.example/{filename}",
        "hashes": {"sha256": "00"},
        "size": 1000,
        "upload-time": "2026-07-04T18:30:00.123456Z",
        "requires-python": ">=3.10",
        "yanked": False,
    }
    fields |= {name.replace("_", "-"): value for name, value in changes.items()}
    return {name: value for name, value in fields.items() if value is not ...}


class SimpleIndex:
    """The index: `pages` by the name in their path, and the headers of each request that it got."""

    def __init__(self) -> None:
        self.pages: dict[str, dict[str, Any]] = {}
        self.has_etags = True
        self.requests: list[tuple[str, Mapping[str, str]]] = []
        self._status, self._body, self._type = 200, None, JSON  # type: int, bytes | None, str
        self._pause, self._late = Event(), 0.0
        index = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                index._respond(self)

            def log_message(self, *_arguments: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._pause.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/simple/"

    @property
    def settings(self) -> dict[str, str]:
        return {"RELEASES__ENABLED": "true", "RELEASES__URL": self.url, "RELEASES__TIMEOUT": "1"}

    def add(self, project: str, *files: object, **fields: object) -> None:
        """Make the page of a project anew; `fields` are its others, whose names have a dash there."""
        page = {"name": project, "meta": {"api-version": "1.4"}, "files": list(files)}
        self.pages[project] = page | {name.replace("_", "-"): value for name, value in fields.items()}

    def answer(self, status: int = 200, body: bytes | None = None, kind: str = JSON, late: float = 0) -> None:
        """Answer so from now on: with that status, body and type, and with each byte so many seconds late."""
        self._status, self._body, self._type, self._late = status, body, kind, late

    def _respond(self, request: BaseHTTPRequestHandler) -> None:
        self.requests.append((request.path, dict(request.headers)))
        page = self.pages.get(request.path.removeprefix("/simple/").removesuffix("/"))
        body = json.dumps(page).encode() if self._body is None else self._body
        etag = f'"{sha256(body).hexdigest()}"'
        status = self._status if page is not None or self._body is not None or self._status != 200 else 404
        if status == 200 and request.headers["If-None-Match"] == etag:
            status, body = 304, b""
        request.send_response(status)
        request.send_header("Content-Type", self._type)
        if self.has_etags:
            request.send_header("ETag", etag)
        if status != 304:
            request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        for byte in range(0, len(body), 1 if self._late else len(body) or 1):
            if self._late and self._pause.wait(self._late):
                return
            request.wfile.write(body[byte : byte + (1 if self._late else len(body))])
