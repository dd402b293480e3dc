"""Runs the jobs of a workflow as GitHub does: step by step, in a clean folder, with the variables that GitHub sets.

Steps with `run` run as they are written. Of actions, what they are used for here is done. An expression that this file
does not know fails the test.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.installation import ROOT

_LIST = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
_EXPRESSION = re.compile(r"\$\{\{ (.+?) \}\}")


def make_origin(folder: Path, change: Callable[[Path], object] = lambda _work: None) -> Path:
    """A bare repository whose branch `main` has the files of this one as they are now, with a change of theirs."""
    listed = subprocess.run(["git", *_LIST], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    work = folder / "work"
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, work / name)
    change(work)
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=work, check=True)
    commit(work, "all")
    subprocess.run(["git", "clone", "-q", "--bare", "work", "origin.git"], cwd=folder, check=True)
    return folder / "origin.git"


def commit(folder: Path, message: str) -> None:
    """Commit all that is in the folder."""
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (["add", "-A"], ["commit", "-q", "-m", message]):
        subprocess.run([*git, *command], cwd=folder, check=True, capture_output=True)


@dataclass
class Run:
    """A run of a workflow: what each job gave, and the site that Pages shows after it."""

    workflow: str
    origin: Path
    folder: Path
    pages: Path
    context: Mapping[str, str]
    """The values of `vars.NAME` and `github.NAME`."""
    environment: Mapping[str, str]
    results: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    """Of jobs and steps, by their expressions."""
    printed: list[str] = field(default_factory=list)

    def __call__(self) -> "Run":
        content = yaml.safe_load((ROOT / ".github" / "workflows" / self.workflow).read_text())
        for name, job in content["jobs"].items():
            needed = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
            self.outputs["join(needs.*.result, ' ')"] = " ".join(self.results[other] for other in needed)
            fine = all(self.results[other] == "success" for other in needed)
            if self._holds(str(job.get("if", "success()")), fine=fine):
                self.results[name] = self._run_job(name, content.get("env", {}), job)
            else:
                self.results[name] = "skipped"
        return self

    def _run_job(self, name: str, shared: Mapping[str, str], job: Mapping[str, Any]) -> str:
        work = self.folder / name
        (self.folder / f"{name}-home").mkdir(parents=True)
        for step in job["steps"]:
            if "id" in step:
                self.outputs[f"steps.{step['id']}.outcome"] = "skipped"
        fine = True
        for number, step in enumerate(job["steps"]):
            if not self._holds(str(step.get("if", "success()")), fine=fine):
                continue
            if "uses" in step:
                passed = self._act(step["uses"].split("@")[0], step, work)
                if "checkout" in step["uses"]:
                    _install(work, with_site=any(each.get("run") == "just setup" for each in job["steps"]))
            else:
                variables = {**shared, **job.get("env", {}), **step.get("env", {})}
                passed = self._run_step(name, number, step, variables, work)
            if "id" in step:
                self.outputs[f"steps.{step['id']}.outcome"] = "success" if passed else "failure"
            fine = fine and (passed or step.get("continue-on-error", False))
        for output, text in job.get("outputs", {}).items():
            self.outputs[f"needs.{name}.outputs.{output}"] = self._value(text)
        return "success" if fine else "failure"

    def _run_step(
        self, job: str, number: int, step: Mapping[str, Any], variables: Mapping[str, str], work: Path
    ) -> bool:
        files = {name: self.folder / f"{job}-{number}-{name}" for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.touch()
        script = self.folder / f"{job}-{number}.sh"
        script.write_text(step["run"])
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
            cwd=work,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder / f"{job}-home"),
                "CI": "true",
                "GITHUB_ACTIONS": "true",
                **{name: str(file) for name, file in files.items()},
                **self.environment,
                **{name: self._value(text) for name, text in variables.items()},
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.printed.append(f"$ {step['run']}\n{done.stdout}")
        for line in files["GITHUB_OUTPUT"].read_text().splitlines():
            name, value = line.split("=", 1)
            self.outputs[f"steps.{step['id']}.outputs.{name}"] = value
        self.outputs["summary"] = self.outputs.get("summary", "") + files["GITHUB_STEP_SUMMARY"].read_text()
        return done.returncode == 0

    def _act(self, action: str, step: Mapping[str, Any], work: Path) -> bool:
        artifacts = self.folder / "artifacts"
        wanted = step.get("with", {})
        match action:
            case "actions/checkout":
                subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{self.origin}", work], check=True)
            case "actions/setup-python" | "actions/setup-node":
                pass
            case "actions/configure-pages":
                self.outputs["steps.pages.outputs.base_path"] = "/stats"
            case "actions/upload-pages-artifact":
                shutil.copytree(work / wanted["path"], artifacts / "github-pages")
            case "actions/deploy-pages":
                shutil.rmtree(self.pages, ignore_errors=True)
                shutil.copytree(artifacts / "github-pages", self.pages)
            case "actions/upload-artifact":
                shutil.copytree(work / wanted["path"], artifacts / wanted["name"])
            case "actions/download-artifact":
                if not (artifacts / wanted["name"]).exists():
                    return False
                shutil.copytree(artifacts / wanted["name"], work / wanted["path"])
            case _:
                raise NotImplementedError(action)
        return True

    def _value(self, text: str) -> str:
        return _EXPRESSION.sub(lambda found: self._look_up(found[1]), text)

    def _look_up(self, expression: str) -> str:
        for part in expression.split(" || "):
            known = self.context.get(part) or self.outputs.get(part, "")
            if known or re.fullmatch(r"'.*'", part):
                return known or part.strip("'")
            if not re.match(r"vars\.|steps\.\w+\.outputs\.|needs\.\w+\.outputs\.", part):
                raise NotImplementedError(part)
        return ""

    def _holds(self, condition: str, *, fine: bool) -> bool:
        if condition.startswith("vars."):
            return fine and bool(self._look_up(condition))
        always = re.sub(r"^(always|success)\(\)", "", condition)
        if not always:
            return fine or condition == "always()"
        results = {f"needs.{name}.result": result for name, result in self.results.items()} | self.outputs
        for part in always.removeprefix(" && ").split(" && "):
            name, operator, value = part.split(" ")
            if (results[name] == value.strip("'")) != (operator == "=="):
                return False
        return True


def _install(work: Path, *, with_site: bool) -> None:
    """What `just setup` would install, from the same locks."""
    (work / ".venv").symlink_to(ROOT / ".venv")
    if with_site:
        modules = Path("evidence", "node_modules")
        shutil.copytree(ROOT / modules, work / modules, symlinks=True, copy_function=os.link)


def stand_in_for_pip(folder: Path) -> Path:
    """A folder with a `pip` that installs nothing: the tools are there, and the lock is tested in CI's own jobs."""
    folder.mkdir()
    (folder / "pip").write_text('#!/bin/sh\n[ "$*" = "install --require-hashes --requirement requirements/ci.txt" ]\n')
    (folder / "pip").chmod(0o755)
    for tool in ("just",):
        found = shutil.which(tool) or str(Path(sys.executable).parent / tool)
        (folder / tool).symlink_to(found)
    return folder
