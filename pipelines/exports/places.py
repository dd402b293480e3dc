"""Where exported files go: a folder of this machine, or a lake."""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipelines.errors import ExportError
from pipelines.exports import EXPORTS
from pipelines.lake.settings import resolve_lakes
from pipelines.warehouse import Warehouse

FOLDER = "marts"


class Place(Protocol):
    """Where files go."""

    def put(self, file: Path, name: str) -> None:
        """Publish a local file atomically as `name`, which may contain folders.

        Raises:
            ExportError: it cannot be written there.

        """


@dataclass(frozen=True)
class LocalFolder:
    """A folder of this machine."""

    folder: Path

    def __str__(self) -> str:
        return str(self.folder)

    def put(self, file: Path, name: str) -> None:
        """Copy it beside its place, then move it there: who reads it sees the old file or the new one."""
        target = self.folder / name
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, part)
            part.replace(target)
        except OSError as error:
            what = f"{target} cannot be written: {error.strerror}."
            raise ExportError(what, remedy="Name another folder with --to, or grant your user write access.") from error
        finally:
            with suppress(OSError):
                part.unlink()


def _resolve_folder(warehouse: Warehouse, to: str | None) -> LocalFolder:
    """The folder `to`, or the one beside the warehouse.

    Raises:
        ExportError: each run replaces what is in that folder.

    """
    folder = Path(to) if to else warehouse.folder / FOLDER
    replaced = (warehouse.folder / EXPORTS).resolve()
    if replaced in (folder.resolve(), *folder.resolve().parents):
        what = f"{folder} is replaced by each run, and what you put there would be gone."
        raise ExportError(what, remedy="Name another folder with --to.")
    return LocalFolder(folder)


def resolve_place(to: str | None, warehouse: Warehouse) -> Place:
    """The lake of that name, or else the folder, or else the one beside the warehouse.

    Raises:
        ExportError: each run replaces what is in that folder.
        SettingsError: a destination is not what it should be.

    """
    for lake in resolve_lakes(warehouse):
        if lake.name == to:
            return lake
    return _resolve_folder(warehouse, to)
