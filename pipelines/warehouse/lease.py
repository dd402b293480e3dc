"""The lease of a warehouse without a file: a row in the warehouse, which a run takes, renews and gives back."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from time import monotonic
from typing import Any

import duckdb
from dlt.destinations.exceptions import DatabaseException, DatabaseTransientException, DestinationConnectionError
from dlt.destinations.sql_client import SqlClientBase

from pipelines.errors import WarehouseError
from pipelines.warehouse import Warehouse

SECONDS = 120
"""How long a machine that died keeps others out; the clocks of the machines may differ by less than that."""
RENEWAL_SECONDS = 30


@dataclass(frozen=True)
class Holder:
    """A process that holds a warehouse; `token` is known to nobody else."""

    token: str
    host: str
    process: int
    since: str

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}, since {self.since}"


@contextmanager
def hold_lease(warehouse: Warehouse, holder: Holder, dead: Holder | None) -> Iterator[None]:
    """Hold the lease; it is taken over where it has run out, and at once from a `dead` holder.

    Where the lease is lost on the way, the main thread is interrupted as by Ctrl-C.

    Raises:
        WarehouseError: another process has the lease, or has taken it over since.

    """
    # The thread gets the client, opened again each time, and not the pipeline, which is not for two threads.
    with warehouse.client(reuse=False) as client:
        lease = _Lease(client, holder)
        lease.take(dead)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # As a shell starts what it puts into the background.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    ended = threading.Event()
    renewal = threading.Thread(target=lease.renew_until, args=(ended,), daemon=True)
    renewal.start()
    try:
        yield
    finally:
        ended.set()
        renewal.join()
        if lease.lost:
            what = "This run could not renew its lease of the warehouse, and another run may have taken it over."
            raise WarehouseError(what, remedy="Nothing is lost: run again once no other run is at work.")
        lease.give_back()


class _Lease:
    """`raw.run_lock` has one row from its making on, so that two that take it change the same row, and one fails."""

    def __init__(self, client: SqlClientBase[Any], holder: Holder) -> None:
        self._client = client
        self._holder = holder
        self._table = client.make_qualified_table_name("run_lock")
        self._expires = 0.0
        self.lost = False

    def take(self, dead: Holder | None) -> None:
        """Take it by the open connection, or raise `WarehouseError`."""
        self._expires = monotonic() + SECONDS
        try:
            self._client.execute_sql(f"CREATE SCHEMA IF NOT EXISTS {self._client.fully_qualified_dataset_name()}")
            self._client.execute_sql(
                f"CREATE TABLE IF NOT EXISTS {self._table} AS SELECT '' AS token, '' AS host, 0::BIGINT AS process,"
                " '' AS since, 'epoch'::TIMESTAMPTZ AS expires_at"
            )
            self._client.execute_sql(
                f"UPDATE {self._table} SET token = ?, host = ?, process = ?, since = ?, "
                "expires_at = now() + to_seconds(?) WHERE expires_at < now() OR token = ?",
                *astuple(self._holder),
                SECONDS,
                dead.token if dead else "",
            )
            found = self._read()
        except DatabaseTransientException as error:
            if not isinstance(error.dbapi_exception, duckdb.TransactionException):
                raise
            raise _refused("it has started at this moment") from error
        if found != self._holder:
            raise _refused(str(found))

    def renew_until(self, ended: threading.Event) -> None:
        """Renew until then; interrupt the main thread when the lease is another's, or about to run out."""
        while not ended.wait(RENEWAL_SECONDS):
            if not self.lost:
                self._renew()
            if self.lost:
                # Each time, as what the main thread is at may swallow an interrupt: in a query DuckDB does.
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def _renew(self) -> None:
        started = monotonic()
        try:
            with self._client as client:
                client.execute_sql(
                    f"UPDATE {self._table} SET expires_at = now() + to_seconds(?) WHERE token = ?",
                    SECONDS,
                    self._holder.token,
                )
                self.lost = self._read() != self._holder
            self._expires = started + SECONDS
        except (DatabaseException, DestinationConnectionError):
            self.lost = monotonic() + RENEWAL_SECONDS > self._expires

    def give_back(self) -> None:
        # What fails here runs out by itself, and the next run in this folder need not wait for that.
        with suppress(DatabaseException, DestinationConnectionError), self._client as client:
            client.execute_sql(
                f"UPDATE {self._table} SET token = '', expires_at = 'epoch' WHERE token = ?", self._holder.token
            )

    def _read(self) -> Holder:
        rows = self._client.execute_sql(f"SELECT token, host, process, since FROM {self._table}")
        return Holder(*rows[0]) if rows else Holder("", "", 0, "")


def _refused(holder: str) -> WarehouseError:
    what = f"Another run is at work in the warehouse: {holder}."
    remedy = f"Wait until it has ended, or stop it, and run again. A run that died is forgotten after {SECONDS} s."
    return WarehouseError(what, remedy=remedy)
