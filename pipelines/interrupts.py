"""Ctrl-C and SIGTERM end a command alike: with one message, and with its child processes."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_INTERRUPTED = 130
"""Typer's exit code for an interrupt, which it does not report."""
_received: list[signal.Signals] = []


def interrupted() -> bool:
    """Whether a signal has asked this process to end: DuckDB and SQLMesh turn an interrupt into errors of their own."""
    return bool(_received)


@contextmanager
def interruptible() -> Iterator[None]:
    """Exit with one message, and with 128 plus the signal's number, if a signal ends what happens within."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # A shell starts background processes with interrupts ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    try:
        yield
    except SystemExit as end:
        if not (_received and end.code == _INTERRUPTED):
            raise
        _exit()
    except BaseException:
        if not _received:
            raise
        _exit()


def _interrupt(number: int, _frame: FrameType | None) -> None:
    _received.append(signal.Signals(number))
    raise KeyboardInterrupt


def _exit() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    print(  # noqa: T201 - the command line may not be imported yet
        f"Stopped by {_received[0].name}. What is done is kept: the same command continues from there.", file=sys.stderr
    )
    sys.exit(128 + _received[0])
