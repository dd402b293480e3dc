"""The warehouse: where dlt loads to, what it has committed, and what its readers have taken from it."""

import os
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import dlt
import pyarrow as pa
from dlt.common.configuration.exceptions import ConfigFieldMissingException, ConfigurationException
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.common.destination.reference import AnyDestination
from dlt.common.storages.load_package import ParsedLoadJobFileName
from dlt.destinations.exceptions import DatabaseUndefinedRelation, DestinationConnectionError
from dlt.destinations.impl.duckdb.configuration import DuckDbBaseCredentials
from dlt.destinations.impl.motherduck.configuration import MotherDuckCredentials
from dlt.destinations.sql_client import SqlClientBase
from duckdb import DuckDBPyConnection

from pipelines import motherduck
from pipelines.errors import SettingsError, WarehouseError

PIPELINE = "pypi"
DATASET = "raw"
DEFAULT = Path("data/warehouse.duckdb")
_ROW = ("project", "day", "ordinal", "_dlt_load_id")
KEYS = {
    "file_downloads": _ROW,
    "quarantine": _ROW,
    "loaded_days": ("project", "day", "_dlt_load_id"),
    "load_watermarks": ("project", "_dlt_load_id"),
}
"""What dlt has loaded, all of it by project, and what tells the rows of each table apart, one by one."""
STAGED = ("file_downloads", "quarantine")
"""The tables that dlt fills from a copy of its own, a staging table, in one transaction."""
GLOBAL_CONFIG = {"memory_limit": "256MB", "preserve_insertion_order": False}
"""What DuckDB may hold of a load before it writes to disk: a load of any length fits, as its rows are only copied."""
CREDENTIALS = "DESTINATION__WAREHOUSE__CREDENTIALS"
_CREDENTIALS = "destination.warehouse.credentials"


