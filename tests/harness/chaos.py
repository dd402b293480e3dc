"""Damages what a run has left, one thing at a time, and judges the commands by rules: `just chaos`.

    just chaos                                  every damage; it takes more than an hour of CPU time
    just chaos --kind table --seed 7 --cases 9  a part of it, which the seed draws
    just chaos --every-writer                   each damage with each of `WRITERS`, not with one of them in turn
    just chaos --outcomes FILE                  write an outcome a line, and leave out the cases that FILE has already

A case damages a file or folder of the settings, the warehouse or its lake (`file`), a table or view (`table`), sets a
setting in the environment (`variable`) or in its file (`setting`) to what nobody means, takes a key for BigQuery that
is none (`key`), or gives the files upstream names that look like something else (`tree`). Each begins with the same
loaded, computed and exported warehouse, goes through its commands, and ends with a run with the settings as they were.
The rules:

- No command dies by a signal, shows a stack trace, or ends in an error that nobody has foreseen.
- A command that fails says what happened, and what to do.
- No command shows or writes down a secret.
- A run that ends well has the rows, the quarantine, the days, the KPIs and the exports of an undisturbed one.
"""

import argparse
import gc
import json
import os
import re
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import duckdb
from sqlmesh import Context
from sqlmesh.core.console import NoopConsole, set_console

from pipelines.cli.printing.terminal import show_error
from pipelines.errors import InsightsError
from pipelines.load import load
from pipelines.load.plan import LoadRequest
from pipelines.pypi.clickpy_settings import ClickpySettings
from pipelines.pypi.releases_settings import ReleasesSettings
from pipelines.pypi.settings import Settings, resolve_settings
from pipelines.warehouse import resolve_warehouse
from tests.harness.damages import (
    FILE_DAMAGES,
    HOSTILE_NAMES,
    HOSTILE_TEXTS,
    HOSTILE_VALUES,
    damage_table,
    damages_of_file,
    damages_of_table,
)
from tests.harness.forks import call, command_line, preload
from tests.support.few_models import write_few
from tests.support.installation import NOW, ROOT, Done, Installation
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
)
WRITERS: tuple[tuple[str, ...], ...] = (
    ("backfill", "2026-07-04", "2026-07-06", "--no-site"),
    ("plan",),
    ("sync",),
    ("audit",),
    ("restore", "lake", "--no-site"),
    ("forget", "--from", "2026-07-08", "--yes", "--no-site"),
)
"""What changes the warehouse or a lake, and what starts SQLMesh, which may."""
MARTS = ("marts.load_status", "marts.downloads_monthly", "marts.project_summary")
"""What the commands read; with what these read, a third of the models."""
SECONDS = 600
"""A command that takes longer hangs."""
EXIT_CODES = {0, 1, 2, 3}
SECRET = "hunter2-that-nobody-may-see"  # noqa: S105 - it opens nothing
_SIMILAR = re.compile(r"[0-9a-f]{6,}|\d+(\.\d+)?")
"""What distinguishes files or tables of one kind: ids, hashes, days."""
_SETTINGS = (
    *Settings.get_resolvable_fields(),
    *(f"clickpy__{name}" for name in ClickpySettings.get_resolvable_fields()),
    *(f"releases__{name}" for name in ReleasesSettings.get_resolvable_fields()),
)
_VARIABLES = (
    *(f"SOURCES__PYPI__{name.upper()}" for name in (*_SETTINGS, "budget_per_runn")),
    "SOURCES",
    "SOURCES__PYPI",
    "DESTINATIONS",
    "DESTINATION__WAREHOUSE__CREDENTIALS",
    "DESTINATION__WAREHOUSE__DESTINATION_TYPE",
    "DESTINATION__LAKE__BUCKET_URL",
    "DESTINATION__LAKE__CREDENTIALS",
    "DESTINATION__LAKE__DESTINATION_TYPE",
)
_WRITTEN = (
    *(f"sources.pypi.{name}".replace("__", ".") for name in (*_SETTINGS, "budget_per_runn")),
    "sources",
    "sources.pypi",
    "sources.pipy",
    "destinations",
    "destination",
    "destination.lake",
    "destination.lake.bucket_url",
    "destination.lake.credentials",
    "destination.lake.destination_type",
    "destination.warehouse",
    "destination.warehouse.credentials",
    "destination.warehouse.destination_type",
    "normalize",
    "load",
    "runtime",
)
_KEYS = tuple(FILE_DAMAGES)
_PRELOADED = (
    "dlt.destinations.impl.duckdb.duck",
    "dlt.sources.helpers.requests",
    "email.policy",
    "fsspec.implementations.chained",
    "importlib_metadata",
    "pipelines.cli.printing.alerts",
    "pipelines.cli.printing.costs",
    "pipelines.cli.printing.doctor",
    "pipelines.cli.printing.documents",
    "pipelines.cli.printing.quarantine",
    "pipelines.cli.printing.summary",
    "pipelines.doctor",
    "pipelines.exports.badges",
    "pipelines.load.forget",
    "pipelines.pypi.validation",
    "pipelines.run",
    "pipelines.transform.anomalies",
    "pipelines.transform.review",
    "pipelines.warehouse.quarantine",
    "pyarrow.fs",
    "pyarrow.parquet",
    "rich.progress",
    "rich.table",
    "sqlglot.serde",
    "sqlmesh.core.audit.builtin",
    "sqlmesh.magics",
    "tests.harness.damages",
    "tests.support.rows",
    "typer.main",
)
"""What commands import as they need it: to import it in each process would take most of the time."""
_MEANT = ("end_date", "2999-01-01")
"""A setting and a part of its value by which somebody says that the files upstream are complete."""


