"""What other systems than Linux need of the code; CI runs the quick tests on macOS and Windows."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import children
from tests.support.installation import ROOT

MODULES = {"fcntl", "grp", "pwd", "resource", "termios"}
NAMES = {"fork", "geteuid", "getuid", "killpg", "mkfifo", "pthread_kill", "SIGKILL", "setsid"}
"""Of the standard library, and lacking on Windows."""


def test_what_windows_lacks_is_in_one_module() -> None:
    """Processes and signals are the business of `children`: elsewhere, what only POSIX has would fail."""
    found = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "pipelines").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr in NAMES)
        or (isinstance(node, ast.Import) and not MODULES.isdisjoint(alias.name for alias in node.names))
        or (isinstance(node, ast.keyword) and node.arg in {"preexec_fn", "start_new_session"})
        or (isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("/dev/"))
    }

    assert found == {"pipelines/children.py"}


def test_child_on_windows_has_its_code_and_output() -> None:
    """The way without a shell and without groups of processes, which works here as well."""
    command = [sys.executable, "-c", "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"]

    code, printed = children._run_on_windows(command, os.environ, None, capture=True)

    assert code == 7
    assert sorted(printed.split()) == ["err", "out"]


@pytest.mark.parametrize("file", ["scripts/setup", "scripts/lock", "Justfile", "pipelines/run.py"])
def test_lines_end_alike_on_all_systems(file: str) -> None:
    """A checkout on Windows would otherwise break scripts, and the digests of models and pages."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a repository")
    done = subprocess.run(
        ["git", "check-attr", "eol", "--", file], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == f"{file}: eol: lf"
    assert b"\r" not in Path(ROOT, file).read_bytes()
