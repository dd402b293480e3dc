"""Lets one command at a time use the warehouse: two runs at once would both read, and pay for, the same days."""

import json
import logging
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from pipelines.errors import WarehouseError
from pipelines.warehouse import Warehouse, bookkeeping, resolve_warehouse
from pipelines.warehouse.lease import Holder, hold_lease

_LOCK_FILE, _HOLDER_FILE = "run.lock", "run.json"


@contextmanager
def exclusive_warehouse() -> Iterator[Warehouse]:
    """The warehouse of the settings, which must exist, held like `exclusive_run` does.

    Raises:
        SettingsError: the settings of the warehouse cannot be used.
        WarehouseError: there is no warehouse yet, or another process holds it.

    """
    warehouse = resolve_warehouse()
    warehouse.require_existing()
    with exclusive_run(warehouse):
        yield warehouse


@contextmanager
def exclusive_run(warehouse: Warehouse) -> Iterator[None]:
    """Hold the warehouse for this process; the operating system releases it however the process ends.

    A warehouse on MotherDuck is held by a lease as well, against runs on other machines.

    Raises:
        WarehouseError: another process holds the folder, the DuckDB file or the lease, or has taken over the lease.

    """
    since = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    holder = Holder(uuid4().hex, socket.gethostname(), os.getpid(), since)
    with _hold_folder(warehouse.folder, holder) as dead:
        if warehouse.file and warehouse.exists:
            # Another program may hold the file, which only opening it shows.
            with warehouse.client():
                pass
        with nullcontext() if warehouse.file else hold_lease(warehouse, holder, dead):
            bookkeeping.drop_misshapen(warehouse)
            yield


@contextmanager
def _hold_folder(folder: Path, holder: Holder) -> Iterator[Holder | None]:
    """Hold the folder, and yield its last holder, which has ended: otherwise it would still have the lock."""
    for path in (folder / _LOCK_FILE, folder / _HOLDER_FILE):
        if path.is_dir():
            logging.getLogger(__name__).warning("%s is a folder, not a file: it is made again.", path)
            shutil.rmtree(path)
    lock = FileLock(folder / _LOCK_FILE, blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        what = f"Another command is at work in {folder}: {_last_holder(folder) or 'its process is not known'}."
        raise WarehouseError(what, remedy="Wait until it has ended, or stop it, and run again.") from error
    except OSError as error:
        what = f"The folder {folder} cannot be locked: {error.strerror}."
        raise WarehouseError(what, remedy="Grant your user write access to it.") from error
    try:
        dead = _last_holder(folder)
        (folder / _HOLDER_FILE).write_text(json.dumps(asdict(holder)))
        yield dead
    finally:
        lock.release()


def _last_holder(folder: Path) -> Holder | None:
    try:
        return Holder(**json.loads((folder / _HOLDER_FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None
