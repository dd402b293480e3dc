"""Kills runs at random points, resumes them, and compares with a run that nothing has disturbed.

    python -m tests.harness.kill --seed 1 --points 50

The command is the real one, `run --no-site`, on a few days of the demo: a load that replaces a day and adds others to
a warehouse that has some. A point is the n-th event of a phase, and both are drawn by the seed. Events are what a crash
can come between: each statement sent to DuckDB, before and after, and each file under the warehouse's folder that
Python opens for writing, moves or removes. Half of the kills come some milliseconds late, to strike in a statement.
A point has one to three kills: the resumed run is killed as well. Then a run goes to its end, and the raw rows, the
quarantine, the days, the marts, the exports and the names of the files left must be those of the undisturbed run.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, cast

import dlt
import duckdb

import pipelines.transform as kpis
from pipelines import exports
from pipelines.demo import write_demo
from tests.harness.forks import call, command_line
from tests.support.content import loaded, published
from tests.support.installation import Installation

PHASES = ("extract", "normalize", "load", "transform", "export")
FIRST = {"START_DATE": "2026-04-12", "END_DATE": "2026-04-15"}
SECOND = {"START_DATE": "2026-04-12", "END_DATE": "2026-04-17", "LAG_DAYS": "1", "CHUNK_ROWS": "2500"}
"""Several chunks of one or two days, so that a kill may strike between two commits."""
MAX_DELAY = 0.02
_AUDITED = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir"}
_WRITES = os.O_WRONLY | os.O_RDWR


@dataclass(frozen=True)
class Kill:
    """A SIGKILL `delay` seconds after the `event`-th event, from 1, of a phase."""

    phase: str
    event: int
    delay: float

    def __str__(self) -> str:
        return f"{self.phase} {self.event}" + (f" +{self.delay * 1000:.0f} ms" if self.delay else "")


@dataclass
class Strike:
    """Counts the events of this process by phase, and kills it at the one of `kill`."""

    folder: str
    kill: Kill | None = None
    phase: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def install(self) -> None:
        for name in ("extract", "normalize", "load"):
            setattr(dlt.Pipeline, name, self._within(name, getattr(dlt.Pipeline, name)))
        kpis.transform = self._within("transform", kpis.transform)
        exports.export = self._within("export", exports.export)
        execute = duckdb.DuckDBPyConnection.execute

        def counted(connection: duckdb.DuckDBPyConnection, *arguments: Any, **options: Any) -> object:  # noqa: ANN401
            self._count()
            try:
                return execute(connection, *arguments, **options)
            finally:
                self._count()

        duckdb.DuckDBPyConnection.execute = counted  # type: ignore[assignment,method-assign]
        sys.addaudithook(self._audit)

    def _within(self, phase: str, step: Callable[..., Any]) -> Callable[..., Any]:
        def marked(*arguments: Any, **options: Any) -> object:  # noqa: ANN401 - whatever the step takes
            outer, self.phase = self.phase, phase
            try:
                return step(*arguments, **options)
            finally:
                self.phase = outer

        return marked

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        here = event in _AUDITED and str(arguments[0]).startswith(self.folder)
        if here and (event != "open" or arguments[2] & _WRITES):
            self._count()

    def _count(self) -> None:
        with self._lock:
            self.counts[self.phase] += 1
            kill = self.kill
            if kill and (self.phase, self.counts[self.phase]) == (kill.phase, kill.event):
                if kill.delay:
                    threading.Timer(kill.delay, _die).start()
                else:
                    _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _count(folder: Path, kill: Kill | None, counts: Path) -> None:
    """The command line in this process; writes its counts, if it comes to its end."""
    strike = Strike(str(folder), kill)
    strike.install()
    try:
        command_line("run", "--no-site")
    finally:
        counts.write_text(json.dumps(strike.counts))


def run(project: Installation, kill: Kill | None = None) -> dict[str, int] | None:
    """The events of a run by phase, or `None` if it was killed.

    Raises:
        RuntimeError: it failed by itself; the message is what it printed.

    """
    counts = project.folder.with_suffix(".counts")
    done = call(_count, project.folder, kill, counts, environment=project.environment)
    if done.returncode == -signal.SIGKILL:
        return None
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return cast("dict[str, int]", json.loads(counts.read_text()))


class Harness:
    """An exported base whose settings leave something to load, and what an undisturbed run makes of it."""

    def __init__(self, folder: Path, base: Installation) -> None:
        self.folder = folder
        self.base = base
        only_loaded = base.copy(folder / "loaded")
        only_loaded.load()
        self.expected_load = loaded(only_loaded)
        self.undisturbed = base.copy(folder / "undisturbed")
        counts = run(self.undisturbed)
        assert counts
        self.counts = counts
        self.expected = loaded(self.undisturbed) | published(self.undisturbed)

    def points(self, seed: int) -> Iterator[list[Kill]]:
        """One to three kills each, the first of them in each phase by turns."""
        random = Random(seed)  # noqa: S311 - the same points every time is the point
        for number in range(sys.maxsize):
            phases = [PHASES[number % len(PHASES)], *random.choices(PHASES, k=random.choice((0, 0, 1, 2)))]
            yield [
                Kill(phase, random.randint(1, self.counts[phase]), random.choice((0, random.uniform(0, MAX_DELAY))))
                for phase in phases
            ]

    def strike(
        self, name: str, kills: list[Kill], start: Installation | None = None, *, publish: bool = True
    ) -> tuple[int, list[str]]:
        """Kill, resume and compare: how many of the kills struck, and what differs, by name.

        Runs start from the base, or from what is nearer to the end. Without `publish`, what was killed before the KPIs
        is only loaded to its end: they follow from what is loaded.
        """
        project = (start or self.base).copy(self.folder / name)
        struck = sum(run(project, kill) is None for kill in kills)
        if publish:
            run(project)
            expected, found = self.expected, loaded(project) | published(project)
        else:
            project.load()
            expected, found = self.expected_load, loaded(project)
        different = [key for key in expected | found if expected.get(key) != found.get(key)]
        shutil.rmtree(project.folder)
        return struck, [f"{key}: {found.get(key)}, not {expected.get(key)}" for key in different]


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill runs at random points, and compare what the next run makes.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--points", type=int, default=50)
    parser.add_argument("--skip", type=int, default=0, help="Go on after that many points of the seed.")
    options = parser.parse_args()
    failed = 0
    with TemporaryDirectory() as folder:
        demo = Path(folder, "demo")
        write_demo(demo)
        base = Installation.of_demo(Path(folder, "base"), demo)
        run(base.with_settings(**FIRST))
        harness = Harness(Path(folder), base.with_settings(**SECOND))
        print(f"Events of an undisturbed run: {harness.counts}")
        for number, kills in zip(range(1, options.points + 1), harness.points(options.seed), strict=False):
            if number <= options.skip:
                continue
            try:
                struck, different = harness.strike(f"point-{number}", kills)
                verdict = f"differs: {'; '.join(different)}" if different else "exact"
            except RuntimeError as error:
                struck, different, verdict = 0, ["run"], f"the run failed:\n{error}"
            failed += bool(different)
            print(f"{number:3} {', '.join(map(str, kills)):50} {struck} of {len(kills)} struck, {verdict}", flush=True)
    print(f"{failed} points failed.")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
