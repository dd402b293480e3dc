"""Resolves the lakes of the settings; warehouse and lakes are dlt's named destinations."""

import os
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path

import dlt
from dlt.common.configuration import configspec, resolve_configuration
from dlt.common.configuration.exceptions import ConfigurationException, ConfigValueCannotBeCoercedException
from dlt.common.configuration.specs import AwsCredentials, BaseConfiguration
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.common.storages.configuration import FilesystemConfiguration
from dlt.destinations import filesystem
from dlt.destinations.impl.filesystem.configuration import FilesystemDestinationClientConfiguration
from fsspec import available_protocols

from pipelines.configuration import require_known
from pipelines.errors import SettingsError
from pipelines.lake import Lake
from pipelines.warehouse import Warehouse
from pipelines.warehouse.settings import WAREHOUSE

_PATTERN = "*?["
_SET_DESTINATIONS = "Set `destinations` in .dlt/config.toml, or DESTINATIONS in the environment"


@configspec
class Destinations(BaseConfiguration):
    """The names of the destinations that a run writes; the settings of each are under `[destination.<name>]`."""

    destinations: list[str] = field(default_factory=lambda: [WAREHOUSE])


def resolve_lakes(warehouse: Warehouse) -> list[Lake]:
    """The lakes of the settings, in their order; they are neither opened nor created.

    Raises:
        SettingsError: the warehouse is not among the destinations, or another destination is not a lake.

    """
    try:
        destinations = resolve_configuration(Destinations()).destinations
        names = list(dict.fromkeys(map(str, destinations)))
    except ConfigValueCannotBeCoercedException as error:
        what = "The setting 'destinations' has the wrong form."
        raise SettingsError(what, remedy=f"""{_SET_DESTINATIONS}, as JSON: '["warehouse", "lake"]'.""") from error
    if WAREHOUSE not in names:
        what = f"The setting 'destinations' lacks {WAREHOUSE!r}, from which KPIs are computed and lakes are written."
        raise SettingsError(what, remedy=f"""{_SET_DESTINATIONS}: '["warehouse", "lake"]'.""")
    return [_resolve_lake(name, warehouse.pipelines_dir) for name in names if name != WAREHOUSE]


def lake_named(name: str, lakes: Sequence[Lake]) -> Lake:
    """The lake of that name.

    Raises:
        SettingsError: the settings name no lake of that name.

    """
    for lake in lakes:
        if lake.name == name:
            return lake
    named = ", ".join(lake.name for lake in lakes) or "none"
    raise SettingsError(f"The settings name no lake {name!r}; they name {named}.", remedy=f"{_SET_DESTINATIONS}.")


def resolve_state(warehouse: Warehouse) -> Lake:
    """The one lake of the settings, which keeps the state of runs on machines that keep nothing.

    Raises:
        SettingsError: the settings name no lake, or several.

    """
    lakes = resolve_lakes(warehouse)
    if len(lakes) != 1:
        what = f"The state of the runs is one lake, and the settings name {len(lakes)}."
        raise SettingsError(what, remedy=f"""{_SET_DESTINATIONS}: '["warehouse", "lake"]'.""")
    return lakes[0]


def _resolve_lake(name: str, working: Path) -> Lake:
    require_known(("destination", name), set(FilesystemDestinationClientConfiguration.get_resolvable_fields()))
    try:
        destination = dlt.destination(name)
        bucket_url: str | None = dlt.config.get(f"destination.{name}.bucket_url")
    except (ConfigurationException, UnknownDestinationModule) as error:
        what = f"The destination {name!r} is not known: {error}"
        raise SettingsError(what, remedy=_remedy(name)) from error
    if not isinstance(destination, filesystem):
        what = f"The destination {name!r} is not a lake: its destination_type is not 'filesystem'."
        raise SettingsError(what, remedy=_remedy(name))
    if not bucket_url:
        raise SettingsError(f"The destination {name!r} has no `bucket_url`.", remedy=_remedy(name))
    location = _absolute(str(bucket_url))
    if location.startswith("s3://"):
        require_known(("destination", name, "credentials"), set(AwsCredentials.get_resolvable_fields()))
    elif not FilesystemConfiguration.is_local_path(location):
        if location.split(":", 1)[0] not in available_protocols():
            what = f"The `bucket_url` of the destination {name!r} begins with no kind of store that is known."
            raise SettingsError(what, remedy=_remedy(name))
    else:
        _require_folder(name, location)
    return Lake(name, location, working)


def _require_folder(name: str, location: str) -> None:
    if any(char in location for char in _PATTERN):
        what = (
            f"The folder of the lake {name!r} contains one of {' '.join(_PATTERN)}, which would be taken for a pattern."
        )
        raise SettingsError(what, remedy=_remedy(name))
    try:
        os.lstat(location)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        # What is not there may be made, and whether it may be written is asked before each run.
        return
    except (OSError, ValueError) as error:
        what = f"The folder of the lake {name!r} cannot be used: {getattr(error, 'strerror', error)}."
        raise SettingsError(what, remedy=_remedy(name)) from error


def _absolute(bucket_url: str) -> str:
    """The URL, or the absolute path of a folder: dlt would find a relative one from where the lake was first filled."""
    if bucket_url.startswith("file:"):
        bucket_url = FilesystemConfiguration.make_local_path(bucket_url)
    return str(Path(bucket_url).absolute()) if FilesystemConfiguration.is_local_path(bucket_url) else bucket_url


def _remedy(name: str) -> str:
    return (
        f'Under [destination.{name}] in .dlt/config.toml, set destination_type = "filesystem", and bucket_url to a '
        f"folder or to s3://bucket/prefix (DESTINATION__{name.upper()}__BUCKET_URL in the environment)."
    )
