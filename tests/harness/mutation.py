"""Changes the project in one place at a time, and looks which test notices.

    python -m tests.harness.mutation --seed 1 --places 50

A place is a guard of Python code (a condition, or a `raise`), or a comparison, join, aggregate or number in the query
of a model or audit. The seed draws places, and what is done to each. The tests of the place's room run first, the fast
ones before the slow, then those of all other rooms but the site's. A change that no test notices has survived: a test
is missing, or the change makes no difference to anybody.
"""

import argparse
import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from sqlglot import tokenize

from tests.support.installation import ROOT

_PAIRS: tuple[tuple[type[ast.cmpop], type[ast.cmpop]], ...] = (
    *((ast.Eq, ast.NotEq), (ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.In, ast.NotIn), (ast.Is, ast.IsNot)),
)
FLIPPED = dict(_PAIRS) | {other: one for one, other in _PAIRS}
SWAPPED = {"=": "<>", "<>": "=", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "AND": "OR", "OR": "AND", "NOT": ""}
SWAPPED |= {"LEFT": "INNER", "SUM": "MAX", "MAX": "MIN", "MIN": "MAX", "COUNT": "MIN", "DESC": "ASC"}
FOLDERS = ("pipelines", "sqlmesh/models", "sqlmesh/audits", "sqlmesh/macros", "sqlmesh/signals")
NOT_COPIED = shutil.ignore_patterns(".venv*", "node_modules", "build", "data", "__pycache__", ".*_cache", ".git")
LINKED = (".git", ".venv", ".venv-emulator", ".venv-s3", ".venv-clickhouse", "evidence/node_modules")
MODEL_TESTS = [
    "tests/transform/test_transform.py::test_unit_tests_of_the_models_pass",
    "tests/transform/test_audits.py",
    "tests/transform/test_real_counts.py",
]
"""Those that judge what a model makes of its rows; others compare it with itself."""


@dataclass(frozen=True)
class Mutation:
    """What stands in a file instead of the bytes from `start` to before `end`."""

    path: Path
    start: int
    end: int
    text: str

    def apply(self) -> bytes:
        source = (ROOT / self.path).read_bytes()
        return source[: self.start] + self.text.encode() + source[self.end :]

    @property
    def rooms(self) -> list[str]:
        """The folders of the tests that are the first to notice: of the same names as a module and its folders."""
        names = ("transform",) if self.path.parts[0] == "sqlmesh" else self.path.with_suffix("").parts[1:]
        return [f"tests/{name}" for name in names if (ROOT / "tests" / name).is_dir()] or ["tests/cli"]

    def __str__(self) -> str:
        source = (ROOT / self.path).read_bytes()
        before = " ".join(source[self.start : self.end].decode().split())
        return f"{self.path}:{source[: self.start].count(10) + 1}: {before} -> {self.text or 'nothing'}"


def places_in_python(path: Path) -> Iterator[list[Mutation]]:
    """The guards of a module, each with all that may be done to it."""
    source = (ROOT / path).read_bytes()
    lines = source.splitlines(keepends=True)

    def instead(node: ast.expr | ast.stmt, text: str) -> Mutation:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start, end = (sum(map(len, lines[: number - 1])) for number in (node.lineno, node.end_lineno))
        return Mutation(path, start + node.col_offset, end + node.end_col_offset, text)

    for node in ast.walk(ast.parse(source)):
        conditions = [node.test] if isinstance(node, ast.If | ast.While | ast.IfExp) else getattr(node, "ifs", [])
        if isinstance(node, ast.Raise) and node.exc:
            yield [instead(node, "pass")]
        elif isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise | ast.Return | ast.Continue):
            yield [instead(node.test, "False"), instead(node.test, "True")]
        for part in (part for condition in conditions for part in ast.walk(condition)):
            if isinstance(part, ast.expr) and (texts := without(part)):
                yield [instead(part, f"({text})") for text in texts]


