"""One run at a time: two at once would both read, and both pay, for the same days."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from pipelines.errors import WarehouseError

_HOLDER = "run.json"


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Hold the warehouse's folder for this process; the system lets go of it when the process ends, however it does.

    Raises:
        WarehouseError: another process holds it.

    """
    lock = FileLock(folder / "run.lock", blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        what = f"Another run is at work in {folder}: {_holder(folder)}."
        raise WarehouseError(what, remedy="Wait until it has ended, or stop it, and run again.") from error
    except OSError as error:
        what = f"The folder {folder} cannot be locked: {error.strerror}."
        raise WarehouseError(what, remedy="Give yourself the permission to write it.") from error
    try:
        holder = {
            "process": os.getpid(),
            "host": socket.gethostname(),
            "since": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        }
        (folder / _HOLDER).write_text(json.dumps(holder))
        yield
    finally:
        lock.release()


def _holder(folder: Path) -> str:
    try:
        holder = json.loads((folder / _HOLDER).read_text())
    except (OSError, ValueError):
        return "its process is not known"
    return f"process {holder['process']} on {holder['host']}, since {holder['since']}"