@dataclass(frozen=True)
class Warehouse:
    """A DuckDB file or a MotherDuck database, by dlt's destination `warehouse`."""

    file: Path | None
    """The DuckDB file; `None` on MotherDuck."""
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
        # Of its own: what dlt has not finished for one warehouse must not end up in another.
        return self.file.parent if self.file else DEFAULT.parent / "motherduck" / self._database

    @property
    def nearest_folder(self) -> Path:
        """That folder, or while there is none, the nearest above it that there is."""
        return next(folder for folder in (self.folder, *self.folder.absolute().parents) if folder.exists())

    @property
    def exists(self) -> bool:
        return self.file is None or self.file.exists()

    @cached_property
    def pipeline(self) -> dlt.Pipeline:
        return dlt.pipeline(
            PIPELINE,
            pipelines_dir=str(self.working or self.folder / "dlt"),
            destination=_destination(self.credentials),
            dataset_name=DATASET,
        )

    def require_writable(self) -> None:
        """Raise `WarehouseError` unless the warehouse can be written; write nothing that stays."""
        nearest = self.nearest_folder
        if not nearest.is_dir():
            what = f"The folder {self.folder} cannot be made: {nearest} is a file."
            raise WarehouseError(what, remedy=_WHERE)
        for path in filter(None, (nearest, self.folder / "dlt", self.file)):
            if path.exists() and not os.access(path, os.W_OK):
                what = f"No permission to write {path}."
                raise WarehouseError(what, remedy=f"Give yourself the permission. {_WHERE}")

    def drop_half_saved_schemas(self) -> None:
        """Delete the files of a schema that dlt was saving when it died: it would take their names for schemas'."""
        # By the folder: a pipeline that is open has taken the names already.
        for file in (self.working or self.folder / "dlt").glob(f"{PIPELINE}/schemas/*"):
            if not file.name.endswith(".schema.json"):
                file.unlink()
                self.__dict__.pop("pipeline", None)

    def drop_normalized_extracts(self) -> None:
        """Delete the extracts that dlt has normalized but not deleted: it would do it again, and fail each time."""
        extracted = self.pipeline._get_normalize_storage().extracted_packages  # noqa: SLF001 - dlt has no public way
        for load_id in {*extracted.list_packages()} & {*self.pipeline.list_normalized_load_packages()}:
            extracted.delete_package(load_id)

    def adopt_extracted_schemas(self) -> None:
        """Save the schemas of extracts to be normalized: dlt may have died before it did, and would take the last one.

        That one's `destination_scope` names the days of an earlier load, which would be deleted.
        """
        pipeline = self.pipeline
        extracted = pipeline._get_normalize_storage().extracted_packages  # noqa: SLF001 - dlt has no public way
        for load_id in extracted.list_packages():
            pipeline._schema_storage.save_schema(extracted.load_schema(load_id))  # noqa: SLF001 - as above

    def take_back_unfinished(self) -> None:
        """Delete the rows of the jobs that dlt will repeat: it may have died between commit and note."""
        packages = self.pipeline._get_load_storage().normalized_packages  # noqa: SLF001 - dlt has no public way
        with self.client() as client:
            for load_id in self.pipeline.list_normalized_load_packages():
                for file, _ in packages.list_retried_new_jobs(load_id):
                    job = ParsedLoadJobFileName.parse(file)
                    if job.file_format == "parquet" and job.table_name in KEYS:
                        with client.with_staging_dataset() if job.table_name in STAGED else nullcontext():
                            table = client.make_qualified_table_name(job.table_name)
                            keys = KEYS[job.table_name]
                            same = " AND ".join(f"here.{key} = there.{key}" for key in keys)
                            path = packages.storage.make_full_path(file)
                            # Two steps: MotherDuck documents that it takes in a local file, not that it deletes by one.
                            repeated = client.make_qualified_table_name("repeated_rows")
                            with client.begin_transaction():
                                client.execute_sql(
                                    f"CREATE TABLE {repeated} AS SELECT {', '.join(keys)} FROM READ_PARQUET(%s)", path
                                )
                                client.execute_sql(
                                    f"DELETE FROM {table} AS here USING {repeated} AS there WHERE {same}"
                                )
                                client.execute_sql(f"DROP TABLE {repeated}")

    def require_existing(self) -> None:
        """Raise `WarehouseError` where there is nothing to look at yet."""
        if not self.exists:
            raise WarehouseError(f"There is no warehouse at {self} yet.", remedy="`just run` makes one.")

    @contextmanager
    def client(self) -> Iterator[SqlClientBase[Any]]:
        """An open connection.

        Raises:
            WarehouseError: it cannot be opened, mostly because another process holds the DuckDB file.
            SettingsError: the credentials lack a part.

        """
        with _friendly(), self.pipeline.sql_client() as client:
            yield client

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - whatever SQL takes
        """The rows of a query; none where a table of it does not exist yet."""
        if not self.exists:
            return []
        try:
            with self.client() as client, client.execute_query(sql, *parameters) as cursor:
                return cursor.fetchall()
        except DatabaseUndefinedRelation:
            return []

    def execute(self, sql: str, *parameters: Any) -> None:  # noqa: ANN401 - whatever SQL takes
        """Write to a table of our own bookkeeping; it is durable when this returns."""
        with self.client() as client:
            _make_bookkeeping(client)
            client.execute_sql(sql, *parameters)

    def columns(self, table: str) -> set[str]:
        """The columns of a table of `raw`; none where there is no such table."""
        rows = self.query(
            "SELECT column_name FROM information_schema.columns "
            "WHERE table_catalog = CURRENT_DATABASE() AND table_schema = %s AND table_name = %s",
            DATASET,
            table,
        )
        return {name for (name,) in rows}

    def ledger(self) -> pa.Table:
        """All of `raw.extract_ledger`."""
        with self.client() as client:
            _make_bookkeeping(client)
            connection = cast("DuckDBPyConnection", client.native_connection)
            return connection.execute(f"FROM {DATASET}.extract_ledger ORDER BY started_at").to_arrow_table()

    def restore_ledger(self, ledger: pa.Table | None) -> None:
        """Put entries into `raw.extract_ledger` that it lacks."""
        if ledger:
            with self.client() as client:
                _make_bookkeeping(client)
                connection = cast("DuckDBPyConnection", client.native_connection)
                connection.register("lake_ledger", ledger)
                connection.execute(f"INSERT INTO {DATASET}.extract_ledger FROM lake_ledger ON CONFLICT DO NOTHING")
                connection.unregister("lake_ledger")

    def loaded_days(self) -> dict[str, set[date]]:
        """The days of each project that a committed load has covered."""
        days: dict[str, set[date]] = {}
        for project, day in self.query(f"SELECT DISTINCT project, day FROM ({COMMITTED_DAYS})"):
            days.setdefault(project, set()).add(day)
        return days

    def count_rows(self, load_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Rows accepted and quarantined by the loads, by project."""
        counts = self.query(
            f"SELECT project, SUM(accepted), SUM(quarantined) FROM ({COMMITTED_DAYS}) "
            "WHERE LIST_CONTAINS(%s, _dlt_load_id) GROUP BY 1",
            list(load_ids),
        )
        return {project: (int(accepted), int(quarantined)) for project, accepted, quarantined in counts}

    def origins(self) -> set[str]:
        """Where the committed data came from: `demo`, `parquet`, `bigquery`."""
        return {row[0] for row in self.query("SELECT DISTINCT origin FROM loaded_days")}

    def projects(self) -> set[str]:
        """The projects of which the warehouse holds anything, complete loads or not, or the KPIs still may."""
        self._ensure_bookkeeping()
        tables = (*KEYS, "forgotten_days")
        return {row[0] for row in self.query(" UNION ".join(f"SELECT project FROM {table}" for table in tables))}

    def track(self, projects: Sequence[str]) -> None:
        """Remember which projects the settings name; the marts show the others as no longer tracked."""
        if not self._ensure_bookkeeping():
            return
        with self._transaction() as client:
            client.execute_sql("DELETE FROM tracked_projects")
            client.execute_sql("INSERT INTO tracked_projects SELECT UNNEST(%s)", list(projects))

    def forget(self, project: str) -> None:
        """Remove the project's rows and what is known of its loads, and keep its days until the KPIs have followed."""
        with self._transaction() as client:
            client.execute_sql(
                "INSERT INTO forgotten_days SELECT project, day FROM file_downloads WHERE project = %s "
                "UNION SELECT project, day FROM loaded_days WHERE project = %s",
                project,
                project,
            )
            for table in KEYS:
                client.execute_sql(f"DELETE FROM {table} WHERE project = %s", project)

    def forgotten_days(self) -> set[date]:
        """The days of forgotten projects that the KPIs may still count."""
        self._ensure_bookkeeping()
        return {row[0] for row in self.query("SELECT DISTINCT day FROM forgotten_days")}

    def pending_days(self, consumer: str) -> dict[str, list[date]]:
        """The days of each committed load that `consumer` has not acknowledged, by load id."""
        self._ensure_bookkeeping()
        pending: dict[str, list[date]] = {}
        rows = self.query(
            f"SELECT DISTINCT _dlt_load_id, day FROM ({COMMITTED_DAYS}) WHERE _dlt_load_id NOT IN "
            "(SELECT load_id FROM acknowledged_loads WHERE consumer = %s) ORDER BY 1, 2",
            consumer,
        )
        for load_id, day in rows:
            pending.setdefault(load_id, []).append(day)
        return pending

    def acknowledge(self, consumer: str, load_ids: Sequence[str], forgotten_days: Collection[date]) -> None:
        """Remember that `consumer` has taken the loads, once all that follows from them is done."""
        with self._transaction() as client:
            for load_id in load_ids:
                client.execute_sql("INSERT INTO acknowledged_loads VALUES (%s, %s)", consumer, load_id)
            client.execute_sql("DELETE FROM forgotten_days WHERE LIST_CONTAINS(%s::DATE[], day)", list(forgotten_days))

    def record_drift(self, upstream: str, fields: Sequence[str], now: datetime) -> None:
        """Remember in `raw.schema_drift` that a table or path has `fields` that the contract does not know."""
        if fields:
            self.execute(_SEEN, upstream, list(fields), now, now)

    def require_exact(self) -> None:
        """Raise `WarehouseError` unless each loaded day has the rows that its extract counted."""
        wrong = self.query(_MISCOUNTED)
        if wrong:
            project, day, expected, found = wrong[0]
            what = (
                f"{len(wrong)} loaded days have another number of rows than was extracted, first {project} on {day}: "
                f"{expected:,} extracted, {found:,} in the warehouse."
            )
            raise WarehouseError(
                what, remedy="Something else has written raw.file_downloads. Restore it, or start anew."
            )

    def _ensure_bookkeeping(self) -> bool:
        """Make the tables that are ours and not dlt's; return whether there is a place for them yet."""
        if self.exists:
            with self.client() as client:
                _make_bookkeeping(client)
        return self.exists

    @property
    def _database(self) -> str:
        return str(self.credentials.database) if self.credentials else ""

    @contextmanager
    def _transaction(self) -> Iterator[SqlClientBase[Any]]:
        with self.client() as client, client.begin_transaction():
            yield client


_BOOKKEEPING = {
    "acknowledged_loads": "consumer TEXT, load_id TEXT",
    "extract_ledger": "job_id TEXT PRIMARY KEY, gcp_project TEXT, location TEXT, project TEXT, start_day DATE, "
    "end_day DATE, started_at TIMESTAMPTZ, bytes_estimated BIGINT, bytes_billed BIGINT, cost DOUBLE, rows_read BIGINT, "
    "seconds DOUBLE, status TEXT",
    "forgotten_days": "project TEXT, day DATE",
    "schema_drift": "upstream TEXT, field TEXT, first_seen TIMESTAMPTZ, last_seen TIMESTAMPTZ, "
    "PRIMARY KEY (upstream, field)",
    "tracked_projects": "project TEXT",
}

COMMITTED_DAYS = """
    SELECT loaded_days.* FROM loaded_days
    JOIN _dlt_loads ON loaded_days._dlt_load_id = _dlt_loads.load_id AND _dlt_loads.status = 0
"""
"""Jobs of a package commit one by one: rows count only once the whole load has its row in `_dlt_loads`."""

_COMMITTED_DAYS = f"""
    CREATE OR REPLACE VIEW {DATASET}.committed_days AS
    SELECT days.project, days.day, days.accepted, days.quarantined, days.origin, loads.load_id
    FROM {DATASET}.loaded_days AS days
    JOIN {DATASET}._dlt_loads AS loads ON days._dlt_load_id = loads.load_id AND loads.status = 0
    QUALIFY ROW_NUMBER() OVER (PARTITION BY days.project, days.day ORDER BY loads.load_id DESC) = 1
"""
"""The latest committed load of each day of each project: what the models and their signal know of loads."""

_DLT_TABLES = f"""
    SELECT table_name FROM information_schema.tables
    WHERE table_catalog = CURRENT_DATABASE() AND table_schema = '{DATASET}'
    AND table_name IN ('loaded_days', '_dlt_loads')
"""

_SEEN = f"""
    INSERT INTO {DATASET}.schema_drift SELECT %s, UNNEST(%s), %s, %s
    ON CONFLICT DO UPDATE SET last_seen = excluded.last_seen
"""

_MISCOUNTED = f"""
    WITH latest AS (
        SELECT project, day, MAX_BY(accepted, _dlt_load_id) AS accepted FROM ({COMMITTED_DAYS}) GROUP BY ALL
    ), found AS (
        SELECT project, day, COUNT(*) AS present FROM file_downloads GROUP BY ALL
    )
    SELECT latest.project, latest.day, accepted, COALESCE(present, 0)
    FROM latest LEFT JOIN found USING (project, day)
    WHERE accepted <> COALESCE(present, 0)
    ORDER BY ALL
"""

_BUSY = re.compile(
    r'Could not set lock on file "(?P<file>.+?)"(.*lock is held in (?P<program>.+?) \(PID (?P<process>\d+)\))?'
)
_TOKEN = re.compile(r"(?<=token=)[^&\s'\"]+")

_WHERE = f"Or set {CREDENTIALS} to another file named warehouse.duckdb."


def open_warehouse() -> Warehouse:
    """The warehouse that the settings name, or `data/warehouse.duckdb`; nothing is opened or made yet.

    Raises:
        SettingsError: dlt cannot make sense of the settings, or MotherDuck's token or database cannot be right.

    """
    warehouse = find_warehouse()
    if isinstance(warehouse.credentials, MotherDuckCredentials):
        motherduck.require_token(warehouse.credentials)
    return warehouse


def find_warehouse() -> Warehouse:
    """The same, where the token is not needed, as nothing will be opened.

    Raises:
        SettingsError: dlt cannot make sense of the settings, or MotherDuck's database cannot be right.

    """
    # dlt counts all credentials as secret and refuses a default in config.toml, even a file's name.
    if dlt.secrets.get(_CREDENTIALS) is None:
        os.environ[CREDENTIALS] = str(DEFAULT)
    try:
        destination = _destination(None)
        configuration = destination.configuration(destination.spec(), accept_partial=True)
    except (ConfigurationException, UnknownDestinationModule) as error:
        what = f"The settings of the warehouse cannot be used: {_TOKEN.sub('***', str(error))}"
        raise SettingsError(what, remedy=f"Check [destination.warehouse] in .dlt/config.toml. {_WHERE}") from error
    credentials = cast("DuckDbBaseCredentials", configuration.credentials)
    if isinstance(credentials, MotherDuckCredentials):
        motherduck.require_database(credentials)
        return Warehouse(None, credentials)
    credentials.global_config = GLOBAL_CONFIG | (credentials.global_config or {})
    return Warehouse(Path(str(credentials.database)), credentials)


def _destination(credentials: DuckDbBaseCredentials | None) -> AnyDestination:
    """Dlt's destination `warehouse`: of the type of the settings, or of MotherDuck's where they name an `md:`."""
    named = credentials or dlt.secrets.get(_CREDENTIALS)
    if isinstance(named, MotherDuckCredentials) or str(named).startswith(motherduck.SCHEME):
        return dlt.destination("motherduck", destination_name="warehouse", credentials=credentials)
    return dlt.destination("warehouse", credentials=credentials)


def _make_bookkeeping(client: SqlClientBase[Any]) -> None:
    # Before the first load there is no dataset that the client could have chosen: the names say it.
    client.execute_sql(f"CREATE SCHEMA IF NOT EXISTS {DATASET}")
    for table, columns in _BOOKKEEPING.items():
        client.execute_sql(f"CREATE TABLE IF NOT EXISTS {DATASET}.{table} ({columns})")
    # dlt makes its tables with the first load.
    if len(client.execute_sql(_DLT_TABLES) or ()) == 2:  # noqa: PLR2004 - both tables
        client.execute_sql(_COMMITTED_DAYS)


@contextmanager
def _friendly() -> Iterator[None]:
    try:
        yield
    except ConfigFieldMissingException as error:
        what = f"The credentials of the warehouse are incomplete: no {' and no '.join(error.fields)}."
        raise SettingsError(what, remedy=f"Check [destination.warehouse] in .dlt/secrets.toml. {_WHERE}") from error
    except DestinationConnectionError as error:
        raise unopened(error.inner_exc) from error


def unopened(error: Exception) -> WarehouseError:
    """What is said when DuckDB could not open the warehouse."""
    busy = _BUSY.search(str(error))
    if not busy:
        what = f"The warehouse cannot be opened: {_TOKEN.sub('***', str(error))}"
        remedy = "Check the file; of MotherDuck the network, the token, and whether the database exists."
        return WarehouseError(what, remedy=f"{remedy} {_WHERE}")
    holder = f"process {busy['process']} ({Path(busy['program']).name})" if busy["process"] else "another process"
    what = f"The warehouse {busy['file']} is busy: {holder} holds it, and DuckDB lets one process at a time open it."
    return WarehouseError(what, remedy="Close that process, or wait until it has ended, and run again.")