def without(node: ast.expr) -> list[str]:
    """A condition with one of its parts taken out, or turned round."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return [ast.unparse(ast.Compare(node.left, [FLIPPED[type(node.ops[0])]()], node.comparators))]
    if isinstance(node, ast.BoolOp):
        rests = [[value for value in node.values if value is not left_out] for left_out in node.values]
        return [ast.unparse(rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)) for rest in rests]
    return [ast.unparse(node.operand)] if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not) else []


def places_in_sql(path: Path) -> Iterator[list[Mutation]]:
    """What decides, joins, sums up or counts in a query; its head, comments and texts are left alone."""
    source = (ROOT / path).read_text()
    assert source.isascii(), path
    query, between = False, 0
    for token in tokenize(source, dialect="duckdb"):
        word = source[token.start : token.end + 1].upper()
        between += word == "BETWEEN"
        if word == "AND" and between:
            between -= 1
        elif query and (word in SWAPPED or word.isdigit()):
            text = str(int(word) + 1) if word.isdigit() else SWAPPED[word]
            yield [Mutation(path, token.start, token.end + 1, text)]
        query |= word == ";"


def draw(seed: int, count: int) -> list[Mutation]:
    """As many places of Python as of SQL, as far as there are."""
    random, drawn = Random(seed), []  # noqa: S311 - the same places every time is the point
    files = sorted(path.relative_to(ROOT) for folder in FOLDERS for path in (ROOT / folder).rglob("*.*"))
    for suffix, places_in, wanted in (
        (".py", places_in_python, count - count // 2),
        (".sql", places_in_sql, count // 2),
    ):
        places = [place for path in files if path.suffix == suffix for place in places_in(path)]
        print(f"{len(places)} places in *{suffix}, of which {min(wanted, len(places))} are drawn.", flush=True)
        drawn += [random.choice(place) for place in random.sample(places, min(wanted, len(places)))]
    return drawn


def find_killer(project: Path, mutation: Mutation, *, room_only: bool) -> str:
    """The first test that fails in the copy, or nothing."""
    rooms = [MODEL_TESTS] if mutation.path.suffix == ".sql" else [[room] for room in mutation.rooms]
    if not room_only:
        rooms.append(["tests", "--ignore=tests/site", *(f"--ignore={room}" for room in mutation.rooms)])
    for room in rooms:
        for marker in ["slow or not slow"] if room is MODEL_TESTS else ["not slow", "slow"]:
            if failed := first_failure(project, [*room, "-m", marker]):
                return failed
    return ""


def first_failure(project: Path, tests: list[str]) -> str:
    """The first of the tests that fails."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-rfE", "-W", "ignore", "-p", "no:cacheprovider"]
    real = {"PYPI_REAL_DATA": str(ROOT.parent / "shared" / "data")}
    environment = real | os.environ | {"PYTHONPATH": str(project)}
    done = subprocess.run([*command, *tests], cwd=project, env=environment, capture_output=True, text=True, check=False)
    # 5: there is no such test.
    if done.returncode in (0, 5):
        return ""
    failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return failed[0] if failed else f"pytest, which ended with {done.returncode}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Change the project in one place at a time; look which test notices.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--places", type=int, default=50)
    parser.add_argument("--skip", type=int, default=0, help="go on after that many places of the seed")
    parser.add_argument("--room-only", action="store_true", help="run no tests of other rooms")
    options = parser.parse_args()
    drawn, survived = draw(options.seed, options.places)[options.skip :], []
    with TemporaryDirectory() as folder:
        project = shutil.copytree(ROOT, Path(folder, "project"), ignore=NOT_COPIED)
        for name in LINKED:
            (project / name).symlink_to((ROOT / name).resolve())
        for mutation in drawn:
            (project / mutation.path).write_bytes(mutation.apply())
            killer = find_killer(project, mutation, room_only=options.room_only)
            shutil.copy(ROOT / mutation.path, project / mutation.path)
            if killer.startswith("tests/") and first_failure(project, [killer]):
                sys.exit(f"{killer} fails without the change, too.")
            print(f"{mutation}\n    {killer or 'SURVIVED'}", flush=True)
            survived += [] if killer else [str(mutation)]
    print(f"\n{len(drawn) - len(survived)} of {len(drawn)} were noticed.", *survived, sep="\n")
    return len(survived) > 0


if __name__ == "__main__":
    sys.exit(main())
