"""Child processes that end with this one, however it ends, and interrupts: all that POSIX and Windows do differently.

On Windows a child ends with Ctrl-C and with an error of this process, and outlives one that is killed.
"""

import _thread
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

# A process that is killed closes its end of the pipe; the shell's background process then kills the child's group.
_UNTIL_PARENT_ENDS = 'exec 3<&0; (cat <&3; kill -s KILL -- -$$) >/dev/null 2>&1 & exec "$@" 3<&- </dev/null'


def run_child(
    command: Sequence[str], environment: Mapping[str, str], *, cwd: Path | None = None, capture: bool = False
) -> tuple[int, str]:
    """Run a command; return its exit code and, with `capture`, what it printed. Its processes end with this one."""
    if os.name == "nt":
        return _run_on_windows(command, environment, cwd, capture=capture)
    read_end, write_end = os.pipe()
    try:
        with subprocess.Popen(  # noqa: S603 - commands of ours
            ["sh", "-c", _UNTIL_PARENT_ENDS, "sh", *command],  # noqa: S607 - the shell that PATH names
            cwd=cwd,
            env=environment,
            stdin=read_end,
            stdout=subprocess.PIPE if capture else None,
            stderr=subprocess.STDOUT if capture else None,
            # Whatever the terminal's encoding, Node.js writes UTF-8.
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        ) as child:
            os.close(read_end)
            try:
                output, _ = child.communicate()
            except BaseException:
                os.killpg(child.pid, signal.SIGKILL)
                raise
        return child.returncode, output or ""
    finally:
        os.close(write_end)


def interrupt_main() -> None:
    """Interrupt the main thread as by Ctrl-C; on Windows, not before the call ends in which it waits."""
    if os.name == "nt":
        _thread.interrupt_main()
    else:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def _run_on_windows(
    command: Sequence[str], environment: Mapping[str, str], cwd: Path | None, *, capture: bool
) -> tuple[int, str]:
    with subprocess.Popen(  # noqa: S603 - commands of ours
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if capture else None,
        stderr=subprocess.STDOUT if capture else None,
        encoding="utf-8",
        errors="replace",
    ) as child:
        try:
            output, _ = child.communicate()
        except BaseException:
            child.kill()
            raise
    return child.returncode, output or ""
