"""Where exported files go: a folder of this machine, or a lake."""

import errno
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import dlt

from pipelines.errors import ExportError, SettingsError
from pipelines.exports import EXPORTS
from pipelines.lake import MARTS_FOLDER
from pipelines.lake.settings import resolve_lakes
from pipelines.warehouse import Warehouse

_LAKE_SETTINGS = ("destination_type", "bucket_url")


class Place(Protocol):
    """A folder or a lake that exported files are put into."""

    def put(self, file: Path, name: str) -> None:
        """Publish a local file atomically as `name`, which may contain folders.

        Raises:
            ExportError: the file cannot be written there.

        """


@dataclass(frozen=True)
class LocalFolder:
    """A folder of this machine."""

    folder: Path

    def __str__(self) -> str:
        return str(self.folder)

    def put(self, file: Path, name: str) -> None:
        """Copy the file beside its target, then rename it: a reader sees the old file or the new one."""
        target = self.folder / name
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, part)
            part.replace(target)
        except OSError as error:
            what = f"{target} cannot be written: {error.strerror}."
            remedy = "Name another folder with --to, or grant your user write access."
            if error.errno == errno.ENAMETOOLONG:
                remedy = "This disk takes no longer name: name a lake in a bucket with --to."
            raise ExportError(what, remedy=remedy) from error
        finally:
            with suppress(OSError):
                part.unlink()


def _resolve_folder(warehouse: Warehouse, to: str | None) -> LocalFolder:
    """The folder `to`, or the one beside the warehouse.

    Raises:
        ExportError: it is the folder of the exports, which each run replaces.

    """
    folder = Path(to) if to else warehouse.folder / MARTS_FOLDER
    replaced = (warehouse.folder / EXPORTS).resolve()
    if replaced in (folder.resolve(), *folder.resolve().parents):
        what = f"Each run replaces {folder}: files that you write there would be deleted."
        raise ExportError(what, remedy="Name another folder with --to.")
    return LocalFolder(folder)


def resolve_place(to: str | None, warehouse: Warehouse) -> Place:
    """The lake named `to`, or else the folder `to`, or by default the folder `marts` beside the warehouse.

    Raises:
        ExportError: it is the folder of the exports, which each run replaces.
        SettingsError: the settings of the destinations are wrong, or `to` names a destination that no run fills.

    """
    for lake in resolve_lakes(warehouse):
        if lake.name == to:
            return lake
    if to and to.isidentifier() and any(dlt.config.get(f"destination.{to}.{key}") for key in _LAKE_SETTINGS):
        what = f"The settings have a destination {to!r}, but `destinations` names no such lake: no run fills it."
        remedy = f"Add {to!r} to `destinations` (docs/destinations.md), or name a folder as a path: ./{to}"
        raise SettingsError(what, remedy=remedy)
    return _resolve_folder(warehouse, to)
