"""dlt's filesystem destination, with atomic files and with a time limit for uploads."""

import os
from typing import Any

from dlt.destinations import filesystem
from dlt.destinations.impl.filesystem.filesystem import FilesystemClient
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

UPLOAD_SECONDS = 900
"""Time limit for the upload of one file."""


class LakeDestination(filesystem):
    """Publishes whole files: an object appears when its upload is complete, a file in a folder when it is renamed."""

    @property
    def client_class(self) -> type[FilesystemClient]:
        return LakeClient


class LakeClient(FilesystemClient):
    """Writes through the file systems below, and reads through `store`, which is fsspec's own."""

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
    """Limits the time of an upload: no timeout of the S3 client ends an upload to a server that hangs."""

    def __init__(self, files: AbstractFileSystem) -> None:
        self._files = files

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever fsspec has
        return getattr(self._files, name)

    def put_file(self, source: str, target: str) -> None:
        self._files.put_file(source, target, timeout=UPLOAD_SECONDS)

    def write_text(self, target: str, text: str, encoding: str = "utf-8") -> None:
        self._files.pipe_file(target, text.encode(encoding), timeout=UPLOAD_SECONDS)