@dataclass(frozen=True)
class Case:
    """What is damaged and how, and the commands that follow, before the run that ends each case."""

    kind: str
    target: str
    damage: str
    commands: Sequence[tuple[str, ...]] = (RUN,)

    def __str__(self) -> str:
        commands = ",".join(name for name, *_ in self.commands)
        target = _alike(self.target) if self.kind in {"file", "table"} else self.target
        return f"{self.kind} {target!r} {_shortened(self.damage)!r} {commands}"


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
        if SECRET in text:
            self.violations.append(f"{command}: shows a secret")
        self.outcomes["ended well" if done.returncode in {0, 3} else "said what to do"] += 1
        return done.returncode == 0


class Chaos:
    """An undisturbed warehouse, with settings, upstream and lake beside it, that each case gets at the same place."""

    def __init__(self, project: Installation, pristine: Path) -> None:
        self.project = project
        self.place = project.folder.parent
        self.pristine = pristine
        self._settings = _Settings(project)
        self._settings.write(self.place)
        # Without programs that `doctor` would ask for their versions.
        self.environment = {"PATH": os.devnull} | {
            name: value
            for name, value in project.environment.items()
            if not name.startswith(("SOURCES", "DESTINATION"))
        }
        for command in (RUN, RUN):
            done = self.run(command)
            assert done.returncode == 0, done.stderr
        shutil.copytree(self.place, pristine, symlinks=True)
        self.expected = content(project)
        self._untouched = _look(self.place)

    def run(self, command: Sequence[str], **variables: str) -> Done:
        return call(_limited, *command, environment=self.environment | variables, folder=self.place)

    def cases(self, *, every_writer: bool = False) -> list[Case]:
        """All cases; what only reads goes through a damage together, and `WRITERS` take turns."""
        found = []
        for number, damaged in enumerate((*self._files(), *self._tables())):
            found.append(Case(*damaged, READERS))
            writers = WRITERS if every_writer else (WRITERS[number % len(WRITERS)],)
            found += [Case(*damaged, (writer,)) for writer in writers]
        found += [Case("variable", name, text) for name in _VARIABLES for text in HOSTILE_TEXTS]
        found += [Case("setting", name, text) for name in _WRITTEN for text in HOSTILE_VALUES]
        found = [case for case in found if not (case.target.lower().endswith(_MEANT[0]) and _MEANT[1] in case.damage)]
        found += [Case("key", "GOOGLE_APPLICATION_CREDENTIALS", damage) for damage in _KEYS]
        return found + [Case("tree", shape, name) for shape in ("file", "folder") for name in HOSTILE_NAMES]

    def judge(self, case: Case) -> Verdict:
        verdict = Verdict()
        if case.kind == "tree":
            self._judge_tree(case, verdict)
            return verdict
        variables = self._damage(case)
        for command in case.commands:
            verdict.judge(command[0], self.run(command, **variables))
        self._settings.write(self.place)
        # What looks as before needs no run to show it.
        changed = _look(self.place) != self._untouched
        if changed and verdict.judge("the run afterwards", self.run(RUN)):
            with suppress(duckdb.Error):
                verdict.violations += _differences(self.expected, content(self.project))
        verdict.violations += [f"a secret is written to {name}" for name in self._leaks()]
        if changed:
            shutil.rmtree(self.place)
            shutil.copytree(self.pristine, self.place, symlinks=True)
        return verdict

    def _damage(self, case: Case) -> dict[str, str]:
        """Damage what the case says; return the variables that its commands get."""
        match case.kind:
            case "variable":
                return {case.target: case.damage}
            case "setting":
                self._settings.write(self.place, {case.target: case.damage})
            case "key":
                key = self.place / "key.json"
                key.write_text(json.dumps({"type": "service_account", "private_key": SECRET}))
                FILE_DAMAGES[case.damage](key)
                name = {"SOURCES__PYPI__UPSTREAM": "bigquery", "SOURCES__PYPI__GCP_PROJECT": "billed-project"}
                return name | {case.target: str(key)}
            case "file":
                FILE_DAMAGES[case.damage](self.place / case.target)
            case _:
                damage_table(self.project.file, case.target, case.damage)
        return {}

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
            if (alike := _alike(name)) not in seen and not name.startswith("source"):
                seen.add(alike)
                yield from (("file", name, damage) for damage in damages_of_file(path))

    def _tables(self) -> Iterator[tuple[str, str, str]]:
        """One table or view of each kind, with each damage."""
        names = self.project.query(
            "SELECT table_schema, table_name, table_type FROM information_schema.tables "
            "WHERE table_catalog = CURRENT_DATABASE() ORDER BY ALL"
        )
        seen = set()
        for schema, name, kind in names:
            alike = schema if schema.startswith(("sqlmesh__", "marts", "staging", "reference")) else f"{schema}.{name}"
            if alike not in seen:
                seen.add(alike)
                yield from (("table", f'"{schema}"."{name}"', damage) for damage in damages_of_table(kind))

    def _leaks(self) -> list[str]:
        """The files that hold the secret, but for the one that it stands in."""
        files = (path for name in ("data", "lake") for path in (self.place / name).rglob("*") if path.is_file())
        return [str(path.relative_to(self.place)) for path in files if SECRET.encode() in path.read_bytes()]


