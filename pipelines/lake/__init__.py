"""A lake: Parquet files by day and project, in a folder or a bucket, written by dlt's filesystem destination.

    <bucket_url>/raw/file_downloads/day=2026-07-01/<project>.parquet  rows
    <bucket_url>/raw/daily_counts/day=2026-07-01/<project>.parquet    or counts, as the day was loaded
    <bucket_url>/raw/quarantine/day=2026-07-01/<project>.parquet      rows that failed the contract
    <bucket_url>/raw/extract_ledger/extract_ledger.parquet            estimates and bills of the queries
    <bucket_url>/raw/releases/releases.parquet                        the releases that were known
    <bucket_url>/raw/manifest/manifest.parquet                        the complete days

A project's day is one object, always under the same name, and is replaced as a whole: a reader sees the old day or the
new one, never parts of both.
"""

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from socket import getaddrinfo
from tempfile import TemporaryDirectory
from typing import cast
from urllib.parse import urlsplit
from urllib.request import getproxies

import dlt
import pyarrow as pa
import pyarrow.parquet as pq
from dlt.common.storages.configuration import FilesystemConfiguration
from dlt.extract import DltResource
from fsspec import AbstractFileSystem

from pipelines.dlt_folder import open_pipeline
from pipelines.dlt_trace import TraceWithoutSettings
from pipelines.errors import LakeError
from pipelines.lake.destination import LakeClient, LakeDestination
from pipelines.lake.files import MANIFEST_SCHEMA, ParquetFile, read_key
from pipelines.lake.store_errors import damaged_error, translate_store_errors
from pipelines.pypi.days import CommittedDay
from pipelines.redaction import without_secrets
from pipelines.warehouse.releases import COPY_SCHEMA

DATASET = "raw"
LEDGER, MANIFEST, RELEASES = "extract_ledger", "manifest", "releases"

MARTS_FOLDER = "marts"
"""The folder of marts written for other tools: beside `raw` in a lake, or beside the warehouse."""


_SYNC_REMEDY = "`just sync` writes the lake again from the warehouse."


