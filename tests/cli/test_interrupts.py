"""Ctrl-C and SIGTERM end a command with one message, and no process of a command outlives it."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from pipelines.children import run_child
from tests.support.installation import ROOT

SLEEP = """
import time
from pipelines.interrupts import interruptible
with interruptible():
    print("ready", flush=True)
    time.sleep(60)
"""
QUERY = """
import duckdb
from pipelines.interrupts import interruptible
with interruptible():
    print("ready", flush=True)
    duckdb.sql("SELECT SUM(HASH(a.range * b.range)) FROM range(1000000) AS a, range(1000000) AS b").fetchall()
"""
COMMAND = """
import typer, time
from pipelines import cli
from pipelines.interrupts import interruptible
cli.app = typer.Typer()
@cli.app.command()
def wait() -> None:
    print("ready", flush=True)
    time.sleep(60)
with interruptible():
    cli.main()
"""
IMPORT = """
import runpy, sys, time
class Slow:
    def find_spec(self, name, *_):
        if name == "typer":
            print("ready", flush=True)
            time.sleep(60)
sys.meta_path.insert(0, Slow())
runpy.run_module("pipelines", run_name="__main__")
"""
PARENT = """
import os, sys
from pathlib import Path
from pipelines.children import run_child
from pipelines.interrupts import interruptible
with interruptible():
    run_child(["sh", "-c", "sleep 60 & echo $$ ready; sleep 60"], os.environ)
"""


def start(script: str) -> subprocess.Popen[str]:
    """A process that runs the script and has printed a line, the last word of which is `ready`."""
    return subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts the background process that runs these tests with interrupts ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("script", [SLEEP, QUERY, COMMAND, IMPORT], ids=["python", "query", "command", "import"])
def test_signal_is_one_message(script: str, number: signal.Signals) -> None:
    """It says that the command can be repeated; the exit code is the shell's for that signal."""
    with start(script) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)

    assert process.returncode == 128 + number
    assert errors == f"Stopped by {number.name}. What is done is kept: the same command continues from there.\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_child_outlives_its_command(number: signal.Signals) -> None:
    """Not even the child of a child, and not even where the command was killed."""
    with start(PARENT) as process:
        assert process.stdout is not None
        group = int(process.stdout.readline().split()[0])
        os.killpg(group, 0)
        process.send_signal(number)
        process.wait(timeout=30)

    deadline = time.monotonic() + 10
    with suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(0.05)
        pytest.fail("a process of the group is alive")


def test_child_that_ends_is_reported(tmp_path: Path) -> None:
    """With its exit code, and what it printed to both streams, in whatever encoding."""
    command = ["sh", "-c", "pwd; echo bad >&2; printf 'caf\\303\\251 \\377'; exit 7"]

    assert run_child(command, os.environ, cwd=tmp_path, capture=True) == (7, f"{tmp_path}\nbad\ncafé \ufffd")
