"""Child processes that end with this one, however it ends."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

# A process that is killed closes its end of the pipe; the shell's background process then kills the child's group.
_UNTIL_PARENT_ENDS = 'exec 3<&0; (cat <&3; kill -s KILL -- -$$) >/dev/null 2>&1 & exec "$@" 3<&- </dev/null'


def run_child(
    command: Sequence[str], environment: Mapping[str, str], *, cwd: Path | None = None, capture: bool = False
) -> tuple[int, str]:
    """Run a command; return its exit code and, with `capture`, what it printed. Its processes end with this one."""
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
