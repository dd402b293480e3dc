"""Small upstreams: Parquet files of a few downloads, in BigQuery's nested schema."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.demo import SCHEMA as DEMO_SCHEMA
from pipelines.pypi.columns import ROWS

SCHEMA = DEMO_SCHEMA.remove_metadata()
LEAVES_OF_FILES = [leaf for leaf in ROWS.leaves if not leaf.may_lack]
"""The contract's fields that the demo's files and those of real downloads have."""


def download(day: date, project: str = "one", **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any broken value too
    """A download at noon by pip; `changes` replace top-level fields, or with `__` nested ones."""
    row: dict[str, Any] = {
        "timestamp": datetime.combine(day, time(12), UTC),
        "country_code": "DE",
        "url": f"/packages/aa/bb/{project}-1.0.tar.gz",
        "project": project,
        "file": {"filename": f"{project}-1.0.tar.gz", "project": project, "version": "1.0", "type": "sdist"},
        "details": {
            "installer": {"name": "pip", "version": "26.1", "subcommand": None},
            "python": "3.13.1",
            "implementation": {"name": "CPython", "version": "3.13.1"},
            "distro": {"name": "Debian", "version": "13", "id": "trixie", "libc": {"lib": "glibc", "version": "2.41"}},
            "system": {"name": "Linux", "release": "6.12"},
            "cpu": "x86_64",
            "openssl_version": "OpenSSL 3.5.0",
            "setuptools_version": "80.0",
            "rustc_version": None,
            "ci": None,
        },
        "tls_protocol": "TLSv1.3",
        "tls_cipher": "AES128-GCM",
    }
    for path, value in changes.items():
        *parents, name = path.split("__")
        record = row
        for parent in parents:
            record = record[parent]
        record[name] = value
    return row


def july(number: int) -> date:
    """A day of July 2026, when the tests load."""
    return date(2026, 7, number)


def downloads(counts: Mapping[str, Mapping[int, int]]) -> list[dict[str, Any]]:
    """So many downloads of each project on each day of July."""
    return [
        download(july(number), name) for name, days in counts.items() for number, n in days.items() for _ in range(n)
    ]


def write(file: Path, rows: list[dict[str, Any]], schema: pa.Schema = SCHEMA) -> Path:
    """Write the rows as one Parquet file, over the one that is there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), file)
    return file
