"""Processes that start at once, forked from one that has imported all that is slow; some of them die on the way.

`call` is for what comes to an end, `beside` for what is held while a test looks.
"""

import multiprocessing
import os
import pkgutil
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, chdir, contextmanager
from dataclasses import dataclass, field
from itertools import count
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import pytest

from pipelines.cli import main
from pipelines.warehouse import resolve_warehouse
from pipelines.warehouse.lock import exclusive_run
from tests.servers.bigquery import redirect_clients
from tests.support.cloud import stand_in_for_process
from tests.support.few_models import use_models
from tests.support.installation import ROOT, Done

# To fork a process that has threads, as a test's has, is not safe; the server has none.
_processes = multiprocessing.get_context("forkserver")
_PRELOADED = (
    "pytest",
    __name__,
    "pipelines.cli.printing.terminal",
    "pipelines.lake.sync",
    "pipelines.pypi.upstreams.bigquery",
    "pipelines.pypi.upstreams.parquet",
    "pipelines.transform.plan",
)
_processes.set_forkserver_preload([*_PRELOADED])


def preload(*modules: str) -> None:
    """Let each process start with these modules too; before the first of them."""
    _processes.set_forkserver_preload([*_PRELOADED, *modules])


@dataclass(frozen=True)
class Interruption:
    """A signal to the process itself, before the `nth` call of `moment` of `place` whose arguments `match`."""

    place: str
    """A module, or a class in it, as `pkgutil.resolve_name` takes it."""
    moment: str
    nth: int = 1
    match: str = ""
    by: signal.Signals = signal.SIGKILL

    @classmethod
    def after_commit(cls, moment: str, table: str, file_format: str) -> Self:
        """Death by SIGKILL after a destination's commit, before dlt's first note of it, or its second.

        The first is `save_pending_transition`, and to die before it is the worst there is, as dlt runs the job again
        when it resumes; the second is `complete_job`.
        """
        storage = "dlt.common.storages.load_package:PackageStorage"
        return cls(storage, moment, match=rf" {table}\.\S+\.{file_format}( |$)")

    def install(self) -> None:
        owner = pkgutil.resolve_name(self.place)
        whole, calls = getattr(owner, self.moment), count(1)

        def interrupted(*arguments: Any, **options: Any) -> object:  # noqa: ANN401 - whatever it takes
            if re.search(self.match, " ".join(map(str, arguments))) and next(calls) == self.nth:
                os.kill(os.getpid(), self.by)
            return whole(*arguments, **options)

        setattr(owner, self.moment, interrupted)


@dataclass(frozen=True)
class Start:
    """Where a process begins: in which folder, with which variables, and how it is to be interrupted."""

    variables: Mapping[str, str]
    folder: str = field(default_factory=os.getcwd)
    interruption: Interruption | None = None

    def enter(self) -> None:
        os.chdir(self.folder)
        os.environ.clear()
        os.environ.update(self.variables)
        redirect_clients()
        stand_in_for_process()
        use_models(pytest.MonkeyPatch())
        if self.interruption:
            self.interruption.install()


@dataclass(frozen=True)
class Beside:
    """A process that holds something; killed at the end, if not before."""

    process: ForkServerProcess
    pipe: Connection

    @property
    def pid(self) -> int | None:
        return self.process.pid

    def kill(self) -> None:
        self.process.kill()
        self.process.join()

    def let_go(self) -> None:
        """Let it give back what it holds, and end."""
        self.pipe.send(None)
        self.process.join()


def call(
    work: Callable[..., object],
    *arguments: object,
    environment: Mapping[str, str] | None = None,
    interruption: Interruption | None = None,
    folder: Path | None = None,
) -> Done:
    """What came of a call in a process of its own: the exit code, which is negative by a signal, and the output."""
    start = Start(os.environ | (environment or {}), str(folder or Path.cwd()), interruption)
    with TemporaryDirectory() as output:
        process = _start(_call, start, Path(output), work, arguments)
        process.join()
        code = process.exitcode
        assert code is not None
        return Done(code, *(Path(output, name).read_text() for name in _OUTPUT))


def command_line(*arguments: str) -> None:
    """The command line, as a user calls it: work for `call`."""
    sys.argv = ["pipelines", *arguments]
    main()


@contextmanager
def beside(
    occupy: Callable[..., AbstractContextManager[object]], *arguments: object, folder: Path | None = None
) -> Iterator[Beside]:
    """Another process that holds what `occupy` makes, such as `duckdb.connect` or `hold_warehouse`."""
    ours, theirs = _processes.Pipe()
    start = Start(dict(os.environ), str(folder or Path.cwd()))
    other = Beside(_start(_occupy, start, theirs, occupy, arguments), ours)
    # Without it, a process that ends early would never be noticed.
    theirs.close()
    try:
        assert ours.recv() is None
        yield other
    finally:
        other.kill()


@contextmanager
def hold_warehouse(credentials: str | None = None) -> Iterator[None]:
    """A run at work in the warehouse of the settings, or of those credentials."""
    if credentials:
        os.environ["DESTINATION__WAREHOUSE__CREDENTIALS"] = credentials
    with exclusive_run(resolve_warehouse()):
        yield


_OUTPUT = ("stdout", "stderr")


def _start(work: Callable[..., object], *arguments: object) -> ForkServerProcess:
    process = _processes.Process(target=work, args=arguments)
    # The server of the forks starts with the first of them, and stays in its folder.
    with chdir(ROOT):
        process.start()
    return process


def _call(start: Start, folder: Path, work: Callable[..., object], arguments: tuple[object, ...]) -> None:
    for descriptor, name in enumerate(_OUTPUT, 1):
        os.dup2(os.open(folder / name, os.O_CREAT | os.O_WRONLY | os.O_APPEND), descriptor)
    start.enter()
    work(*arguments)


def _occupy(
    start: Start, pipe: Connection, occupy: Callable[..., AbstractContextManager[object]], arguments: tuple[object, ...]
) -> None:
    start.enter()
    with occupy(*arguments):
        pipe.send(None)
        pipe.recv()
