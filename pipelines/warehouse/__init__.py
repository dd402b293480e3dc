"""The warehouse: the DuckDB file or MotherDuck database that dlt loads, and the connection to it."""

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import dlt
import duckdb
from dlt.common.configuration.exceptions import ConfigFieldMissingException, ConfigurationException
from dlt.common.destination.exceptions import DestinationException, UnknownDestinationModule
from dlt.common.destination.reference import AnyDestination
from dlt.destinations.exceptions import (
    DatabaseTerminalException,
    DatabaseUndefinedRelation,
    DestinationConnectionError,
)
from dlt.destinations.impl.duckdb.configuration import DuckDbBaseCredentials
from dlt.destinations.impl.motherduck.configuration import MotherDuckCredentials
from dlt.destinations.sql_client import SqlClientBase
from duckdb import DuckDBPyConnection

from pipelines.dlt_folder import open_pipeline
from pipelines.dlt_trace import TraceWithoutSettings
from pipelines.duckdb_imports import without_pandas
from pipelines.errors import SettingsError, WarehouseError
from pipelines.redaction import without_secrets
from pipelines.warehouse import motherduck
from pipelines.warehouse.settings import (
    CREDENTIALS_KEY,
    CREDENTIALS_VARIABLE,
    MOVE_WAREHOUSE,
    WAREHOUSE,
    read_credentials,
    require_known_settings,
    resolve_file,
)
from pipelines.warehouse.truth import require_whole

PIPELINE = "pypi"
DATASET = "raw"
DEFAULT = Path("data/warehouse.duckdb")
GLOBAL_CONFIG = {"memory_limit": "256MB", "preserve_insertion_order": False}
"""What DuckDB may hold of a load before it writes to disk: a load of any length fits, as its rows are only copied."""
STORAGE_VERSION = "v1.4.0"
"""The format of a new file: columns of text cost a third less to write than in DuckDB's default, which is of 1.0."""


