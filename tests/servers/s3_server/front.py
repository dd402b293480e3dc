"""What stands in front of Swift: the log, the faults, and their control."""

import json
import os
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import eventlet

Respond = Callable[..., Any]
Application = Callable[[dict[str, Any], Respond], Iterable[bytes]]
CONTROL = "/.control/"
STATUSES = {"AccessDenied": "403 Forbidden", "InternalError": "500 Internal Error", "SlowDown": "503 Slow Down"}
STATUSES |= {"InvalidAccessKeyId": "403 Forbidden"}


class Front:
    """A WSGI application around one that speaks S3."""

    def __init__(self, store: Application, access_key: str) -> None:
        self._store = store
        self._access_key = access_key
        self._faults: list[dict[str, Any]] = []
        self._log: list[dict[str, Any]] = []

    def __call__(self, environ: dict[str, Any], respond: Respond) -> Iterable[bytes]:
        path = environ["RAW_PATH_INFO"]
        if path.startswith(CONTROL):
            return self._control(path.removeprefix(CONTROL), environ, respond)
        query = f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else ""
        request = f"{environ['REQUEST_METHOD']} {path}{query}"
        entry: dict[str, Any] = {"request": request, "status": None}
        self._log.append(entry)

        def respond_and_log(status: str, *rest: Any) -> Any:
            entry["status"] = int(status[:3])
            return respond(status, *rest)

        return self._answer(request, environ, respond_and_log)

    def _answer(self, request: str, environ: dict[str, Any], respond: Respond) -> Iterable[bytes]:
        fault = self._take(request)
        eventlet.sleep(fault.get("delay", 0))
        authorization = environ.get("HTTP_AUTHORIZATION", "")
        if "code" in fault:
            return _refuse(fault["code"], environ, respond)
        if not authorization:
            return _refuse("AccessDenied", environ, respond)
        if f"Credential={self._access_key}/" not in authorization:
            return _refuse("InvalidAccessKeyId", environ, respond)
        if "break" not in fault:
            return self._store(environ, respond)
        strike = _die if fault["break"] == "die" else partial(_hang_up, environ["wsgi.input"].get_socket())
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length:
            environ["wsgi.input"] = _BrokenInput(environ["wsgi.input"], length // 2, strike)
            return self._store(environ, respond)
        return _break_answer(b"".join(self._store(environ, respond)), strike)

    def _take(self, request: str) -> dict[str, Any]:
        """The fault that strikes this request; an empty one if none does."""
        fault = next((each for each in self._faults if each["match"] in request and each["times"]), {})
        if fault.get("after"):
            fault["after"] -= 1
            return {}
        if fault:
            fault["times"] -= 1
        return fault

    def _control(self, what: str, environ: dict[str, Any], respond: Respond) -> Iterable[bytes]:
        if what == "faults":
            self._faults = json.load(environ["wsgi.input"])
        answer = json.dumps(self._log if what == "log" else {}).encode()
        respond("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
        return [answer]


class _BrokenInput:
    """A request's body with a fault in the middle."""

    def __init__(self, body: Any, left: int, strike: Callable[[], None]) -> None:
        self._body = body
        self._left = left
        self._strike = strike

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)

    def read(self, size: int = -1) -> bytes:
        """The bytes before the fault: a reader takes a short read for the end of the body."""
        part: bytes = self._body.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(part)
        if self._left == 0:
            self._strike()
        return part


def _break_answer(body: bytes, strike: Callable[[], None]) -> Iterator[bytes]:
    yield body[: len(body) // 2]
    strike()


def _hang_up(connection: socket.socket) -> None:
    """Reset a connection under its server, as if the machine had gone: closed politely, a client may wait for ever."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    dead, other = socket.socketpair()
    dead.settimeout(0)
    os.dup2(dead.fileno(), connection.fileno())
    dead.close()
    other.close()


def _die() -> None:
    os._exit(9)


def _refuse(code: str, environ: dict[str, Any], respond: Respond) -> Iterable[bytes]:
    """S3's own form of an error; the answer to HEAD has no body."""
    body = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
    respond(STATUSES[code], [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
