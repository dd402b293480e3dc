"""MotherDuck, which dlt and SQLMesh reach by connectors of their own: what is checked before one of them connects."""

import os
import re

from dlt.destinations.impl.motherduck.configuration import MotherDuckCredentials

from pipelines.errors import SettingsError

SCHEME = "md:"
TOKEN_VARIABLES = ("motherduck_token", "MOTHERDUCK_TOKEN")
"""The variables of the environment that dlt and MotherDuck's client look at."""
_JWT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
"""A JSON Web Token."""
_DATABASE = re.compile(r"[a-z_][a-z0-9_]*")
"""What needs no quotes anywhere: SQLMesh's views name the database."""
SCHEMAS = {"raw", "reference", "staging", "marts"}
"""Of the warehouse: `raw.file_downloads` would also be a table of a database `raw`."""
# SQLMesh connects to `md:NAME?attach_mode=single`. DuckDB refuses to open an equal string with another user agent, as
# dlt's is, so dlt's also says what is the default. In that mode no other database of the account is in sight.
_QUERY = {"attach_mode": "single", "dbinstance_inactivity_ttl": "15m"}


def require_database(credentials: MotherDuckCredentials) -> None:
    """Raise `SettingsError` unless they name a database that a warehouse can be in; whether it exists is not asked."""
    name = credentials.database or ""
    remedy = "Name it as in md:pypi, in lower case, and create it in MotherDuck: CREATE DATABASE pypi."
    if not _DATABASE.fullmatch(name):
        what = f"{name!r} cannot be the MotherDuck database of the warehouse: letters, digits and underscores only."
        raise SettingsError(what, remedy=remedy)
    if name in SCHEMAS:
        what = f"The MotherDuck database cannot be named {name!r}: the warehouse has a schema of that name."
        raise SettingsError(what, remedy=remedy)
    credentials.query = {**(credentials.query or {}), **_QUERY}


def require_token(credentials: MotherDuckCredentials) -> None:
    """Move the token into the environment, where both connectors find it: no connection string and no message has it.

    Raises:
        SettingsError: there is none, or it cannot be one.

    """
    token = credentials.password or next(filter(None, map(os.environ.get, TOKEN_VARIABLES)), None)
    remedy = "Make one in MotherDuck's settings, and set MOTHERDUCK_TOKEN in the environment."
    if not token:
        raise SettingsError("There is no token for MotherDuck.", remedy=remedy)
    if not _JWT.fullmatch(token):
        what = "The token for MotherDuck does not have the form of one: three parts with dots between."
        raise SettingsError(what, remedy=remedy)
    for name in TOKEN_VARIABLES:
        os.environ[name] = token
    credentials.password = ""
