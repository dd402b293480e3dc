"""The releases of the projects, as an index of packages lists them."""

from datetime import datetime
from typing import Protocol

from pipelines.pypi.releases.contract import ReleasePage
from pipelines.pypi.releases_settings import ReleasesSettings


class Index(Protocol):
    """Tells what it has of a project."""

    def read(self, project: str, etag: str | None) -> ReleasePage | None:
        """The project's page; `None` if it is still the one with that `etag`.

        Raises:
            UnknownProjectError: the index does not have the project.
            SchemaError: its answer cannot be read; that for another project may be readable.
            SourceError: the index cannot be reached, or does not answer now.

        """


def connect_index(settings: ReleasesSettings, now: datetime) -> Index:
    """The index of the settings."""
    # Its library takes a while to import, and the demo does without it.
    from pipelines.pypi.releases.index import PyPIIndex

    return PyPIIndex(settings, now)
