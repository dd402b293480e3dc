"""The part of GitHub's REST API that workflows here use, on this machine, in a thread of the test.

with GitHub("you/stats") as github:
    Repository(github.url, "you/stats", "token").tell_issue("title", "body")
    github.issues
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit


class GitHub:
    """The API of one repository: its `issues` and `comments`, and each request as `GET issues`."""

    def __init__(self, repository: str) -> None:
        self.issues: list[dict[str, Any]] = []
        self.comments: list[dict[str, Any]] = []
        self.requests: list[str] = []
        self.refuses: int | None = None
        """A status with which all is answered."""
        self._prefix = f"/repos/{repository}/"
        github = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                github._respond(self)

            def do_POST(self) -> None:
                github._respond(self)

            def do_PATCH(self) -> None:
                github._respond(self)

            def log_message(self, *_arguments: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def open_issues(self) -> list[dict[str, Any]]:
        return [issue for issue in self.issues if issue["state"] == "open"]

    def _respond(self, request: BaseHTTPRequestHandler) -> None:
        address = urlsplit(request.path)
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        path = address.path.removeprefix(self._prefix)
        self.requests.append(f"{request.command} {path}")
        if request.headers.get("Authorization") != "Bearer token" or not address.path.startswith(self._prefix):
            status, content = 401, {"message": "Bad credentials"}
        elif self.refuses:
            status, content = self.refuses, {"message": "no"}
        else:
            status, content = self._answer(request.command, path, parse_qs(address.query), json.loads(body or b"null"))
        answer = json.dumps(content).encode()
        request.send_response(status)
        request.send_header("Content-Length", str(len(answer)))
        request.end_headers()
        request.wfile.write(answer)

    def _answer(self, method: str, path: str, asked: dict[str, list[str]], content: Any) -> tuple[int, Any]:  # noqa: ANN401
        parts = path.split("/")
        comments = "comments" in parts
        entries, number = self.comments if comments else self.issues, next(filter(str.isdigit, parts), "")
        if method == "POST":
            kind = {"issue": int(number), "user": {"type": "Bot"}} if comments else {"state": "open"}
            return 201, self._add(entries, kind | content)
        if method == "PATCH":
            entries[int(number) - 1] |= content
            return 200, entries[int(number) - 1]
        if comments:
            found = [comment for comment in entries if comment["issue"] == int(number)]
        else:
            label, state = asked["labels"][0], asked["state"][0]
            found = [issue for issue in entries if label in issue["labels"] and issue["state"] == state]
        size, page = int(asked["per_page"][0]), int(asked["page"][0])
        return 200, found[size * (page - 1) : size * page]

    def _add(self, entries: list[dict[str, Any]], entry: dict[str, Any]) -> dict[str, Any]:
        number = len(entries) + 1
        kind = "issues" if entries is self.issues else "comments"
        entries.append({"number": number, "id": number, "html_url": f"{self.url}/{kind}/{number}", **entry})
        return entries[-1]
