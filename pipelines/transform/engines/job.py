"""What the warehouse and an engine's process hand each other: files in the engine's folder."""

import json
import shutil
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Self

BOOKKEEPING = (
    "committed_days",
    "extract_ledger",
    "quarantine",
    "release_files",
    "release_pages",
    "schema_drift",
    "tracked_projects",
)
"""The tables of `raw` that models read, but for the downloads."""
_FILE = "job.json"


@dataclass(frozen=True)
class Job:
    """What to compute, and of which rows."""

    models: str
    """The folder of SQLMesh's project."""
    lake: str
    """The URL of the folder of the tables by day."""
    tables: list[str]
    """Those of the lake that have a day."""
    days: list[str]
    """The ascending days to compute again, as `2026-07-01`."""
    releases_changed: bool = False
    options: dict[str, str] = field(default_factory=dict)
    """The engine's own settings."""

    @property
    def dates(self) -> list[date]:
        return [date.fromisoformat(day) for day in self.days]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The job in the engine's folder; its file is removed, as its options may be credentials."""
        file = folder / _FILE
        content = file.read_text()
        file.unlink()
        return cls(**json.loads(content))

    def write(self, folder: Path) -> None:
        """Write the job where only this user can read it."""
        file = folder / _FILE
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        file.write_text(json.dumps(asdict(self)))


def raw_folder(folder: Path) -> Path:
    """The folder of the bookkeeping that models read: a Parquet file for each table of `raw` but the downloads."""
    return folder / "raw"


def marts_folder(folder: Path) -> Path:
    """The folder of the computed marts, a Parquet file for each, and of `types.json`: their columns in DuckDB."""
    return folder / "marts"


def clear(folder: Path) -> None:
    """Make both folders anew."""
    for each in (raw_folder(folder), marts_folder(folder)):
        shutil.rmtree(each, ignore_errors=True)
        each.mkdir(parents=True)
