"""What must be equal after any history, by name: digests of sorted rows, and the names of files.

What a history has cost is not: a query that failed is on record.
"""

import hashlib
import json
from pathlib import Path

import duckdb

from tests.support.installation import Installation, Row

COSTS = "costs_monthly"
"""The mart of what queries have cost."""
TABLES = {
    "raw.file_downloads": "SELECT * EXCLUDE (ordinal, _dlt_load_id) FROM raw.file_downloads",
    "raw.daily_counts": "SELECT * EXCLUDE (ordinal, _dlt_load_id) FROM raw.daily_counts",
    "raw.quarantine": "SELECT * EXCLUDE (ordinal, _dlt_load_id) FROM raw.quarantine",
    "raw.committed_days": "SELECT * EXCLUDE (load_id) FROM raw.committed_days",
    "raw.tracked_projects": "FROM raw.tracked_projects",
    "days without KPIs": """
        SELECT project, day FROM raw.committed_days WHERE load_id NOT IN (SELECT load_id FROM raw.acknowledged_loads)
        UNION ALL FROM raw.forgotten_days
    """,
}


def loaded(project: Installation) -> dict[str, list[str]]:
    """What a load leaves, from which all else follows."""
    found = {name: _digest(project.query(f"FROM ({sql}) ORDER BY ALL")) for name, sql in TABLES.items()}
    working = project.folder / "dlt" / "pypi"
    # Folders: a file there is one that dlt was saving when it died, and that it never looks at.
    packages = filter(Path.is_dir, working.glob("*/[en]*ed/*"))
    found["pending packages"] = sorted(str(path.relative_to(working)) for path in packages)
    return found


def published(project: Installation) -> dict[str, list[str]]:
    """What follows from a load: marts, exports, and no other file."""
    found = {f"marts.{name}": _digest(rows) for name, rows in project.marts().items() if name != COSTS}
    folder = project.folder / "exports"
    for file in sorted({*folder.glob("*.parquet")} - {folder / f"{COSTS}.parquet"}):
        found[file.name] = _digest(duckdb.sql(f"FROM '{file}' ORDER BY ALL").fetchall())
    with duckdb.connect(folder / "pypi.duckdb", read_only=True) as site:
        names = site.execute("SELECT table_name FROM duckdb_tables() WHERE table_name <> ? ORDER BY 1", [COSTS])
        for (name,) in names.fetchall():
            found[f"pypi.duckdb {name}"] = _digest(site.execute(f"FROM marts.{name} ORDER BY ALL").fetchall())
    digests = json.loads((folder / "digests.json").read_text())["marts"]
    found["digests.json"] = [str(sorted((name, digest) for name, digest in digests.items() if name != COSTS))]
    found["files"] = sorted(path.name for path in project.folder.iterdir())
    return found


def _digest(rows: list[Row]) -> list[str]:
    return [str(len(rows)), hashlib.sha256(repr(rows).encode()).hexdigest()]
