"""Checks the settings of the warehouse as they are written, before dlt resolves them."""

import os
import re
from pathlib import Path
from typing import Any

import dlt
from dlt.destinations.impl.motherduck.configuration import MotherDuckClientConfiguration, MotherDuckCredentials

from pipelines.configuration import CONFIG, SECRETS, files_with, names_under, nearest, require_known, require_readable
from pipelines.errors import SettingsError
from pipelines.warehouse.motherduck import SCHEME

WAREHOUSE = "warehouse"
"""The name of the destination, in dlt's settings."""
CREDENTIALS_VARIABLE = "DESTINATION__WAREHOUSE__CREDENTIALS"
CREDENTIALS_KEY = "destination.warehouse.credentials"
MOVE_WAREHOUSE = f"Or set {CREDENTIALS_VARIABLE} to another file named warehouse.duckdb."

_TYPE_VARIABLE = re.compile(r"DESTINATION__(?P<name>[A-Z0-9_]+?)__DESTINATION_TYPE")
_OTHER_DATABASE = re.compile(r"\s*([{\[]|$)|(?!duckdb:)\w{2,}:|:memory:|.*\n")
"""The start of credentials that are no path: nothing, JSON, a URL, more than a line."""
_UNSAFE = re.compile(r"['\"*?\[\]{}=\x00-\x1f]")
"""What dlt and DuckDB would not take literally in the path of a file that is loaded."""


def require_known_settings() -> None:
    """Raise `SettingsError` where a name under `[destination]` is misspelt: its setting would be ignored."""
    require_readable()
    types = filter(None, map(_TYPE_VARIABLE.fullmatch, os.environ))
    written = names_under(("destination",)) | {found["name"].lower() for found in types}
    destinations: Any = dlt.config.get("destinations")
    named = {WAREHOUSE, *(map(str, destinations) if isinstance(destinations, list) else ())}
    # A lake may be described that no run fills; a name like one that is filled is a slip.
    require_known(("destination",), named | {name for name in written if not nearest(name, named)})
    require_known(("destination", WAREHOUSE), set(MotherDuckClientConfiguration.get_resolvable_fields()))
    if CONFIG in files_with(("destination", WAREHOUSE), "credentials"):
        # dlt looks for them among secrets only: the warehouse would silently be another one.
        what = f"`credentials` under [destination.{WAREHOUSE}] stands in {CONFIG}, where dlt does not look for it."
        raise SettingsError(what, remedy=f"Move it to {SECRETS}, or set {CREDENTIALS_VARIABLE}.")
    require_known(("destination", WAREHOUSE, "credentials"), set(MotherDuckCredentials.get_resolvable_fields()))


def read_credentials() -> Any:  # noqa: ANN401 - a text, or a table of them
    """The credentials as they are written; `None` where there are none.

    Raises:
        SettingsError: they name another kind of database; they are not shown, as they may be a secret.

    """
    credentials: Any = dlt.secrets.get(CREDENTIALS_KEY)
    database = credentials.get("database", "") if isinstance(credentials, dict) else credentials
    if database is None or (str(database).startswith(SCHEME) and not isinstance(credentials, dict)):
        return credentials
    if not isinstance(database, str) or _OTHER_DATABASE.match(database):
        what = "The credentials of the warehouse name neither a DuckDB file nor, as `md:NAME`, a MotherDuck database."
        raise SettingsError(what, remedy=f"Set {CREDENTIALS_VARIABLE} to one of them, as text: docs/settings.md.")
    return credentials


def resolve_file(database: object) -> Path:
    """The absolute path of the DuckDB file.

    dlt would find a relative path from where the pipeline first ran: a copy of the folder would load the original.

    Raises:
        SettingsError: there is no path, or dlt cannot load into it.

    """
    if not database:
        what = "The credentials of the warehouse name no file."
        raise SettingsError(what, remedy=f"Set {CREDENTIALS_VARIABLE} to a file named warehouse.duckdb.")
    file = Path(str(database)).absolute()
    unsafe = _UNSAFE.search(str(file))
    if unsafe:
        # The path is not shown: it may be credentials of another form.
        what = f"The path of the warehouse contains {unsafe[0]!r}, with which dlt cannot load."
        raise SettingsError(what, remedy=f"Move the project to another folder. {MOVE_WAREHOUSE}")
    return file
