"""Loads the releases of the projects, as their index lists them; where it does not, what is known stays."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from pipelines.demo.releases import DemoIndex
from pipelines.errors import SchemaError, SourceError, UnknownProjectError
from pipelines.load.dlt_errors import translate_dlt_errors
from pipelines.pypi.releases import Index, connect_index
from pipelines.pypi.releases.contract import ReleasePage
from pipelines.pypi.settings import Settings
from pipelines.warehouse import Warehouse, bookkeeping
from pipelines.warehouse.releases import KnownPage, read_release_pages, write_release_pages


@dataclass(frozen=True)
class ReleaseReport:
    """The pages that have changed, by project with their number of files; the files that failed the contract.

    `failures` are pages that the index has not given now: what is known of these projects stays.
    """

    changed: Mapping[str, int] = field(default_factory=dict)
    rejected: int = 0
    failures: Sequence[KnownPage] = ()


def load_releases(settings: Settings, warehouse: Warehouse, now: datetime) -> ReleaseReport:
    """Ask the index once for each project, and load what has changed; the index cannot make it fail.

    Raises:
        WarehouseError: the warehouse cannot be written.

    """
    index = DemoIndex() if bookkeeping.origins(warehouse) == {"demo"} else connect_index(settings.releases, now)
    known = read_release_pages(warehouse)
    found = dict(_ask(index, settings.projects, known, now))
    pages = {project: page for project, page in found.items() if isinstance(page, ReleasePage)}
    load_id = _append([page for page in pages.values() if page.files or page.rejected], warehouse)
    after = [
        _known(page, known.get(project), load_id, now) if isinstance(page, ReleasePage) else page
        for project, page in found.items()
    ]
    if after:
        write_release_pages(warehouse, after)
    return ReleaseReport(
        {project: len(page.files) for project, page in pages.items()},
        sum(len(page.rejected) for page in pages.values()),
        [page for page in after if page.failure],
    )


def _ask(
    index: Index, projects: Sequence[str], known: Mapping[str, KnownPage], now: datetime
) -> Iterator[tuple[str, ReleasePage | KnownPage]]:
    """The new page of each project that has one, or else what is known of it from now on."""
    outage: SourceError | None = None
    for project in projects:
        before = known.get(project, KnownPage(project))
        failure = outage
        if not outage:
            try:
                page = index.read(project, before.etag)
            except (UnknownProjectError, SchemaError) as error:
                failure = error
            except SourceError as error:
                # Whoever does not answer, or wants no more requests, gets none.
                failure = outage = error
        if failure:
            yield project, replace(before, failed_since=before.failed_since or now, failure=failure.what)
        elif page and page.digest != before.digest:
            yield project, page
        else:
            etag = page.etag if page else before.etag
            yield project, replace(before, etag=etag, fetched_at=now, failed_since=None, failure=None)


def _append(pages: Sequence[ReleasePage], warehouse: Warehouse) -> str | None:
    """Load the pages with dlt, if there are any; return the id of the load."""
    if not pages:
        return None
    from pipelines.pypi.releases.source import releases

    with translate_dlt_errors():
        [load_id] = warehouse.pipeline.run(releases(pages)).loads_ids
    return str(load_id)


def _known(page: ReleasePage, before: KnownPage | None, load_id: str | None, now: datetime) -> KnownPage:
    """What is known of a project by its new page."""
    after = KnownPage(
        page.project,
        page.etag,
        page.digest,
        # Empty where there is no file to load.
        (load_id if page.files else None) or "",
        len(page.files),
        page.status,
        page.status_reason,
        now,
    )
    if before and before.files and page.status == "quarantined" and not page.files:
        # PyPI hides the files of such a project, which says nothing of them.
        return replace(after, load_id=before.load_id, files=before.files)
    return after
