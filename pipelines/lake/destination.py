"""dlt's filesystem destination, with files that appear as a whole."""

import os
from typing import Any

from dlt.destinations import filesystem
from dlt.destinations.impl.filesystem.filesystem import FilesystemClient
from fsspec.implementations.local import LocalFileSystem


class LakeDestination(filesystem):
    """A bucket has a new object when its upload is complete; a folder has a new file when it is renamed."""

    @property
    def client_class(self) -> type[FilesystemClient]:
        return _LakeClient


class _LakeClient(FilesystemClient):
    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - dlt's own
        super().__init__(*arguments, **options)
        if self.is_local_filesystem:
            self.fs_client = _RenamingFileSystem()


class _RenamingFileSystem(LocalFileSystem):  # type: ignore[misc]  # fsspec has no types
    def put_file(self, path1: str, path2: str, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - fsspec's own
        part = f"{path2}.part"
        super().put_file(path1, part, *arguments, **options)
        os.replace(part, path2)  # noqa: PTH105 - fsspec takes strings
