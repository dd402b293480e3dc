"""Builds the Evidence site from the exported marts, and serves it."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pipelines.errors import SiteError
from pipelines.exports import Export

EVIDENCE = Path(__file__).parents[1] / "evidence"
BUILD = EVIDENCE / "build"
_STAMP_FILE = BUILD / ".stamp"
_GENERATED_FOLDERS = {"node_modules", ".evidence", "build"}
_MAX_LOG_LINES = 30


def build(export: Export) -> bool:
    """Build the site unless it shows these marts already; return whether it was built.

    Raises:
        SiteError: Node.js or a package is missing, or a page's query failed, after which the old site is gone.

    """
    stamp = _compute_stamp(export)
    if _STAMP_FILE.exists() and _STAMP_FILE.read_text() == stamp:
        return False
    npm = shutil.which("npm")
    if npm is None:
        raise SiteError(
            "Node.js is missing; the site needs it.", remedy="Install Node.js 20 or later, or use --no-site."
        )
    if not (EVIDENCE / "node_modules").exists():
        raise SiteError("The site's packages are not installed.", remedy="Run `just setup`.")
    environment = os.environ | {"EVIDENCE_SOURCE__pypi__filename": str(export.database.resolve())}
    done = subprocess.run(  # noqa: S603 - npm, and our own script
        [npm, "run", "--silent", "site"],
        cwd=EVIDENCE,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        log = "\n".join((done.stdout + done.stderr).splitlines()[-_MAX_LOG_LINES:])
        remedy = "Fix the error in the log, and run `just site`; the marts are exported."
        raise SiteError(f"The site could not be built:\n{log}", remedy=remedy)
    _STAMP_FILE.write_text(stamp)
    return True


class SiteServer(ThreadingHTTPServer):
    """Serves the built site on this machine only."""

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), partial(SimpleHTTPRequestHandler, directory=str(BUILD)))

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the library's
        # A browser that closes the connection early is not an error.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def serve(port: int) -> None:
    """Serve the built site on this machine only, until interrupted.

    Raises:
        SiteError: there is no site, or the port is taken.

    """
    if not _STAMP_FILE.exists():
        raise SiteError("There is no site yet.", remedy="`just run` or `just site` builds it.")
    try:
        server = SiteServer(port)
    except OSError as error:
        raise SiteError(
            f"Port {port} cannot be used: {error.strerror}.", remedy="Choose another with --port."
        ) from error
    with server:
        server.serve_forever()


def _compute_stamp(export: Export) -> str:
    """A digest of the site's inputs: marts and pages."""
    digest = hashlib.sha256(json.dumps(export.digests, sort_keys=True).encode())
    for path in sorted(_sources()):
        digest.update(str(path.relative_to(EVIDENCE)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    for entry in EVIDENCE.iterdir():
        if entry.is_file():
            yield entry
        elif entry.name not in _GENERATED_FOLDERS:
            yield from (path for path in entry.rglob("*") if path.is_file())
