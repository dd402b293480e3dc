"""The lease of a MotherDuck warehouse: a row in the warehouse, which a run acquires, renews and releases."""

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

from pipelines.children import interrupt_main
from pipelines.errors import WarehouseError
from pipelines.warehouse import Warehouse

LEASE_SECONDS = 120
"""How long a machine that died blocks others; the clocks of the machines must differ by less than that."""
RENEWAL_SECONDS = 30


@dataclass(frozen=True)
class Holder:
    """A process that holds a warehouse, identified by its random `token`."""

    token: str
    host: str
    process: int
    since: str

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}, since {self.since}"


@contextmanager
def hold_lease(warehouse: Warehouse, holder: Holder, dead: Holder | None) -> Iterator[None]:
    """Hold the lease; it is taken over if it has expired, and at once from a `dead` holder.

    If the lease is lost meanwhile, the main thread is interrupted as by Ctrl-C.

    Raises:
        WarehouseError: another process has the lease, or has taken it over meanwhile.

    """
    # The thread gets the client, which it opens again each time, and not the pipeline, which is not thread-safe.
    with warehouse.client(reuse=False) as client:
        lease = _Lease(client, holder)
        lease.acquire(dead)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts background processes with interrupts ignored.
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
        lease.release()


class _Lease:
    """`raw.run_lock` is created with its one row, so that of two runs that update the row at once, one fails."""

    def __init__(self, client: SqlClientBase[Any], holder: Holder) -> None:
        self._client = client
        self._holder = holder
        self._table = client.make_qualified_table_name("run_lock")
        self._expires = 0.0
        self.lost = False

    def acquire(self, dead: Holder | None) -> None:
        """Acquire the lease over the open connection, or raise `WarehouseError`."""
        self._expires = monotonic() + LEASE_SECONDS
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
                LEASE_SECONDS,
                dead.token if dead else "",
            )
            found = self._read()
        except DatabaseTransientException as error:
            if not isinstance(error.dbapi_exception, duckdb.TransactionException):
                raise
            raise _held_error("it has just started") from error
        if found != self._holder:
            raise _held_error(str(found))

    def renew_until(self, ended: threading.Event) -> None:
        """Renew until `ended` is set; interrupt the main thread if the lease is lost or about to expire."""
        while not ended.wait(RENEWAL_SECONDS):
            if not self.lost:
                self._renew()
            if self.lost:
                # Repeated, because the main thread may swallow an interrupt: DuckDB does so in a query.
                interrupt_main()

    def _renew(self) -> None:
        started = monotonic()
        try:
            with self._client as client:
                client.execute_sql(
                    f"UPDATE {self._table} SET expires_at = now() + to_seconds(?) WHERE token = ?",
                    LEASE_SECONDS,
                    self._holder.token,
                )
                self.lost = self._read() != self._holder
            self._expires = started + LEASE_SECONDS
        except (DatabaseException, DestinationConnectionError):
            self.lost = monotonic() + RENEWAL_SECONDS > self._expires

    def release(self) -> None:
        # If this fails, the lease expires, and the next run in this folder takes it over at once.
        with suppress(DatabaseException, DestinationConnectionError), self._client as client:
            client.execute_sql(
                f"UPDATE {self._table} SET token = '', expires_at = 'epoch' WHERE token = ?", self._holder.token
            )

    def _read(self) -> Holder:
        rows = self._client.execute_sql(f"SELECT token, host, process, since FROM {self._table}")
        return Holder(*rows[0]) if rows else Holder("", "", 0, "")


def _held_error(holder: str) -> WarehouseError:
    what = f"Another run is at work in the warehouse: {holder}."
    remedy = f"Wait until it has ended, or stop it, and run again. A dead run's lease expires after {LEASE_SECONDS} s."
    return WarehouseError(what, remedy=remedy)