@dataclass(frozen=True)
class Lake:
    """A folder or a bucket: one of dlt's named destinations, of the type `filesystem`."""

    name: str
    bucket_url: str
    """Its URL, or the absolute path of its folder."""
    working: Path
    """dlt's working folder."""
    _keys: dict[str, str] = field(default_factory=dict, repr=False)
    """The key of each file of a load package, by the file's id."""

    @cached_property
    def pipeline(self) -> dlt.Pipeline:
        name = f"pypi_{self.name}"
        return open_pipeline(lambda: self._open(name), self.working, name)

    def _open(self, name: str) -> dlt.Pipeline:
        return dlt.pipeline(
            name,
            pipelines_dir=str(self.working),
            destination=LakeDestination(
                bucket_url=self.bucket_url,
                destination_name=self.name,
                layout="{table_name}/{key}.{ext}",
                extra_placeholders={"key": lambda _schema, _table, _load_id, file, _ext: self._keys[file]},
            ),
            dataset_name=DATASET,
            progress=TraceWithoutSettings(),
        )

    def __str__(self) -> str:
        """The URL of the folder that `put` writes to."""
        return f"{self.url}/{MARTS_FOLDER}"

    @property
    def url(self) -> str:
        return without_secrets(str(self._client.config.bucket_url))

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of this machine; told without credentials."""
        return bool(FilesystemConfiguration.is_local_path(self.bucket_url))

    @property
    def store(self) -> AbstractFileSystem:
        """The file system of the folder or bucket, with the lake's credentials."""
        return self._client.store

    def path(self, table: str, key: str) -> str:
        """The path of a table's file in `store`."""
        return f"{self._client.dataset_path}{table}/{key}.parquet"

    def require_reachable(self) -> None:
        """Raise `LakeError` unless the bucket exists, which dlt would create, or the folder can be written."""
        with translate_store_errors(self.name):
            client = self._client
            if not client.is_local_filesystem:
                self._look_host_up()
                client.store.info(client.bucket_path.split("/")[0])
                return
        folder = Path(client.bucket_path)
        nearest = next(path for path in (folder, *folder.parents) if path.exists())
        if not (nearest.is_dir() and os.access(nearest, os.W_OK)):
            what = f"The lake {self.name!r} cannot be written: {nearest} is a file, or you have no permission."
            raise LakeError(what, remedy=f"Set `bucket_url` of [destination.{self.name}] to another folder.")

    def _look_host_up(self) -> None:
        """Raise the error of a host that is not known at once: the store's client would try for half a minute."""
        endpoint = getattr(self._client.config.credentials, "endpoint_url", None)
        host = urlsplit(endpoint).hostname if endpoint else None
        # A proxy may know hosts that this machine does not.
        if host and not getproxies():
            getaddrinfo(host, None)

    def manifest(self) -> list[CommittedDay]:
        """The complete days, by the manifest.

        Raises:
            LakeError: the lake does not answer, or the manifest is damaged.

        """
        manifest = self._read(MANIFEST)
        try:
            return [CommittedDay(**row) for row in manifest.to_pylist()] if manifest else []
        except TypeError as error:
            raise damaged_error(self.path(MANIFEST, MANIFEST), _SYNC_REMEDY) from error

    def ledger(self) -> pa.Table | None:
        """The lake's copy of the warehouse's ledger; `None` if there is none."""
        return self._read(LEDGER)

    def releases(self) -> pa.Table | None:
        """The lake's copy of the releases; `None` if there is none.

        Raises:
            LakeError: the lake does not answer, or the copy is damaged.

        """
        copy = self._read(RELEASES)
        try:
            return copy.select(COPY_SCHEMA.names).cast(COPY_SCHEMA) if copy else None
        except (pa.ArrowException, KeyError) as error:
            raise damaged_error(self.path(RELEASES, RELEASES), _SYNC_REMEDY) from error

    def publish(self, days: Collection[CommittedDay], ledger: pa.Table, releases: pa.Table | None) -> None:
        """Replace the manifest, and the copies of the warehouse's ledger and, if given, of its releases."""
        manifest = pa.Table.from_pylist([vars(day) for day in days], schema=MANIFEST_SCHEMA)
        tables = {MANIFEST: manifest, LEDGER: ledger} | ({} if releases is None else {RELEASES: releases})
        self.write([ParquetFile(name, name, table.schema, iter(table.to_batches())) for name, table in tables.items()])

    def write(self, files: Sequence[ParquetFile]) -> dict[str, int]:
        """Write the files, which replace files of the same key; return the rows of the log in them by `table/key`.

        Raises:
            LakeError: not all files were written; writing them again does no harm.

        """
        written: dict[str, int] = {}
        with translate_store_errors(self.name):
            # Packages of a run that died can go: the manifest lacks their days, so they are written again.
            self.pipeline.abort_packages()
            with TemporaryDirectory(dir=self.pipeline.working_dir) as folder:
                self.pipeline.extract(
                    [
                        _import([file for file in files if file.table == table], Path(folder), written)
                        for table in dict.fromkeys(file.table for file in files)
                    ],
                    loader_file_format="parquet",
                )
            self.pipeline.normalize()
            self._remember_keys()
            self.pipeline.load()
        return written

    def put(self, file: Path, name: str) -> None:
        """Publish a local file atomically as `name`, which may contain folders, beside the tables."""
        with translate_store_errors(self.name):
            client = self._client
            client.fs_client.put_file(str(file), client.pathlib.join(client.bucket_path, MARTS_FOLDER, name))

    def keys(self, table: str) -> list[str]:
        """The keys of the table's files by day and project."""
        with translate_store_errors(self.name):
            paths: list[str] = self.store.glob(self.path(table, "day=*/*"))
        return ["/".join(path.removesuffix(".parquet").split("/")[-2:]) for path in paths]

    def remove(self, table: str, keys: str, keep: Collection[str] = ()) -> None:
        """Remove the files whose keys match the glob `keys`, except the keys to `keep`."""
        with translate_store_errors(self.name):
            kept = {self.path(table, key) for key in keep}
            for path in self.store.glob(self.path(table, keys)):
                if path not in kept:
                    self.store.rm_file(path)

    def _read(self, table: str) -> pa.Table | None:
        """A table that is one file of the same name; `None` if it does not exist."""
        with translate_store_errors(self.name):
            self._look_host_up()
            path = self.path(table, table)
            content = self.store.cat_file(path) if self.store.exists(path) else None
        try:
            return pq.read_table(pa.BufferReader(content)) if content is not None else None
        except (pa.ArrowException, OSError) as error:
            raise damaged_error(path, _SYNC_REMEDY) from error

    def _remember_keys(self) -> None:
        self._keys.clear()
        for load_id in self.pipeline.list_normalized_load_packages():
            for job in self.pipeline.get_load_package_info(load_id).jobs["new_jobs"]:
                if job.job_file_info.file_format == "parquet":
                    self._keys[job.job_file_info.file_id] = read_key(Path(job.file_path))

    @cached_property
    def _client(self) -> LakeClient:
        return cast("LakeClient", self.pipeline.destination_client())


def _import(files: Sequence[ParquetFile], folder: Path, written: dict[str, int]) -> DltResource:
    """A resource that imports the files of one table: each file becomes one job, and is not rewritten by dlt."""
    from dlt.common.libs.pyarrow import py_arrow_to_table_schema_columns

    def write() -> Iterator[object]:
        for number, file in enumerate(files):
            path = folder / f"{file.table}-{number}.parquet"
            written[f"{file.table}/{file.key}"] = file.write(path)
            yield dlt.mark.with_file_import(str(path), "parquet", pq.read_metadata(path).num_rows)
            path.unlink()

    first = files[0]
    return dlt.resource(
        write,
        name=first.table,
        columns=py_arrow_to_table_schema_columns(first.schema),
        write_disposition="append",
    )
