"""Builds the Evidence site from the exported marts; `server` serves it."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from pipelines.children import run_child
from pipelines.errors import SiteError
from pipelines.exports import Export
from pipelines.version import version

EVIDENCE = Path(__file__).parents[2] / "evidence"
BUILD = EVIDENCE / "build"
STAMP_FILE = BUILD / ".stamp"
_GENERATED_FOLDERS = {"node_modules", ".evidence", "build"}
_MAX_LOG_LINES = 30


def build(export: Export) -> bool:
    """Build the site unless it shows these marts already; return whether it was built.

    Raises:
        SiteError: Node.js or a package is missing, or a page's query failed, after which the old site is gone.

    """
    stamp = _compute_stamp(export)
    if _read_stamp() == f"{stamp} {_digest_build()}":
        return False
    npm = shutil.which("npm")
    if npm is None:
        raise SiteError(
            "Node.js is missing; the site needs it.", remedy="Install Node.js 20 or later, or use --no-site."
        )
    if not (EVIDENCE / "node_modules").exists():
        raise SiteError("The site's packages are not installed.", remedy="Run `just setup`.")
    environment = os.environ | {"SITE_MARTS": str(export.database.resolve()), "SITE_VERSION": version()}
    code, printed = run_child([npm, "run", "--silent", "build"], environment, cwd=EVIDENCE, capture=True)
    if code != 0:
        log = "\n".join(printed.splitlines()[-_MAX_LOG_LINES:])
        remedy = "Fix the error in the log, and run `just site`; the marts are exported."
        raise SiteError(f"The site could not be built:\n{log}", remedy=remedy)
    STAMP_FILE.write_text(f"{stamp} {_digest_build()}")
    return True


def _read_stamp() -> str | None:
    try:
        return STAMP_FILE.read_text()
    except (OSError, ValueError):
        return None


def _digest_build() -> str:
    """A digest of the names and sizes of the built files, which shows that one is missing or cut."""
    digest = hashlib.sha256()
    for path in sorted(BUILD.rglob("*")):
        if path != STAMP_FILE and path.is_file():
            digest.update(f"{path.relative_to(BUILD)} {path.stat().st_size}\n".encode())
    return digest.hexdigest()


def _compute_stamp(export: Export) -> str:
    """A digest of the site's inputs: marts and pages."""
    digest = hashlib.sha256(json.dumps(export.digests, sort_keys=True).encode())
    for path in sorted(_sources()):
        digest.update(str(path.relative_to(EVIDENCE.parent)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    yield EVIDENCE.parent / "docs" / "metrics.md"
    for entry in EVIDENCE.iterdir():
        if entry.is_file():
            yield entry
        elif entry.name not in _GENERATED_FOLDERS:
            yield from (path for path in entry.rglob("*") if path.is_file())