@dataclass(frozen=True)
class Warehouse:
    """A DuckDB file or a MotherDuck database, by dlt's destination `warehouse`."""

    file: Path | None
    """The DuckDB file, by its absolute path; `None` on MotherDuck."""
    credentials: DuckDbBaseCredentials | None = None
    """dlt's, if they are not those of the settings."""
    working: Path | None = None
    """dlt's working folder, where it is not the one beside the warehouse."""

    def __str__(self) -> str:
        """Where it is, as a person would name it, and SQLMesh's gateway finds it."""
        return str(self.file) if self.file else f"{motherduck.SCHEME}{self._database}"

    @property
    def folder(self) -> Path:
        """Where this machine keeps what belongs to the warehouse: dlt's working folder and the exported marts."""
        # One for each warehouse: what dlt has not finished for one must not end up in another.
        return self.file.parent if self.file else DEFAULT.parent.absolute() / "motherduck" / self._database

    @property
    def nearest_folder(self) -> Path:
        """That folder, or the nearest folder above it that exists."""
        return next(folder for folder in (self.folder, *self.folder.parents) if folder.exists())

    @property
    def pipelines_dir(self) -> Path:
        """Dlt's working folder."""
        return self.working or self.folder / "dlt"

    @property
    def exists(self) -> bool:
        return self.file is None or self.file.exists()

    @cached_property
    def pipeline(self) -> dlt.Pipeline:
        """Dlt's pipeline into the warehouse, for which there is a file from now on."""
        if self.file and not self.file.exists():
            _make(self.file)
        return open_pipeline(
            lambda: dlt.pipeline(
                PIPELINE,
                pipelines_dir=str(self.pipelines_dir),
                destination=_destination(self.credentials),
                dataset_name=DATASET,
                progress=TraceWithoutSettings(),
            ),
            self.pipelines_dir,
            PIPELINE,
        )

    def require_writable(self) -> None:
        """Raise `WarehouseError` unless the warehouse can be written; write nothing that stays."""
        nearest = self.nearest_folder
        if not nearest.is_dir():
            what = f"The folder {self.folder} cannot be made: {nearest} is a file."
            raise WarehouseError(what, remedy=MOVE_WAREHOUSE)
        for path in filter(None, (nearest, self.folder / "dlt", self.file)):
            if path.exists() and not os.access(path, os.W_OK):
                what = f"No permission to write {path}."
                raise WarehouseError(what, remedy=f"Grant your user write access to it. {MOVE_WAREHOUSE}")

    def require_existing(self) -> None:
        """Raise `WarehouseError` where there is no warehouse yet."""
        if not self.exists:
            raise WarehouseError(f"There is no warehouse at {self} yet.", remedy="`just run` makes one.")

    @contextmanager
    def client(self, *, reuse: bool = True) -> Iterator[SqlClientBase[Any]]:
        """Dlt's client, connected; without `reuse` it is nobody else's, also when it is closed.

        Raises:
            WarehouseError: it cannot be opened, mostly because another process holds the DuckDB file; or a table that
                loads have filled is missing or has another shape.
            SettingsError: the credentials lack a part.

        """
        idle = self._idle_clients if reuse else []
        with _translate_connection_errors(), without_pandas():
            # dlt resolves its whole configuration for each client that it makes.
            reused = idle.pop() if idle else self.pipeline.sql_client()
            with reused as client:
                if not self._checked:
                    require_whole(client, str(self), DATASET)
                    self._checked.append(True)
                self._keep_open()
                yield client
            idle.append(reused)

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Keep the DuckDB file open from now on, or once there is one, so that no query within need open it again."""
        with ExitStack() as kept:
            self._to_keep.append(kept)
            try:
                if self.exists:
                    with self.client():
                        pass
                yield
            finally:
                self._to_keep.clear()

    @contextmanager
    def connection(self) -> Iterator[DuckDBPyConnection]:
        """DuckDB's own connection, for Arrow and for what dlt's client does not do; raises what `client` raises."""
        with self.client() as client:
            yield cast("DuckDBPyConnection", client.native_connection)

    @contextmanager
    def transaction(self) -> Iterator[SqlClientBase[Any]]:
        """A client in a transaction, which is committed at the end unless an error comes out."""
        with self.client() as client, client.begin_transaction():
            yield client

    def checkpoint(self) -> None:
        """Let DuckDB write its log into the file, and free what has been replaced, instead of all at the end."""
        if self.file:
            with self.client() as client:
                client.execute_sql("CHECKPOINT")

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - whatever SQL takes
        """The rows of a query; none where a table of it does not exist yet.

        Raises:
            WarehouseError: a table of it has another shape, or as `client`.

        """
        if not self.exists:
            return []
        try:
            with self.client() as client, client.execute_query(sql, *parameters) as cursor:
                return cursor.fetchall()
        except DatabaseUndefinedRelation:
            return []
        except DatabaseTerminalException as error:
            if not isinstance(error.dbapi_exception, duckdb.BinderException):
                raise
            what = f"A table of {self} has another shape: {str(error.dbapi_exception).splitlines()[0]}"
            raise WarehouseError(what, remedy="`just run` makes it again, or says which one it cannot make.") from error

    def columns(self, table: str) -> set[str]:
        """The columns of a table of `raw`; none where there is no such table."""
        rows = self.query(
            "SELECT column_name FROM information_schema.columns "
            "WHERE table_catalog = CURRENT_DATABASE() AND table_schema = ? AND table_name = ?",
            DATASET,
            table,
        )
        return {name for (name,) in rows}

    def _keep_open(self) -> None:
        try:
            # Another thread, which renews the lease, may be here, too.
            kept = self._to_keep.pop()
        except IndexError:
            return
        keeper = self.pipeline.sql_client()
        keeper.open_connection()
        kept.callback(keeper.close_connection)

    @cached_property
    def _idle_clients(self) -> list[SqlClientBase[Any]]:
        return []

    @cached_property
    def _to_keep(self) -> list[ExitStack]:
        """What has to keep the file open, and waits until there is one."""
        return []

    @cached_property
    def _checked(self) -> list[bool]:
        """Not empty once it is known that nothing is missing."""
        return []

    @property
    def _database(self) -> str:
        return str(self.credentials.database) if self.credentials else ""


_BUSY = re.compile(
    r'Could not set lock on file "(?P<file>.+?)"(.*lock is held in (?P<program>.+?) \(PID (?P<process>\d+)\))?'
)


def resolve_warehouse(*, need_token: bool = True) -> Warehouse:
    """The warehouse that the settings name, or `data/warehouse.duckdb`; it is neither opened nor made.

    Without `need_token`, MotherDuck's token is not looked for: nothing can be opened then.

    Raises:
        SettingsError: dlt cannot make sense of the settings, or MotherDuck's token or database cannot be right.

    """
    require_known_settings()
    # dlt counts all credentials as secret and refuses a default in config.toml, even a file's name.
    if read_credentials() is None:
        os.environ[CREDENTIALS_VARIABLE] = str(DEFAULT.absolute())
    try:
        destination = _destination(None)
        configuration = destination.configuration(destination.spec(), accept_partial=True)
    except (ConfigurationException, DestinationException, UnknownDestinationModule, ValueError, TypeError) as error:
        what = f"The settings of the warehouse cannot be used: {without_secrets(str(error))}"
        remedy = f"Check [destination.warehouse] in .dlt/config.toml. {MOVE_WAREHOUSE}"
        raise SettingsError(what, remedy=remedy) from error
    credentials = cast("DuckDbBaseCredentials", configuration.credentials)
    if isinstance(credentials, MotherDuckCredentials):
        motherduck.require_database(credentials)
        if need_token:
            motherduck.require_token(credentials)
        return Warehouse(None, credentials)
    credentials.global_config = GLOBAL_CONFIG | (credentials.global_config or {})
    file = resolve_file(credentials.database)
    credentials.database = str(file)
    return Warehouse(file, credentials)


def _make(file: Path) -> None:
    """Make an empty warehouse: dlt could not choose its format."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        duckdb.connect(file, config={"storage_compatibility_version": STORAGE_VERSION}).close()
    except duckdb.Error as error:
        raise open_error(error) from error


