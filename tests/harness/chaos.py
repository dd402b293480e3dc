"""Damages what a run has left, one thing at a time, and judges the commands by rules: `just chaos`.

    just chaos                                  everything; it takes hours
    just chaos --kind table --seed 7 --cases 9  a part of it, which the seed draws

A case damages a file or folder of the warehouse or of its lake (`file`), a table or view (`table`), sets a setting to
what nobody means (`setting`), or gives the files upstream names that look like something else (`tree`). Each begins
with the same loaded, computed and exported warehouse, goes through its commands, and ends with a run. The rules:

- No command dies by a signal, shows a stack trace, or ends in an error that nobody has foreseen.
- A command that fails says what happened, and what to do.
- A run that ends well has the rows, the quarantine, the days, the KPIs and the exports of an undisturbed one.
"""

import argparse
import os
import re
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import duckdb

from pipelines.cli.printing.terminal import show_error
from pipelines.errors import InsightsError
from pipelines.load import load
from pipelines.load.plan import LoadRequest
from pipelines.pypi.settings import Settings, resolve_settings
from pipelines.warehouse import resolve_warehouse
from tests.harness.forks import call, command_line
from tests.support.installation import NOW, Done, Installation
from tests.support.rows import download, downloads, july, write

RUN = ("run", "--no-site")
READERS: tuple[tuple[str, ...], ...] = (
    ("doctor",),
    ("estimate",),
    ("costs",),
    ("quarantine",),
    ("alerts",),
    ("export", "--format", "csv"),
    ("badges",),
    ("plan",),
    ("audit",),
)
WRITERS: tuple[tuple[str, ...], ...] = (
    ("backfill", "2026-07-04", "2026-07-06", "--no-site"),
    ("sync",),
    ("restore", "lake", "--no-site"),
    ("forget", "--from", "2099-01-01", "--yes", "--no-site"),
)
SECONDS = 240
"""A command that takes longer hangs."""
EXIT_CODES = {0, 1, 2, 3}
_SIMILAR = re.compile(r"[0-9a-f]{6,}|\d+(\.\d+)?")
"""What distinguishes files or tables of one kind: ids, hashes, days."""

HOSTILE_TEXTS = (
    "", " ", "null", "true", "[]", "{}", "[1]", "[null]", '["one", 2]', '{"a": 1}', "-1", "0", "1e-9", "1e300", "nan",
    "inf", "99999999999999999999", "2999-01-01", "0000-00-00", "2026-02-30", "a'b\"c`d", "../../x", "/dev/null", "%s{}",
    "$(id)", "${HOME}", "\n", "\t[x]", "\x1b[2J", "漢字", "💥", "\u202e", "x" * 5000, "[" * 500, "postgres://u:p@h/d",
)  # fmt: skip
HOSTILE_NAMES = (
    "a*", "a?", "[ab]", "{a,b}", "**", "a'b", 'a"b', "a\\b", "a b", "a\nb", "a;b", "a,b", "%s", "$HOME", "~", "-rf",
    "漢字", "💥", "\u202e", "e\u0301", "x" * 200, "country_code=FR", "project=two", "timestamp=2026-07-02",
    "day=1/day=2", "s3:", "http:", ".hidden", "a.parquet",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """What is damaged and how, and the commands that follow, before the run that ends each case."""

    kind: str
    target: str
    damage: str
    commands: Sequence[tuple[str, ...]] = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.target[:60]!r} {self.damage[:40]!r}"


@dataclass
class Verdict:
    """How often commands ended well and how often they said what to do, and which rules were broken."""

    outcomes: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def judge(self, command: str, done: Done) -> bool:
        """Judge a command by its exit code and texts; return whether it ended well."""
        text = done.stdout + done.stderr
        if done.returncode < 0:
            self.violations.append(f"{command}: died by {signal.Signals(-done.returncode).name}")
        elif "Traceback (most recent call last)" in text:
            self.violations.append(f"{command}: stack trace: {text.strip().splitlines()[-1][:200]}")
        elif "ended by an unexpected" in text:
            self.violations.append(f"{command}: unforeseen: {' '.join(text.split())[:300]}")
        elif done.returncode not in EXIT_CODES:
            self.violations.append(f"{command}: exit code {done.returncode}")
        elif done.returncode == 1 and command != "doctor" and len(done.stderr.strip().splitlines()) < 2:
            self.violations.append(f"{command}: no remedy: {done.stderr.strip()[:200]!r}")
        self.outcomes["ended well" if done.returncode in {0, 3} else "said what to do"] += 1
        return done.returncode == 0


