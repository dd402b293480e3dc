"""The contract of a release: the fields of a file on the index, and what is read of a project there."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Annotated

import pyarrow as pa
from pydantic import Field

from pipelines.pypi.columns import Grain
from pipelines.pypi.contract import ClientText, Name, PackageType, Record

MAX_BYTES = 2**63
Filename = Annotated[str, Field(min_length=1, max_length=1024)]


class ReleaseFile(Record):
    """A file of a release, as PEP 691 and PEP 700 describe it; the index may leave out what can be NULL."""

    project: Name
    filename: Filename
    version: Name
    type: PackageType
    size: Annotated[int, Field(ge=0, lt=MAX_BYTES)] | None
    uploaded_at: datetime | None
    requires_python: ClientText | None
    is_yanked: bool
    yanked_reason: Annotated[str, Field(max_length=4096)] | None


FILES = Grain("release_files", ReleaseFile)
FILES_SCHEMA = pa.schema([pa.field(leaf.column, leaf.type, nullable=not leaf.required) for leaf in FILES.leaves])
"""`raw.release_files`, to which dlt adds the load's id."""

QUARANTINE = "release_quarantine"
REJECTED_SCHEMA = pa.schema([pa.field(name, pa.string(), nullable=False) for name in ("project", "reason", "content")])
"""`raw.release_quarantine`: what the index has sent of a file that failed the contract, as JSON, and why it failed."""


@dataclass(frozen=True)
class RejectedFile:
    """A file that failed the contract: Pydantic's error text, and what the index has sent of it, as JSON."""

    reason: str
    content: str


@dataclass(frozen=True)
class ReleasePage:
    """What an index has of a project; `status` is that of PEP 792, and `etag` the one with which to ask again."""

    project: str
    files: Sequence[ReleaseFile]
    rejected: Sequence[RejectedFile] = ()
    status: str = "active"
    status_reason: str | None = None
    etag: str | None = None

    @property
    def rows(self) -> pa.Table:
        """The files, as rows of `FILES_SCHEMA`."""
        return pa.Table.from_pylist([file.model_dump() for file in self.files], schema=FILES_SCHEMA)

    @property
    def rejected_rows(self) -> pa.Table:
        """The files that failed the contract, as rows of `REJECTED_SCHEMA`."""
        rows = [{"project": self.project} | vars(file) for file in self.rejected]
        return pa.Table.from_pylist(rows, schema=REJECTED_SCHEMA)

    @cached_property
    def digest(self) -> str:
        """A fingerprint of everything that is loaded of the page: of an index without ETags, it shows a change."""
        content = [sorted(file.model_dump_json() for file in self.files), [vars(file) for file in self.rejected]]
        return sha256(json.dumps([*content, self.status, self.status_reason]).encode()).hexdigest()[:16]