class _Settings:
    """The settings of a project as files, of which one value may be another."""

    def __init__(self, project: Installation) -> None:
        place = project.folder.parent
        source = {name.lower(): _toml(value) for name, value in project.settings.items()}
        self._config = {
            "": {"destinations": '["warehouse", "lake"]'},
            "sources.pypi": {"upstream": '"parquet"', **source},
            # No damage leads to the network.
            "sources.pypi.releases": {"enabled": "false", "url": '"http://127.0.0.1:9/simple/"'},
            "destination.warehouse": {"destination_type": '"duckdb"'},
            "destination.lake": {"destination_type": '"filesystem"', "bucket_url": json.dumps(str(place / "lake"))},
            "normalize.parquet_normalizer": {"add_dlt_load_id": "true"},
            "load": {"delete_completed_jobs": "true"},
            "runtime": {"dlthub_telemetry": "false", "log_level": '"CRITICAL"'},
        }
        self._secrets = {
            "destination.warehouse": {"credentials": json.dumps(str(project.file))},
            "destination.lake.credentials": {
                "aws_access_key_id": '"key"',
                "aws_secret_access_key": json.dumps(SECRET),
                "endpoint_url": json.dumps(f"https://u:{SECRET}@s3.invalid"),
            },
        }

    def write(self, place: Path, changes: Mapping[str, str] | None = None) -> None:
        """Write `.dlt` again; what stands under the name that changes goes."""
        folder = place / ".dlt"
        if folder.is_symlink() or folder.is_file():
            folder.unlink()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, sections in (("config.toml", self._config), ("secrets.toml", self._secrets)):
            secret = any(changed.endswith("credentials") for changed in changes or ())
            own = changes if changes and secret == (name == "secrets.toml") else {}
            (folder / name).write_text(_render(sections, own))


