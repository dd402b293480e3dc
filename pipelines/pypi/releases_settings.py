"""The settings of `[sources.pypi.releases]`: whether an index is asked for the releases of the projects, and which."""

from urllib.parse import urlsplit

from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration

TIMEOUTS = (1, 600)
"""Seconds between which the time for one answer can lie."""


@configspec
class ReleasesSettings(BaseConfiguration):
    """`docs/settings.md` describes each field; without `url` it is PyPI's own index."""

    enabled: bool = True
    """Whether a run asks an index for the releases of the projects, once for each. The demo has its own, and asks
    nobody."""
    url: str | None = None
    """The index, as `https://host/simple/`, if it is not PyPI's. It has to speak the JSON form (PEP 691), without a
    user in its address: `~/.netrc` can have one."""
    timeout: int = 30
    """Seconds within which the whole answer for a project has to come."""

    def fault(self) -> tuple[str, str] | None:
        """The first field that cannot be right, and why; the address is not shown, as it may have a password."""
        if self.url is not None:
            try:
                address = urlsplit(self.url)
                # Parses the port.
                _ = address.port
            except ValueError:
                return "url", "is not an address"
            if address.scheme not in {"http", "https"} or not address.hostname or address.query or address.fragment:
                return "url", "must be the address of an index, as https://host/simple/"
            if address.username or address.password:
                return "url", "must not contain a user or a password; ~/.netrc can have them"
        lowest, highest = TIMEOUTS
        if not lowest <= self.timeout <= highest:
            return "timeout", f"is {self.timeout}; it must be between {lowest} and {highest} seconds"
        return None
