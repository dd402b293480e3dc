"""dlt's filesystem destination, with files that appear as a whole, and uploads that end."""

import os
from typing import Any

from dlt.destinations import filesystem
from dlt.destinations.impl.filesystem.filesystem import FilesystemClient
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

UPLOAD_SECONDS = 900
"""How long an upload of a file may take."""


class LakeDestination(filesystem):
    """A bucket has a new object when its upload is complete; a folder has a new file when it is renamed."""

    @property
    def client_class(self) -> type[FilesystemClient]:
        return LakeClient


class LakeClient(FilesystemClient):
    """Writes by such files; reads by `store`, which is as fsspec made it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - dlt's own
        super().__init__(*arguments, **options)
        self.store = self.fs_client
        if self.is_local_filesystem:
            self.fs_client = _RenamingFileSystem(auto_mkdir=True)
        elif self.fs_client.async_impl:
            self.fs_client = _BoundedFileSystem(self.fs_client)


class _RenamingFileSystem(LocalFileSystem):  # type: ignore[misc]  # fsspec has no types
    def put_file(self, path1: str, path2: str, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - fsspec's own
        part = f"{path2}.part"
        super().put_file(path1, part, *arguments, **options)
        os.replace(part, path2)  # noqa: PTH105 - fsspec takes strings


class _BoundedFileSystem:
    """Uploads by a bounded time: no timeout of S3's client ends one that the server leaves waiting."""

    def __init__(self, files: AbstractFileSystem) -> None:
        self._files = files

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever fsspec has
        return getattr(self._files, name)

    def put_file(self, source: str, target: str) -> None:
        self._files.put_file(source, target, timeout=UPLOAD_SECONDS)

    def write_text(self, target: str, text: str, encoding: str = "utf-8") -> None:
        self._files.pipe_file(target, text.encode(encoding), timeout=UPLOAD_SECONDS)