def _toml(value: str) -> str:
    """A setting of the environment, where lists and tables are JSON, as TOML."""
    return value.replace(": ", " = ") if value.startswith(("[", "{")) else json.dumps(value)


def _render(sections: Mapping[str, Mapping[str, str]], changes: Mapping[str, str]) -> str:
    lines: dict[str, dict[str, str]] = {"": {}}
    for section, values in sections.items():
        kept = {name: value for name, value in values.items() if f"{section}.{name}".lstrip(".") not in changes}
        if not any(f"{section}.".startswith(f"{changed}.") for changed in changes):
            lines[section] = kept
    for changed, value in changes.items():
        section, _, name = changed.rpartition(".")
        lines.setdefault(section, {})[name] = value
    return "\n".join(
        line
        for section, values in lines.items()
        for line in ([f"[{section}]"] if section else []) + [f"{name} = {value}" for name, value in values.items()]
    )


def content(project: Installation) -> Mapping[str, object]:
    """What has to be the same after any history, by name."""
    found: dict[str, object] = {name: project.query(f"FROM ({sql}) ORDER BY ALL") for name, sql in _CONTENT.items()}
    export = project.folder / "exports" / "downloads_daily.parquet"
    found["export"] = duckdb.sql(f"SELECT project, day, downloads FROM '{export}' ORDER BY ALL").fetchall()
    return found


_CONTENT = {
    "rows": "SELECT project, day, COUNT(*) FROM raw.file_downloads GROUP BY ALL",
    "counts": "SELECT project, day, SUM(log_rows) FROM raw.daily_counts GROUP BY ALL",
    "quarantine": "SELECT project, day, COUNT(*) FROM raw.quarantine GROUP BY ALL",
    "days": "SELECT project, day, accepted, quarantined, grain FROM raw.committed_days",
    "files": "SELECT project, path, digest, timestamp_day, row_count, loaded_day FROM raw.upstream_files",
    "tracked": "FROM raw.tracked_projects",
    "KPIs": "SELECT project, day, downloads FROM marts.downloads_daily",
}


class _Outcomes:
    """The verdicts of the cases that were tried, by the case's text, kept in a file of JSON lines if there is one."""

    def __init__(self, file: Path | None) -> None:
        self.verdicts: dict[str, Verdict] = {}
        self._file = file
        for line in file.read_text().splitlines() if file and file.exists() else ():
            found = json.loads(line)
            self.verdicts[found["case"]] = Verdict(Counter(found["outcomes"]), found["violations"])

    def add(self, case: Case, verdict: Verdict) -> None:
        self.verdicts[str(case)] = verdict
        if self._file:
            with self._file.open("a") as lines:
                lines.write(json.dumps({"case": str(case), **vars(verdict)}) + "\n")


def _differences(expected: Mapping[str, object], found: Mapping[str, object]) -> list[str]:
    return [f"the run afterwards: other {name}, silently" for name in expected if expected[name] != found[name]]


def _look(place: Path) -> list[tuple[object, ...]]:
    """What a place holds, as far as a command can see it; `.dlt`, locks and who held them last apart.

    From a place that looks the same, a run does the same.
    """
    found = []
    for path in place.rglob("*"):
        if ".dlt" not in path.parts and path.suffix != ".lock":
            state = path.lstat()
            content: tuple[object, ...] = () if path.is_dir() else (state.st_size, state.st_mtime_ns)
            if path.is_file():
                content = _of_holder(path) or _of_warehouse(path) or content
            found.append((path, state.st_mode, *content))
    return sorted(found, key=str)


def _of_holder(path: Path) -> tuple[object, ...]:
    """The names of what is noted of the last holder, if it can be read."""
    with suppress(ValueError, AttributeError):
        return tuple(json.loads(path.read_text()).keys()) if path.name == "run.json" else ()
    return ()


