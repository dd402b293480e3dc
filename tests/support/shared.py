"""What takes long to make is made once for all processes of a test run, by the one that needs it first."""

import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock


class Shared:
    """The folder that the processes of a test run have in common."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def once(self, name: str, make: Callable[[Path], object]) -> Path:
        """A folder that `make` has filled; where that fails, the next process tries again."""
        folder, made = self._folder / name, self._folder / f"{name}.made"
        with FileLock(self._folder / f"{name}.lock"):
            if not made.exists():
                folder.mkdir(exist_ok=True)
                make(folder)
                made.touch()
        return folder

    def copy(self, name: str, make: Callable[[Path], object], target: Path) -> Path:
        """A copy of that folder: DuckDB lets one process at a time open a warehouse."""
        shutil.copytree(self.once(name, make), target, dirs_exist_ok=True)
        return target
