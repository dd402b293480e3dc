"""The warehouse: where dlt loads to, what it has committed, and what its readers have taken from it."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import dlt
from dlt.common.configuration.exceptions import ConfigFieldMissingException, ConfigurationException
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.destinations.exceptions import DatabaseUndefinedRelation, DestinationConnectionError
from dlt.destinations.impl.duckdb.configuration import DuckDbBaseCredentials, DuckDbCredentials
from dlt.destinations.impl.motherduck.configuration import MotherDuckCredentials
from dlt.destinations.sql_client import SqlClientBase

from pipelines.errors import SettingsError, WarehouseError

PIPELINE = "pypi"
DATASET = "raw"
DEFAULT = Path("data/warehouse.duckdb")
CREDENTIALS = "DESTINATION__WAREHOUSE__CREDENTIALS"


@dataclass(frozen=True)
class Warehouse:
    """A DuckDB file or a MotherDuck database, by dlt's named destination `warehouse`."""

    file: Path | None
    """The DuckDB file; `None` on MotherDuck."""
    working: Path | None = None
    """dlt's working folder, where it is not the one beside the warehouse."""

    @property
    def folder(self) -> Path:
        """Where this machine keeps what belongs to the warehouse: dlt's working folder and the exported marts."""
        return self.file.parent if self.file else DEFAULT.parent

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
            destination=dlt.destination("warehouse"),
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

    def require_existing(self) -> None:
        """Raise `WarehouseError` where there is nothing to look at yet."""
        if not self.exists:
            raise WarehouseError(f"There is no warehouse at {self.file} yet.", remedy="`just run` makes one.")

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
            with (
                _friendly(),
                self.pipeline.sql_client() as client,
                client.execute_query(sql, *parameters) as cursor,
            ):
                return cursor.fetchall()
        except DatabaseUndefinedRelation:
            return []

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
        return {row[0] for row in self.query("SELECT DISTINCT origin FROM load_watermarks")}

    def pending_days(self, consumer: str) -> dict[str, list[date]]:
        """The days of each committed load that `consumer` has not acknowledged, by load id."""
        self._ensure_acknowledgements()
        pending: dict[str, list[date]] = {}
        rows = self.query(
            f"SELECT DISTINCT _dlt_load_id, day FROM ({COMMITTED_DAYS}) WHERE _dlt_load_id NOT IN "
            "(SELECT load_id FROM acknowledged_loads WHERE consumer = %s) ORDER BY 1, 2",
            consumer,
        )
        for load_id, day in rows:
            pending.setdefault(load_id, []).append(day)
        return pending

    def acknowledge(self, consumer: str, load_ids: Sequence[str]) -> None:
        """Remember that `consumer` has taken the loads, once all that follows from them is done."""
        with _friendly(), self.pipeline.sql_client() as client:
            for load_id in load_ids:
                client.execute_sql("INSERT INTO acknowledged_loads VALUES (%s, %s)", consumer, load_id)

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

    def _ensure_acknowledgements(self) -> None:
        if not self.exists:
            return
        with _friendly(), self.pipeline.sql_client() as client:
            if client.has_dataset():
                client.execute_sql("CREATE TABLE IF NOT EXISTS acknowledged_loads (consumer TEXT, load_id TEXT)")


COMMITTED_DAYS = """
    SELECT loaded_days.* FROM loaded_days
    JOIN _dlt_loads ON loaded_days._dlt_load_id = _dlt_loads.load_id AND _dlt_loads.status = 0
"""
"""Jobs of a package commit one by one: rows count only once the whole load has its row in `_dlt_loads`."""

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
        SettingsError: dlt cannot make sense of the settings.

    """
    credentials = find_credentials()
    if isinstance(credentials, DuckDbCredentials) and not isinstance(credentials, MotherDuckCredentials):
        return Warehouse(Path(credentials.database))
    return Warehouse(None)


def find_credentials() -> DuckDbBaseCredentials:
    """The credentials of the warehouse, as dlt resolves them; a MotherDuck token may be missing.

    Raises:
        SettingsError: dlt cannot make sense of the settings.

    """
    # dlt counts all credentials as secret and refuses a default in config.toml, even a file's name.
    if dlt.secrets.get("destination.warehouse.credentials") is None:
        os.environ[CREDENTIALS] = str(DEFAULT)
    try:
        destination = dlt.destination("warehouse")
        configuration = destination.configuration(destination.spec(), accept_partial=True)
    except (ConfigurationException, UnknownDestinationModule) as error:
        what = f"The settings of the warehouse cannot be used: {error}"
        raise SettingsError(what, remedy=f"Check [destination.warehouse] in .dlt/config.toml. {_WHERE}") from error
    return cast("DuckDbBaseCredentials", configuration.credentials)


@contextmanager
def _friendly() -> Iterator[None]:
    try:
        yield
    except ConfigFieldMissingException as error:
        what = f"The credentials of the warehouse are incomplete: no {' and no '.join(error.fields)}."
        raise SettingsError(what, remedy="For MotherDuck, set MOTHERDUCK_TOKEN in the environment.") from error
    except DestinationConnectionError as error:
        raise unopened(error.inner_exc) from error


def unopened(error: Exception) -> WarehouseError:
    """What is said when DuckDB could not open the warehouse."""
    busy = _BUSY.search(str(error))
    if not busy:
        what = f"The warehouse cannot be opened: {_TOKEN.sub('***', str(error))}"
        return WarehouseError(what, remedy=f"Check the file, or the network to MotherDuck, and run again. {_WHERE}")
    holder = f"process {busy['process']} ({Path(busy['program']).name})" if busy["process"] else "another process"
    what = f"The warehouse {busy['file']} is busy: {holder} holds it, and DuckDB lets one process at a time open it."
    return WarehouseError(what, remedy="Close that process, or wait until it has ended, and run again.")
