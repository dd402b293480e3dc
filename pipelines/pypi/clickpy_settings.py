"""The settings of `[sources.pypi.clickpy]`: how to reach a ClickHouse copy of the table, and how sparingly."""

from urllib.parse import urlsplit

from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.typing import TSecretStrValue

LIMITS = {"pause": (0, 60), "max_queries": (1, 10_000), "connect_timeout": (1, 600), "timeout": (1, 3600)}
"""Between which the numbers can lie; a server that is public needs a pause, and has limits of its own."""


@configspec
class ClickpySettings(BaseConfiguration):
    """Address, user and limits; `docs/settings.md` describes each field."""

    url: str = "https://sql-clickhouse.clickhouse.com"
    """The server's address, without a user. HTTPS_PROXY, NO_PROXY and REQUESTS_CA_BUNDLE count."""
    user: str = "demo"
    """The server's user."""
    password: TSecretStrValue | None = None
    """Its password, in `.dlt/secrets.toml` or the environment."""
    table: str = "pypi.pypi"
    """A table with the schema of the public copy."""
    pause: float = 0.5
    """Seconds between two queries."""
    max_queries: int = 300
    """Queries that a run sends at most."""
    connect_timeout: int = 10
    """Seconds within which the server has to accept a connection."""
    timeout: int = 90
    """Seconds within which it has to answer; the public server ends a query after 60."""

    def fault(self) -> tuple[str, str] | None:
        """The first field that cannot be right, and why; the address is not shown, as it may have a password."""
        try:
            address = urlsplit(self.url)
            # Parses the port.
            _ = address.port
        except ValueError:
            return "url", "is not an address"
        if address.scheme not in {"http", "https"} or not address.hostname or address.query or address.fragment:
            return "url", "must have the form https://host or https://host:port"
        if address.username or address.password:
            return "url", "must not contain a user or a password; they are settings of their own"
        if not all(part.isidentifier() for part in self.table.split(".")) or self.table.count(".") != 1:
            return "table", "is not of the form database.table"
        for field, (lowest, highest) in LIMITS.items():
            # NaN compares false with everything.
            if not lowest <= getattr(self, field) <= highest:
                return field, f"is {getattr(self, field)}; it must be between {lowest} and {highest:,}"
        return None
