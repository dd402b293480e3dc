"""Checks MotherDuck's settings before dlt or SQLMesh connects, each with its own connector."""

import os
import re

from dlt.destinations.impl.motherduck.configuration import MotherDuckCredentials

from pipelines.errors import SettingsError

SCHEME = "md:"
TOKEN_VARIABLES = ("motherduck_token", "MOTHERDUCK_TOKEN")
"""The environment variables that dlt and MotherDuck's client read."""
_JWT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
"""A JSON Web Token."""
_DATABASE = re.compile(r"[a-z_][a-z0-9_]*")
"""Names that need no quotes anywhere: SQLMesh's views contain the database's name."""
SCHEMAS = {"raw", "reference", "staging", "marts"}
"""The warehouse's schemas; in a database named `raw`, `raw.file_downloads` would be ambiguous."""
# SQLMesh connects to `md:NAME?attach_mode=single`. DuckDB refuses to open the same string with another user agent, such
# as dlt's, so dlt's string also has an option at its default. In this mode no other database of the account is visible.
_CONNECTION_OPTIONS = {"attach_mode": "single", "dbinstance_inactivity_ttl": "15m"}


def require_database(credentials: MotherDuckCredentials) -> None:
    """Check the database's name, and set the connection options; whether the database exists is not checked.

    Raises:
        SettingsError: the warehouse cannot be in a database of that name.

    """
    name = credentials.database or ""
    remedy = "Name it as in md:pypi, in lower case, and create it in MotherDuck: CREATE DATABASE pypi."
    if not _DATABASE.fullmatch(name):
        what = f"The MotherDuck database cannot be named {name!r}: use lower-case letters, digits and underscores."
        raise SettingsError(what, remedy=remedy)
    if name in SCHEMAS:
        what = f"The MotherDuck database cannot be named {name!r}: the warehouse has a schema of that name."
        raise SettingsError(what, remedy=remedy)
    credentials.query = {**(credentials.query or {}), **_CONNECTION_OPTIONS}


def require_token(credentials: MotherDuckCredentials) -> None:
    """Move the token into the environment, where both connectors find it, and out of connection strings and messages.

    Raises:
        SettingsError: the token is missing or malformed.

    """
    token = credentials.password or next(filter(None, map(os.environ.get, TOKEN_VARIABLES)), None)
    remedy = "Create one in MotherDuck's settings, and set MOTHERDUCK_TOKEN in the environment."
    if not token:
        raise SettingsError("There is no token for MotherDuck.", remedy=remedy)
    if not _JWT.fullmatch(token):
        what = "The token for MotherDuck is malformed: a token has three parts with dots between."
        raise SettingsError(what, remedy=remedy)
    for name in TOKEN_VARIABLES:
        os.environ[name] = token
    credentials.password = ""