class Chaos:
    """An undisturbed warehouse, with upstream and a lake beside it, which each case gets again at the same place."""

    def __init__(self, project: Installation, pristine: Path) -> None:
        self.project = project
        self.place = project.folder.parent
        self.pristine = pristine
        self.environment = project.environment | {
            "DESTINATIONS": '["warehouse", "lake"]',
            "DESTINATION__LAKE__BUCKET_URL": str(self.place / "lake"),
        }
        for command in (RUN, RUN):
            done = self.run(command)
            assert done.returncode == 0, done.stderr
        shutil.copytree(self.place, pristine, symlinks=True)
        self.expected = content(project)

    def run(self, command: Sequence[str], **settings: str) -> Done:
        return call(_limited, *command, environment=self.environment | settings)

    def cases(self) -> list[Case]:
        """All cases; those of one target and damage share what only reads."""
        groups = [READERS, *((writer,) for writer in WRITERS)]
        found = [Case(*damaged, group) for damaged in (*self._files(), *self._tables()) for group in groups]
        found += [Case("setting", name, text) for name in self._settings() for text in HOSTILE_TEXTS]
        return found + [Case("tree", shape, name) for shape in ("file", "folder") for name in HOSTILE_NAMES]

    def judge(self, case: Case) -> Verdict:
        verdict = Verdict()
        if case.kind == "tree":
            self._judge_tree(case, verdict)
            return verdict
        shutil.rmtree(self.place)
        shutil.copytree(self.pristine, self.place, symlinks=True)
        if case.kind == "setting":
            verdict.judge("run", self.run(RUN, **{case.target: case.damage}))
        elif case.kind == "file":
            FILE_DAMAGES[case.damage](self.place / case.target)
        else:
            with duckdb.connect(self.project.file) as connection:
                connection.execute(TABLE_DAMAGES[case.damage].format(case.target, kind=_kind(connection, case.target)))
        for command in case.commands:
            verdict.judge(command[0], self.run(command))
        if verdict.judge("the run afterwards", self.run(RUN)):
            with suppress(duckdb.Error):
                verdict.violations += _differences(self.expected, content(self.project))
        return verdict

    def _judge_tree(self, case: Case, verdict: Verdict) -> None:
        """A file or folder of that name, beside another file: all rows are loaded, or the name is told."""
        with TemporaryDirectory(dir=self.place.parent) as folder:
            source = Path(folder, "source")
            write(source / "a.parquet", downloads({"one": {1: 3, 2: 1}}))
            write(source / "ab.parquet", downloads({"one": {2: 2}}))
            inside = source / (f"{case.damage}.parquet" if case.target == "file" else f"{case.damage}/x.parquet")
            write(inside, [download(july(3)), download(july(3))])
            project = Installation(Path(folder, "data")).reading(source, "one")
            done = call(_load, environment=project.environment)
            if verdict.judge("load", done):
                found = project.query("SELECT COUNT(*) FROM raw.file_downloads WHERE country_code = 'DE'")
                verdict.violations += [] if found == [(8,)] else [f"load: {found[0][0]} rows, not 8"]

    def _files(self) -> Iterator[tuple[str, str, str]]:
        """One file and one folder of each kind, with each damage."""
        seen = set()
        for path in sorted(self.pristine.rglob("*")):
            name = str(path.relative_to(self.pristine))
            if (alike := _SIMILAR.sub("#", name)) in seen or name.startswith("source"):
                continue
            seen.add(alike)
            for damage in FILE_DAMAGES:
                if path.is_file() or damage in FOLDER_DAMAGES:
                    yield "file", name, damage

    def _tables(self) -> Iterator[tuple[str, str, str]]:
        """One table or view of each kind, with each damage."""
        names = self.project.query(
            "SELECT table_schema, table_name, table_type FROM information_schema.tables "
            "WHERE table_catalog = CURRENT_DATABASE() ORDER BY ALL"
        )
        seen = set()
        for schema, name, kind in names:
            alike = schema if schema.startswith(("sqlmesh__", "marts", "staging", "reference")) else f"{schema}.{name}"
            if alike in seen:
                continue
            seen.add(alike)
            for damage in TABLE_DAMAGES:
                if kind == "BASE TABLE" or damage != "emptied":
                    yield "table", f'"{schema}"."{name}"', damage

    @staticmethod
    def _settings() -> list[str]:
        return [f"SOURCES__PYPI__{name.upper()}" for name in (*Settings().get_resolvable_fields(), "budget_per_runn")]


