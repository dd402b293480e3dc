"""`raw.release_pages`: what is known of each project's releases, since when, and which load has their files."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

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


_NAMES = [field.name for field in fields(KnownPage)]
_READ = f"""
    SELECT {", ".join(f"pages.{name}" for name in _NAMES)} FROM release_pages AS pages
    WHERE files = (SELECT COUNT(*) FROM release_files WHERE project = pages.project AND _dlt_load_id = pages.load_id)
"""


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
