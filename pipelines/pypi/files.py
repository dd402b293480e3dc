"""The Parquet files of an upstream: their identity, and the days that each of them holds."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class SourceFile:
    """A file by its real path, size in bytes, modification time in nanoseconds, and digest of its Parquet footer."""

    path: str
    size: int
    modified: int
    digest: str

    @property
    def content(self) -> tuple[int, int, str]:
        """The identity of what it holds, under whatever path."""
        return self.size, self.modified, self.digest


@dataclass(frozen=True)
class FileDay:
    """The rows of a project's UTC day in a file.

    `project` is normalized, `spelling` is how the file writes it. Without a `day` they are the rows without a
    timestamp: each file that has been searched for a project has such an entry, if need be of no rows.
    """

    file: SourceFile
    project: str
    spelling: str
    day: date | None
    rows: int
