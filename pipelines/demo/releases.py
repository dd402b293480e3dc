"""The releases of the demo's packages, as an index would list them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from pipelines.demo import file_of, wheel_tags
from pipelines.demo.world import PACKAGES, Project, Release
from pipelines.errors import UnknownProjectError
from pipelines.pypi.releases.contract import ReleaseFile, ReleasePage

_KILOBYTES = range(20, 400)
_BETWEEN_FILES = timedelta(seconds=2)


class DemoIndex:
    """Knows the invented packages, and asks nobody: a real project may have the same name."""

    def read(self, project: str, etag: str | None) -> ReleasePage | None:
        """The page of a package; `None` if it is still the one with that `etag`."""
        package = next((package for package in PACKAGES if package.name == project), None)
        if not package:
            raise UnknownProjectError(f"The demo has no package {project}.", remedy="Name one of its packages.")
        files = [file for release in package.releases for file in _files(package, release)]
        reason = None if package.status == "active" else "Finished."
        page = ReleasePage(project, files, status=package.status, status_reason=reason)
        return None if page.digest == etag else replace(page, etag=page.digest)


def _files(package: Project, release: Release) -> Iterator[ReleaseFile]:
    """The files of a release, uploaded one after the other, the sdist first."""
    minor = int(release.python.split(".")[1])
    tags = [
        tag for tag in wheel_tags(package.wheel) if not tag.startswith("cp3") or int(tag[3:].split("-")[0]) >= minor
    ]
    for place, tag in enumerate(("", *(tags or ()))):
        url, file = file_of(package.name, release.version, tag)
        # The digest in its address decides what nobody would notice.
        chance = int(url.split("/")[2] + url.split("/")[3], 16)
        hour = time(8 + len(release.version) % 10, 30, tzinfo=UTC)
        yield ReleaseFile(
            project=package.name,
            filename=file["filename"],
            version=release.version,
            type=file["type"],
            size=_KILOBYTES[chance % len(_KILOBYTES)] * 1000 + chance % 1000,
            uploaded_at=datetime.combine(release.day, hour) + place * _BETWEEN_FILES,
            requires_python=f">={release.python}",
            is_yanked=bool(release.yanked),
            yanked_reason=release.yanked or None,
        )
