"""Serves ClickHouse's HTTP interface until standard input ends: `... FOLDER READY_FILE`.

The engine is ClickHouse's own, in this process, but has neither HTTP nor users: this front gives it the interface, and
the limits of the public copy's user, which may lower them and not raise them. When it accepts
connections it writes its port, as JSON, into READY_FILE.
"""

import argparse
import json
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from chdb.session import Session

LIMITS = {"max_rows_to_read": 1_000_000, "max_result_rows": 10_000, "max_execution_time": 60}
"""Of the public user; the rows that a query may read are scaled down by a thousand."""
PROFILE: dict[str, Any] = LIMITS | {"read_overflow_mode": "break", "max_block_size": 8192, "max_threads": 1}
NO_SETTINGS = {"query", "database", "default_format", "wait_end_of_query"}
STATUS = {60: 404, 81: 404, 159: 408, 192: 403, 194: 401, 516: 403}
"""The status of an error's code, as ClickHouse's `exceptionCodeToHTTPStatus` has it; all others are 500."""
USER = "demo"


class Engine:
    """The engine, for one query at a time."""

    def __init__(self, folder: Path) -> None:
        self._session = Session(str(folder))
        self._lock = threading.Lock()

    def query(self, sql: str, form: str, settings: dict[str, Any], parameters: dict[str, str]) -> bytes:
        with self._lock:
            for name, value in settings.items():
                self._session.query(f"SET {name} = {value if re.fullmatch('[0-9.]+', str(value)) else repr(value)}")
            try:
                return bytes(self._session.query(sql, form, params=parameters).bytes())
            finally:
                for name in settings:
                    self._session.query(f"SET {name} = DEFAULT")


class Front(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    engine: Engine
    limits: ClassVar[dict[str, Any]] = {}
    faults: ClassVar[list[dict[str, Any]]] = []
    log: ClassVar[list[dict[str, Any]]] = []

    def do_GET(self) -> None:
        if self.path == "/control/log":
            self._answer(200, json.dumps(self.log).encode())
        else:
            self._query(b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/control/faults":
            Front.faults = json.loads(body)
            Front.log.clear()
            self._answer(200, b"null")
        elif self.path == "/control/limits":
            Front.limits = json.loads(body)
            self._answer(200, b"null")
        elif self.path == "/control/execute":
            for statement in json.loads(body):
                self.engine.query(statement, "TabSeparated", {}, {})
            self._answer(200, b"null")
        else:
            self._query(body)

    def _query(self, body: bytes) -> None:
        asked = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        sql = f"{asked.get('query', '')} {body.decode()}".strip()
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.log.append({"sql": sql, "asked": asked, "headers": headers, "at": time.monotonic()})
        fault = self._strike(sql)
        time.sleep(fault.get("delay", 0))
        for name in fault.get("ignore", ()):
            # As a proxy, or a profile that fixes a setting, would.
            asked.pop(name, None)
        if "code" in fault:
            self._refuse(fault["code"], fault.get("message", "made by a test"))
        elif "status" in fault:
            self._answer(fault["status"], fault.get("body", "no ClickHouse").encode(), headers=fault.get("headers"))
        elif headers.get("x-clickhouse-user", "default") != USER or headers.get("x-clickhouse-key"):
            self._refuse(516, "Authentication failed: password is incorrect, or there is no user with such name.")
        else:
            self._run(sql, asked, fault)

    def _run(self, sql: str, asked: dict[str, str], fault: dict[str, Any]) -> None:
        profile = PROFILE | self.limits
        parameters = {name[6:]: value for name, value in asked.items() if name.startswith("param_")}
        wanted = {
            name: value for name, value in asked.items() if name not in NO_SETTINGS and name[6:] not in parameters
        }
        for name in LIMITS:
            if name in wanted and not 0 < float(wanted[name]) <= profile[name]:
                self._refuse(452, f"Setting {name} shouldn't be greater than {profile[name]}")
                return
        try:
            content = self.engine.query(sql, asked.get("default_format", "TabSeparated"), profile | wanted, parameters)
        except Exception as error:  # noqa: BLE001 - whatever the engine says
            code = int(found[1]) if (found := re.search(r"Code: (\d+)", str(error))) else 1
            if asked.get("wait_end_of_query") == "1":
                self._refuse(code, str(error))
            else:
                # Its first rows have left when it fails: the status is 200.
                self._answer(200, b"\xff\xff\xff\xff" + str(error).encode())
            return
        cut = fault.get("cut")
        if cut == "connection":
            self._answer(200, content[: len(content) // 2], length=len(content))
            self.close_connection = True
        elif cut == "end":
            self._answer(200, content[:-8])
        else:
            self._answer(200, content + fault.get("append", "").encode())

    def _strike(self, sql: str) -> dict[str, Any]:
        for fault in self.faults:
            if fault.get("match", "") in sql and fault.get("times", 1):
                if fault.get("after", 0):
                    fault["after"] -= 1
                    continue
                fault["times"] = fault.get("times", 1) - 1
                return fault
        return {}

    def _refuse(self, code: int, message: str) -> None:
        text = message if message.startswith("Code:") else f"Code: {code}. DB::Exception: {message}"
        self._answer(STATUS.get(code, 500), text.encode(), headers={"X-ClickHouse-Exception-Code": str(code)})

    def _answer(
        self, status: int, content: bytes, length: int | None = None, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        """Nothing: the tests read the log."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("ready_file", type=Path)
    parser.add_argument("--http-port", type=int, default=0, help="0: any that is free")
    arguments = parser.parse_args()

    Front.engine = Engine(arguments.folder)
    server = ThreadingHTTPServer(("127.0.0.1", arguments.http_port), Front)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()

    draft = arguments.ready_file.with_suffix(".draft")
    draft.write_text(json.dumps({"http": server.server_port}))
    draft.replace(arguments.ready_file)
    # Nothing is ever written to it: it ends with the parent.
    sys.stdin.read()


main()
