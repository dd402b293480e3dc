"""Takes guards out of a copy of the project, one at a time, and looks which test notices.

    python -m tests.harness.mutation --seed 1 --places 50

A guard is what decides that a thing is not done: an `if` that raises, returns or continues, a `raise`, a comparison,
`and`, `or` or `not` in a condition. The seed draws places of `pipelines/`, and for each what is done to it. Tests of
the room of the module run first, and the fast ones before the slow: most changes are noticed in seconds. A change that
no test notices has survived: a test is missing, or the change makes no difference.
"""

import argparse
import ast
import difflib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from random import Random
from tempfile import TemporaryDirectory

from tests.support.installation import ROOT

FLIPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
NOT_COPIED = shutil.ignore_patterns(".git", ".venv*", "node_modules", "build", "data", "__pycache__", ".*_cache")
LINKED = (".git", ".venv", ".venv-emulator", ".venv-s3", "evidence/node_modules")
PROCESSES = 2
# The fast tests are many: they run in one go after those of the room.
STAGES = (("{room}", "not slow"), ("tests", "not slow"), ("{room}", "slow"), ("tests", "slow"))


@dataclass(frozen=True)
class Mutation:
    """A part of a module, from one byte to before another, and what stands there instead."""

    path: Path
    start: int
    end: int
    text: str

    def apply(self) -> str:
        source = (ROOT / self.path).read_bytes()
        return (source[: self.start] + self.text.encode() + source[self.end :]).decode()

    @property
    def room(self) -> str:
        """The tests of the module's room; all, where it has none."""
        room = f"tests/{self.path.with_suffix('').parts[1]}"
        return room if (ROOT / room).is_dir() else "tests"

    def __str__(self) -> str:
        before = (ROOT / self.path).read_text().splitlines()
        lines = difflib.unified_diff(before, self.apply().splitlines(), n=0, lineterm="")
        changed = [f"{line[0]} {line[1:].strip()}" for line in list(lines)[3:]]
        line = (ROOT / self.path).read_bytes()[: self.start].count(b"\n") + 1
        return "\n    ".join([f"{self.path}:{line}", *changed])


def places(path: Path) -> Iterator[list[Mutation]]:
    """The guards of a module, each with all that may be done to it."""
    source = (ROOT / path).read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def instead(node: ast.expr | ast.stmt, text: str) -> Mutation:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = starts[node.lineno - 1] + node.col_offset
        return Mutation(path, start, starts[node.end_lineno - 1] + node.end_col_offset, text)

    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Raise) and node.exc:
            yield [instead(node, "pass")]
        elif isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise | ast.Return | ast.Continue):
            yield [instead(node.test, "False"), instead(node.test, "True")]
        for condition in conditions(node):
            for part in ast.walk(condition):
                if isinstance(part, ast.expr) and (texts := alternatives(part)):
                    yield [instead(part, f"({text})") for text in texts]


def conditions(node: ast.AST) -> list[ast.expr]:
    """What decides whether something is done."""
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        return [node.test]
    return node.ifs if isinstance(node, ast.comprehension) else []


def alternatives(node: ast.expr) -> list[str]:
    """A condition with one of its parts taken out, or turned round."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        flipped = ast.Compare(node.left, [FLIPPED[type(node.ops[0])]()], node.comparators)
        return [ast.unparse(flipped)]
    if isinstance(node, ast.BoolOp):
        rests = [[value for value in node.values if value is not left_out] for left_out in node.values]
        return [ast.unparse(rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)) for rest in rests]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return [ast.unparse(node.operand)]
    return []


def draw(seed: int, count: int) -> list[Mutation]:
    random = Random(seed)  # noqa: S311 - the same places every time is the point
    modules = sorted(path.relative_to(ROOT) for path in (ROOT / "pipelines").rglob("*.py"))
    found = [place for path in modules for place in places(path)]
    print(f"{len(found)} guards, of which {min(count, len(found))} are drawn.")
    return [random.choice(place) for place in random.sample(found, min(count, len(found)))]


def copy_project(folder: Path) -> Path:
    """A copy that borrows the environments."""
    shutil.copytree(ROOT, folder, ignore=NOT_COPIED)
    for name in LINKED:
        if (ROOT / name).exists():
            (folder / name).symlink_to((ROOT / name).resolve())
    return folder


def find_killer(project: Path, room: str) -> str:
    """The first test that fails in the copy, or nothing."""
    for where, marker in STAGES:
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-rfE", "-W", "ignore", "-p", "no:cacheprovider"]
        command += ["-o", "timeout=120", "-m", marker, where.format(room=room)]
        environment = os.environ | {"PYTHONPATH": str(project)}
        done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
        # 5: there is no such test.
        if done.returncode not in (0, 5):
            failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
            return failed[0].split(" - ")[0] if failed else f"pytest, which ended with {done.returncode}"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description="Take guards out, one at a time, and look which test notices.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--places", type=int, default=50)
    options = parser.parse_args()
    drawn = draw(options.seed, options.places)
    copies: SimpleQueue[Path] = SimpleQueue()

    def judge(mutation: Mutation) -> str:
        project = copies.get()
        module = project / mutation.path
        module.write_text(mutation.apply())
        killer = find_killer(project, mutation.room)
        shutil.copy(ROOT / mutation.path, module)
        copies.put(project)
        print(f"{mutation}\n    {killer or 'SURVIVED'}", flush=True)
        return killer

    with TemporaryDirectory() as folder, ThreadPoolExecutor(PROCESSES) as pool:
        for number in range(PROCESSES):
            copies.put(copy_project(Path(folder, str(number), ROOT.name)))
        killers = list(pool.map(judge, drawn))
    survived = [str(mutation) for mutation, killer in zip(drawn, killers, strict=True) if not killer]
    print(f"\n{len(drawn) - len(survived)} of {len(drawn)} were noticed.", *survived, sep="\n")
    return len(survived) > 0


if __name__ == "__main__":
    sys.exit(main())
