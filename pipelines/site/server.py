"""Serves the built site on this machine only, to requests that name this machine, as a careful host would."""

import re
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipelines import site
from pipelines.errors import SiteError

HOSTS = {"127.0.0.1", "localhost"}
HEADERS = {
    # As the pages state it themselves (evidence/scripts/protect.mjs); widths and colours of bars are inline styles.
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class SiteServer(ThreadingHTTPServer):
    """Serves the built site below its base path, and nothing else."""

    def __init__(self, port: int, folder: Path, base: str = "") -> None:
        super().__init__(("127.0.0.1", port), partial(_Handler, directory=str(folder.resolve()), base=base))
        self.address = f"http://127.0.0.1:{self.server_port}{base}/"

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the library's
        # A browser that closes the connection early is not an error.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(SimpleHTTPRequestHandler):
    # Tells nobody the version of Python.
    server_version = "site"
    sys_version = ""

    def __init__(self, *arguments: Any, directory: str, base: str) -> None:  # noqa: ANN401 - the library's
        self._base = base
        super().__init__(*arguments, directory=directory)

    def send_head(self) -> Any:  # noqa: ANN401 - the library's: a file, in bytes or encoded
        if not self._names_this_machine():
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "This server has another name")
            return None
        if self._base and self.path == "/":
            self.send_response(HTTPStatus.FOUND)
            self.send_header("Location", f"{self._base}/")
            self.end_headers()
            return None
        if not self._is_published():
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        return super().send_head()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer with the site's own page where there is none, as hosts do."""
        page = Path(self.directory, "404.html")
        if code != HTTPStatus.NOT_FOUND or not page.is_file():
            super().send_error(code, message, explain)
            return
        content = page.read_bytes()
        self.log_error("code %d", code)
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def list_directory(self, path: Any) -> Any:  # noqa: ANN401 - the library's
        del path
        self.send_error(HTTPStatus.NOT_FOUND)

    def translate_path(self, path: str) -> str:
        return super().translate_path(path.removeprefix(self._base) or "/")

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def _names_this_machine(self) -> bool:
        """A page of a stranger whose name leads to this machine, by DNS rebinding, names another host."""
        try:
            return urlsplit(f"//{self.headers.get('Host', '')}").hostname in HOSTS
        except ValueError:
            return False

    def _is_published(self) -> bool:
        """Whether the path is below the base path, is no hidden file, and leads there without a link."""
        requested = re.split("[?#]", self.path)[0]
        if not f"{requested}/".startswith(f"{self._base}/"):
            return False
        path = Path(self.translate_path(self.path))
        if "\0" in str(path) or any(part.startswith(".") for part in path.relative_to(self.directory).parts):
            return False
        file = path / "index.html" if path.is_dir() else path
        return file.resolve() == file


def serve(port: int, show: Callable[[str], None]) -> None:
    """Serve the built site on this machine only, until interrupted; `show` gets its address.

    Raises:
        SiteError: there is no site, or the port is taken.

    """
    if not site.STAMP_FILE.is_file():
        raise SiteError("There is no site yet.", remedy="`just run` or `just site` builds it.")
    try:
        server = SiteServer(port, site.BUILD, base_path())
    except OSError as error:
        raise SiteError(
            f"Port {port} cannot be used: {error.strerror}.", remedy="Choose another with --port."
        ) from error
    show(server.address)
    with server, suppress(KeyboardInterrupt):
        server.serve_forever()


def base_path() -> str:
    """The path below which the site is published, by `deployment.basePath` of Evidence; by default none."""
    config = (site.EVIDENCE / "evidence.config.yaml").read_text(encoding="utf-8")
    found = re.search(r"""^ +basePath: *["']?(/[^\s"'#]*)""", config, re.MULTILINE)
    return found[1].rstrip("/") if found else ""
