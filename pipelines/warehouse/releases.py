"""`raw.release_pages`: what is known of each project's releases, since when, and which load has their files."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa

from pipelines.pypi.releases.contract import FILES_SCHEMA
from pipelines.warehouse import Warehouse, bookkeeping

FILE_TABLES = ("release_files", "release_quarantine")
"""The tables that dlt fills."""


@dataclass(frozen=True)
class KnownPage:
    """The last page of a project that the index has given; without a `load_id` there is none.

    It was given or confirmed at `fetched_at`; since `failed_since` the index has not, for the reason `failure`. Once it
    `is_computed`, the KPIs follow from it.
    """

    project: str
    etag: str | None = None
    digest: str | None = None
    load_id: str | None = None
    files: int = 0
    status: str | None = None
    status_reason: str | None = None
    fetched_at: datetime | None = None
    failed_since: datetime | None = None
    failure: str | None = None
    is_computed: bool = False


class ReleaseState(NamedTuple):
    """Projects of which the index has last given or confirmed the page at `fetched_at`, the oldest of them, in UTC.

    `None` where it never has; since `failed_since` it has not, for the reason `failure`.
    """

    projects: int
    fetched_at: datetime | None
    failed_since: datetime | None
    failure: str | None


COPY_SCHEMA = pa.schema(
    [
        pa.field("project", pa.string(), nullable=False),
        *(pa.field(name, pa.string()) for name in ("etag", "digest", "status", "status_reason")),
        pa.field("fetched_at", pa.timestamp("us", tz="UTC")),
        *(pa.field(field.name, field.type) for field in FILES_SCHEMA if field.name != "project"),
    ]
)
"""A copy of what is known: a row for each file with its project's page, or for a page that has none."""

_PAGE = ("project", "etag", "digest", "status", "status_reason", "fetched_at")
_FILE = [name for name in FILES_SCHEMA.names if name != "project"]
_COPY = f"""
    SELECT {", ".join(f"pages.{name}" for name in _PAGE)}, {", ".join(f"files.{name}" for name in _FILE)}
    FROM raw.release_pages AS pages LEFT JOIN raw.release_files AS files
    ON pages.project = files.project AND pages.load_id = files._dlt_load_id
    WHERE pages.load_id IS NOT NULL ORDER BY ALL
"""
_RESTORED = "restored"
"""In place of the id of a load."""
_NAMES = [field.name for field in fields(KnownPage)]
_READ = f"""
    SELECT {", ".join(f"pages.{name}" for name in _NAMES)} FROM release_pages AS pages
    WHERE files = (SELECT COUNT(*) FROM release_files WHERE project = pages.project AND _dlt_load_id = pages.load_id)
"""
_STATES = """
    SELECT
        COUNT(*), MIN(fetched_at) AT TIME ZONE 'UTC' AS answered,
        failed_since AT TIME ZONE 'UTC' AS since, failure
    FROM release_pages GROUP BY failed_since, failure ORDER BY since NULLS FIRST, failure
"""


def release_states(warehouse: Warehouse) -> list[ReleaseState]:
    """How the index has answered, the projects alike together; writes nothing."""
    return [ReleaseState(*row) for row in warehouse.query(_STATES)]


def read_release_pages(warehouse: Warehouse) -> dict[str, KnownPage]:
    """The pages, by project; without those that have lost files, which have to be read again."""
    bookkeeping.ensure_tables(warehouse)
    return {page.project: page for page in (KnownPage(*row) for row in warehouse.query(_READ))}


def write_release_pages(warehouse: Warehouse, pages: Sequence[KnownPage]) -> None:
    """Record the pages, all or none; of the loads of their projects only the files of theirs stay.

    The files of a load count from here on: those of a run that died before go with the next page.
    """
    bookkeeping.ensure_tables(warehouse)
    with warehouse.transaction() as client:
        for page in pages:
            client.execute_sql("DELETE FROM release_pages WHERE project = ?", page.project)
            client.execute_sql(
                f"INSERT INTO release_pages ({', '.join(_NAMES)}) SELECT {', '.join('?' for _ in _NAMES)}",
                *(getattr(page, name) for name in _NAMES),
            )
            for table in FILE_TABLES:
                client.execute_sql(
                    f"DELETE FROM {table} WHERE project = ? AND _dlt_load_id <> ?", page.project, page.load_id or ""
                )


def copy_releases(warehouse: Warehouse) -> pa.Table:
    """What is known of all projects, with the columns of `COPY_SCHEMA`."""
    bookkeeping.ensure_tables(warehouse)
    with warehouse.connection() as connection:
        return connection.execute(_COPY).to_arrow_table().cast(COPY_SCHEMA)


def restore_releases(warehouse: Warehouse, copy: pa.Table) -> None:
    """Take from a copy the projects of which the warehouse knows no page; the next run asks by their ETags."""
    known = {page.project for page in read_release_pages(warehouse).values() if page.load_id is not None}
    rows = [row for row in copy.to_pylist() if row["project"] not in known]
    pages: dict[str, KnownPage] = {}
    for row in rows:
        page = pages.get(row["project"]) or KnownPage(**{name: row[name] for name in _PAGE}, load_id=_RESTORED)
        pages[page.project] = replace(page, files=page.files + (row["filename"] is not None))
    if not pages:
        return
    files = pa.Table.from_pylist([row for row in rows if row["filename"] is not None], schema=COPY_SCHEMA)
    write_release_pages(warehouse, list(pages.values()))
    with warehouse.connection() as connection:
        connection.register("restored_files", files.select(["project", *_FILE]))
        connection.execute(
            f"INSERT INTO raw.release_files BY NAME SELECT *, '{_RESTORED}' AS _dlt_load_id FROM restored_files"
        )
        connection.unregister("restored_files")