def content(project: Installation) -> Mapping[str, object]:
    """What has to be the same after any history, by name."""
    found: dict[str, object] = {name: project.query(f"FROM ({sql}) ORDER BY ALL") for name, sql in _CONTENT.items()}
    export = project.folder / "exports" / "downloads_daily.parquet"
    found["export"] = duckdb.sql(f"SELECT project, day, downloads FROM '{export}' ORDER BY ALL").fetchall()
    return found


_CONTENT = {
    "rows": "SELECT project, day, COUNT(*) FROM raw.file_downloads GROUP BY ALL",
    "quarantine": "SELECT project, day, COUNT(*) FROM raw.quarantine GROUP BY ALL",
    "days": "SELECT project, day, accepted, quarantined FROM raw.committed_days",
    "tracked": "FROM raw.tracked_projects",
    "KPIs": "SELECT project, day, downloads FROM marts.downloads_daily",
}


def _differences(expected: Mapping[str, object], found: Mapping[str, object]) -> list[str]:
    return [f"the run afterwards: other {name}, silently" for name in expected if expected[name] != found[name]]


def _limited(*arguments: str) -> None:
    signal.alarm(SECONDS)
    command_line(*arguments)


def _load() -> None:
    signal.alarm(SECONDS)
    try:
        load(LoadRequest(resolve_settings(), resolve_warehouse(), NOW))
    except InsightsError as error:
        show_error(error)
        sys.exit(1)


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def _empty(path: Path) -> None:
    folder = path.is_dir()
    _remove(path)
    path.mkdir() if folder else path.touch()


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _fill_with_garbage(path: Path) -> None:
    path.write_bytes(Random(1).randbytes(max(64, path.stat().st_size)))  # noqa: S311 - the same garbage every time


def _change_kind(path: Path) -> None:
    folder = path.is_dir()
    _remove(path)
    path.write_text("not a folder") if folder else path.mkdir()


def _link_to_nothing(path: Path) -> None:
    _remove(path)
    path.symlink_to("nowhere")


FILE_DAMAGES: dict[str, Callable[[Path], None]] = {
    "absent": _remove,
    "empty": _empty,
    "cut": _cut,
    "garbage": _fill_with_garbage,
    "a folder for a file, or the reverse": _change_kind,
    "a link to nothing": _link_to_nothing,
}
FOLDER_DAMAGES = {"absent", "empty", "a folder for a file, or the reverse", "a link to nothing"}
TABLE_DAMAGES = {
    "dropped": "DROP {kind} {0} CASCADE",
    "emptied": "DELETE FROM {0}",
    "another shape": "DROP {kind} {0} CASCADE; CREATE {kind} {0} AS SELECT 1 AS other",
}


def _kind(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    found = connection.execute(
        'SELECT 1 FROM duckdb_views() WHERE format(\'"{}"."{}"\', schema_name, view_name) = ?', [name]
    )
    return "VIEW" if found.fetchone() else "TABLE"


def make_base(folder: Path) -> Installation:
    """Two projects with a few days, and a row in quarantine."""
    source = folder / "source" / "rows.parquet"
    days = {"one": dict.fromkeys(range(1, 9), 2), "two": dict.fromkeys(range(3, 9), 3)}
    write(source, [*downloads(days), download(july(4), country_code="xx")])
    return Installation(folder / "data").reading(source, "one", "two")


def main() -> int:
    parser = argparse.ArgumentParser(description="Damage what a run has left, and judge the commands by rules.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, help="Draw so many cases.")
    parser.add_argument("--kind", choices=("file", "table", "setting", "tree"), help="Only cases of this kind.")
    options = parser.parse_args()
    totals: dict[str, Counter[str]] = {}
    with TemporaryDirectory() as folder:
        chaos = Chaos(make_base(Path(folder, "place")), Path(folder, "pristine"))
        cases = [case for case in chaos.cases() if options.kind in (None, case.kind)]
        if options.cases:
            cases = Random(options.seed).sample(cases, min(options.cases, len(cases)))  # noqa: S311 - repeatable
        for case in cases:
            verdict = chaos.judge(case)
            total = totals.setdefault(case.kind, Counter())
            total.update(verdict.outcomes, cases=1, violations=len(verdict.violations))
            print(f"{case}: {'; '.join(verdict.violations) or dict(verdict.outcomes)}", flush=True)
    columns = ("cases", "ended well", "said what to do", "violations")
    print(f"| kind | {' | '.join(columns)} |\n|---|{'---:|' * len(columns)}")
    for kind, total in totals.items():
        print(f"| {kind} | {' | '.join(str(total[column]) for column in columns)} |")
    return any(total["violations"] for total in totals.values())


if __name__ == "__main__":
    sys.exit(main())
