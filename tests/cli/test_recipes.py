"""The recipes call the command line, and add nothing to what it says."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.installation import ROOT

JUST = shutil.which("just")
needs_just = pytest.mark.skipif(JUST is None, reason="just is not installed")


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A repository with nothing but its recipes, in which all is installed, and Python is a stand-in."""
    for folder in ("scripts", "requirements", "evidence/patches"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for file in ("Justfile", "evidence/package.json", "evidence/package-lock.json"):
        shutil.copy(ROOT / file, tmp_path / file)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$@"\nexit ${EXIT:-0}\n')
    python.chmod(0o755)
    (tmp_path / "evidence" / "node_modules").mkdir()
    node = [
        "package.json",
        "package-lock.json",
        *sorted(f"patches/{path.name}" for path in (tmp_path / "evidence/patches").iterdir()),
    ]
    for folder, files in {
        ".venv": ["requirements/dev.txt"],
        "evidence/node_modules": [f"evidence/{name}" for name in node],
    }.items():
        content = b"".join((tmp_path / file).read_bytes() for file in files)
        stamp = subprocess.run(["git", "hash-object", "--stdin"], input=content, capture_output=True, check=True).stdout
        (tmp_path / folder / ".lock-hash").write_bytes(stamp)
    return tmp_path


def just(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    assert JUST is not None
    return subprocess.run(
        [JUST, *arguments], cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False
    )


@needs_just
@pytest.mark.parametrize("code", [0, 1, 3])
def test_exit_code_of_a_command_is_the_recipes(installed: Path, code: int) -> None:
    """That of `alerts` has a meaning, and `just` prints no error of its own beside the command's."""
    done = just(installed, "alerts", "--days", "1", EXIT=str(code))

    assert (done.returncode, done.stderr) == (code, "")
    assert done.stdout == "-E -m pipelines alerts --days 1\n"


@needs_just
def test_each_recipe_takes_help(installed: Path) -> None:
    """It is an argument of the recipe, and never taken for another recipe."""
    listed = just(installed, "--summary").stdout.split()

    assert len(listed) > 20
    for name in listed:
        done = just(installed, "--dry-run", name, "--help")
        assert done.returncode == 0, done.stderr


def test_installed_project_needs_no_installer(installed: Path, tmp_path: Path) -> None:
    """Under cron neither uv nor npm nor git may be found, and nothing of them is needed."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("bash", "cat", "cut", "sha1sum", "tr", "wc"):
        found = shutil.which(tool)
        assert found is not None, tool
        (tools / tool).symlink_to(found)

    done = subprocess.run(
        ["bash", "scripts/setup"], cwd=installed, env={"PATH": str(tools)}, capture_output=True, text=True, check=False
    )
    (installed / ".venv" / ".lock-hash").unlink()
    again = subprocess.run(
        ["bash", "scripts/setup"], cwd=installed, env={"PATH": str(tools)}, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert again.returncode == 1
    assert "uv is missing" in again.stderr
    assert "PATH" in again.stderr


@pytest.mark.parametrize(("option", "code"), [("--help", 0), ("--check", 0), ("--chekc", 2)])
def test_setup_explains_itself(installed: Path, option: str, code: int) -> None:
    """An option that does not exist installs nothing."""
    done = subprocess.run(["bash", "scripts/setup", option], cwd=installed, capture_output=True, text=True, check=False)

    assert done.returncode == code
    assert ("--without-site" in done.stdout) == (option != "--check")