def _of_warehouse(path: Path) -> tuple[object, ...]:
    """The statements that make all tables and views of a warehouse, and digests of the rows, if they can be read."""
    with suppress(duckdb.Error):
        if path.name == "warehouse.duckdb":
            with duckdb.connect(path, read_only=True) as connection:
                made = connection.execute(
                    "SELECT schema_name, table_name, sql FROM duckdb_tables() "
                    "UNION ALL SELECT schema_name, NULL, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL"
                ).fetchall()
                rows = " UNION ALL ".join(
                    f'SELECT COUNT(*), SUM(HASH(rows)::HUGEINT) FROM "{schema}"."{name}" AS rows'
                    for schema, name, _ in made
                    if name
                )
                return (*made, *connection.execute(rows).fetchall())
    return ()


def _alike(name: str) -> str:
    """What a file or table is called in each warehouse."""
    return _SIMILAR.sub("#", name)


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:20]}... of {len(text)}"


def _limited(*arguments: str) -> None:
    signal.alarm(SECONDS)
    gc.disable()
    command_line(*arguments)


def _load() -> None:
    signal.alarm(SECONDS)
    try:
        load(LoadRequest(resolve_settings(), resolve_warehouse(), NOW))
    except InsightsError as error:
        show_error(error)
        sys.exit(1)


def make_base(folder: Path) -> Installation:
    """Two projects with a few days, one of them as counts, and a row in quarantine."""
    source = folder / "source" / "rows.parquet"
    days = {"one": dict.fromkeys(range(1, 9), 2), "two": dict.fromkeys(range(3, 9), 3)}
    write(source, [*downloads(days), download(july(4), country_code="xx")])
    project = Installation(folder / "data").reading(source, "one", "two", GRAINS='{"two": "day"}')
    project.models = write_models(folder.parent / "models")
    return project


def write_models(folder: Path) -> Path:
    """SQLMesh's project with `MARTS` alone and no tests of models: they would take longer than all else."""
    os.environ["WAREHOUSE"] = ":memory:"
    set_console(NoopConsole())
    context = Context(paths=[str(ROOT / "sqlmesh")])
    write_few(context, folder, MARTS)
    context.close()
    del os.environ["WAREHOUSE"]
    shutil.rmtree(folder / "tests")
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("  enabled: true\n  rules: ALL", "  enabled: false"))
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(description="Damage what a run has left, and judge the commands by rules.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, help="Draw so many cases.")
    parser.add_argument("--kind", choices=("file", "table", "variable", "setting", "key", "tree"), action="append")
    parser.add_argument("--every-writer", action="store_true", help="Each damage with each writer, not one in turn.")
    parser.add_argument("--outcomes", type=Path, help="A file of JSON lines; its cases are not tried again.")
    options = parser.parse_args()
    outcomes = _Outcomes(options.outcomes)
    preload(*_PRELOADED)
    with TemporaryDirectory() as folder:
        chaos = Chaos(make_base(Path(folder, "a", "place")), Path(folder, "pristine"))
        cases = [
            case
            for case in chaos.cases(every_writer=options.every_writer)
            if not options.kind or case.kind in options.kind
        ]
        if options.cases or options.outcomes:
            # Whoever stops on the way has tried some of each kind.
            drawn = min(options.cases or len(cases), len(cases))
            cases = Random(options.seed).sample(cases, drawn)  # noqa: S311 - repeatable
        for case in cases:
            if str(case) not in outcomes.verdicts:
                verdict = chaos.judge(case)
                outcomes.add(case, verdict)
                print(f"{case}: {'; '.join(verdict.violations) or dict(verdict.outcomes)}", flush=True)
    totals: dict[str, Counter[str]] = {}
    for case in cases:
        verdict = outcomes.verdicts[str(case)]
        total = totals.setdefault(case.kind, Counter())
        total.update(verdict.outcomes, cases=1, violations=len(verdict.violations))
    columns = ("cases", "ended well", "said what to do", "violations")
    print(f"| kind | {' | '.join(columns)} |\n|---|{'---:|' * len(columns)}")
    for kind, total in totals.items():
        print(f"| {kind} | {' | '.join(str(total[column]) for column in columns)} |")
    return any(total["violations"] for total in totals.values())


if __name__ == "__main__":
    sys.exit(main())