def _destination(credentials: DuckDbBaseCredentials | None) -> AnyDestination:
    """Dlt's destination `warehouse`: of the type of the settings, or of MotherDuck's where they name an `md:`."""
    named = credentials or dlt.secrets.get(CREDENTIALS_KEY)
    if isinstance(named, MotherDuckCredentials) or str(named).startswith(motherduck.SCHEME):
        return dlt.destination("motherduck", destination_name=WAREHOUSE, credentials=credentials)
    return dlt.destination(WAREHOUSE, credentials=credentials)


@contextmanager
def _translate_connection_errors() -> Iterator[None]:
    try:
        yield
    except ConfigFieldMissingException as error:
        what = f"The credentials of the warehouse are incomplete: no {' and no '.join(error.fields)}."
        remedy = f"Check [destination.warehouse] in .dlt/secrets.toml. {MOVE_WAREHOUSE}"
        raise SettingsError(what, remedy=remedy) from error
    except DestinationConnectionError as error:
        raise open_error(error.inner_exc) from error


def open_error(error: Exception) -> WarehouseError:
    """The error for a warehouse that DuckDB cannot open."""
    busy = _BUSY.search(str(error))
    if not busy:
        what = f"The warehouse cannot be opened: {without_secrets(str(error))}"
        remedy = "Check the file; of MotherDuck the network, the token, and whether the database exists."
        return WarehouseError(what, remedy=f"{remedy} {MOVE_WAREHOUSE}")
    holder = f"process {busy['process']} ({Path(busy['program']).name})" if busy["process"] else "another process"
    what = f"The warehouse {busy['file']} is busy: {holder} holds it, and DuckDB lets one process at a time open it."
    return WarehouseError(what, remedy="Close that process, or wait until it has ended, and run again.")
