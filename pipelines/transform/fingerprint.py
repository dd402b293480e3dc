"""A fingerprint of everything that SQLMesh's plan depends on, so that a run without a change need not start SQLMesh.

SQLMesh takes seconds to find out that nothing has changed. Its project is a folder, so a digest of that folder shows it
as well. A change that the digest sees and SQLMesh does not, such as of a comment, costs those seconds once.
"""

import hashlib
import os
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

MODELS_FOLDER = Path(__file__).parents[2] / "sqlmesh"
PACKAGES = ("duckdb", "packaging", "pandas", "sqlglot", "sqlmesh")
"""The packages that read the models, or that models in Python import."""
_GENERATED = {".cache", "__pycache__", "logs"}


def compute_fingerprint() -> str:
    """The hexadecimal digest of the models, their configuration, and the versions of Python and of `PACKAGES`."""
    digest = hashlib.sha256()
    for part in _parts():
        digest.update(f"{len(part)}:".encode())
        digest.update(part)
    return digest.hexdigest()


def _parts() -> Iterator[bytes]:
    yield f"{sys.version_info[:2]}".encode()
    for package in PACKAGES:
        yield f"{package} {version(package)}".encode()
    for name in sorted(os.environ):
        if name.upper().startswith("SQLMESH__"):
            yield f"{name}={os.environ[name]}".encode()
    for path in sorted(_files(MODELS_FOLDER)):
        yield str(path.relative_to(MODELS_FOLDER)).encode()
        yield path.read_bytes()


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir() and path.name not in _GENERATED:
            yield from _files(path)
        elif path.is_file():
            yield path
