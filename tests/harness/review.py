"""Reviews a change against a base: what it plans, which rows of which marts differ, audits, costs, CPU seconds.

The base is computed from the demo, or from a lake of your own, in a checkout of its own; then the plan of what is here
is shown on it, applied and audited. Nothing of yours is touched: the warehouses are temporary.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from pipelines.demo import PROJECTS
from tests.support.installation import ROOT

_FENCE = "~" * 8
_LOCK = Path("requirements", "dev.txt")


@dataclass(frozen=True)
class Called:
    """What a command printed, and took."""

    code: int
    printed: str
    cpu_seconds: float


class Call(Protocol):
    """Runs a command of the project in a checkout, with a warehouse."""

    def __call__(self, checkout: Path, warehouse: Path, *arguments: str) -> Called: ...


def main() -> int:
    """`just review BASE [--lake NAME | --settings] [--to FILE]`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", help="a commit, branch or tag, such as origin/main")
    parser.add_argument("--lake", help="compute the marts from this lake of the settings, and not from the demo")
    parser.add_argument("--settings", action="store_true", help="compute them from what the settings name")
    parser.add_argument("--to", type=Path, help="also write the review to this file")
    asked = parser.parse_args()
    with base_checkout(asked.base) as base, TemporaryDirectory() as folder:
        settings = {} if asked.lake or asked.settings else demo_settings(base)
        fill = ("restore", asked.lake, "--no-site") if asked.lake else ("run", "--no-site")
        text, passed = review(base, Path(folder), fill, caller(settings))
    source = f"the lake {asked.lake}" if asked.lake else "what the settings name" if asked.settings else "the demo"
    named = f"## Review against `{asked.base}`, on {source}\n\n{text}\n"
    if asked.to:
        asked.to.parent.mkdir(parents=True, exist_ok=True)
        asked.to.write_text(named)
    sys.stdout.write(named)
    return 0 if passed else 1


def review(base: Path, folder: Path, fill: Sequence[str], call: Call) -> tuple[str, bool]:
    """The review as Markdown, and whether the change passes: it can be planned, applied and audited."""
    production = folder / "base" / "warehouse.duckdb"
    before = call(base, production, *fill)
    if before.code:
        return f"**Failed:** the base cannot be computed.\n\n{_block(before.printed)}", False
    plan = call(ROOT, production, "plan", "--diff")
    steps = {"plan": plan, "apply": call(ROOT, production, *fill), "audits": call(ROOT, production, "audit")}
    after = call(ROOT, folder / "here" / "warehouse.duckdb", *fill)
    steps["first run"] = after
    estimate = call(ROOT, production, "estimate")
    failed = [name for name, called in steps.items() if called.code]
    speed = f"{before.cpu_seconds:.1f} | {after.cpu_seconds:.1f}"
    same = (base / _LOCK).read_bytes() == (ROOT / _LOCK).read_bytes()
    parts = [
        f"**Failed:** {', '.join(failed)}." if failed else "**Passed:** the plan, its audits, and a first run.",
        f"| CPU seconds | base | here |\n|---|---:|---:|\n| a first run, without the site | {speed} |",
        "" if same else "The locked packages differ: both ran on those of here.",
        f"### Plan\n\n{plan.printed if not plan.code else _block(plan.printed)}",
        f"### Audits\n\n{_block(_audits(steps['audits'].printed))}",
        *(
            f"### {name.capitalize()}\n\n{_block(steps[name].printed)}"
            for name in failed
            if name not in {"plan", "audits"}
        ),
        f"### What the next run reads, and what that costs\n\n{_block(estimate.printed)}",
    ]
    return "\n\n".join(filter(None, parts)), not failed


def caller(settings: Mapping[str, str]) -> Call:
    """Runs commands in processes of their own."""

    def call(checkout: Path, warehouse: Path, *arguments: str) -> Called:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [ROOT / ".venv" / "bin" / "python", "-E", "-m", "pipelines", *arguments],
            cwd=checkout,
            env=os.environ | settings | {"DESTINATION__WAREHOUSE__CREDENTIALS": str(warehouse)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Called(done.returncode, done.stdout.strip(), seconds)

    return call


def demo_settings(base: Path) -> dict[str, str]:
    """The settings of the demo that the base generates, whatever else is set."""
    source = {
        "UPSTREAM": "parquet",
        "PARQUET_PATH": str(base / "data" / "demo"),
        "PROJECTS": json.dumps(list(PROJECTS)),
        "START_DATE": "2026-04-02",
        "GRAIN": "row",
    }
    return {f"SOURCES__PYPI__{name}": value for name, value in source.items()} | {"DESTINATIONS": '["warehouse"]'}


@contextmanager
def base_checkout(base: str) -> Iterator[Path]:
    """A checkout of the base beside this one, with the packages of this one."""
    with TemporaryDirectory() as folder:
        checkout = Path(folder, "base")
        command = ["git", "worktree", "add", "--quiet", "--detach", str(checkout), base]
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            sys.exit(f"Error: {base} cannot be checked out.\nName a commit, a branch or a tag, such as origin/main.")
        try:
            (checkout / ".venv").symlink_to(ROOT / ".venv")
            yield checkout
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", checkout], cwd=ROOT, check=True)


def _audits(printed: str) -> str:
    """What `audit` printed, without the audits that passed."""
    return "\n".join(line for line in printed.splitlines() if not re.match(r"(PASS|SKIPPED) ", line)).strip()


def _block(text: str) -> str:
    return f"{_FENCE}\n{text.replace('~~~', '~ ~ ~')}\n{_FENCE}"


if __name__ == "__main__":
    sys.exit(main())
