"""SQLMesh's project with few models: for tests of what a plan does, whatever the models are.

A plan takes SQLMesh a quarter of a second for each model, so that one of all takes four times as long. That all of them
are planned right is for the tests of `tests/transform`.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from sqlmesh import Context

from pipelines.transform.fingerprint import MODELS_FOLDER

FEW = ("marts.health", "marts.manylinux", "marts.project_summary")
"""They read two of the aggregates, and the tables of loads; a run prints the last."""
VARIABLE = "MODELS_OF_TESTS"
"""Names the folder of the project to a process that a test starts."""


def write_few(context: Context, folder: Path, few: Sequence[str] = FEW) -> None:
    """Copy SQLMesh's project, and leave in it only the `few`, what they read, and the unit tests of these."""
    kept = {context.get_model(name, raise_if_missing=True).fqn for name in few}
    kept = kept.union(*map(context.dag.upstream, kept))
    names = {context.models[fqn].name for fqn in kept}
    files = {Path(str(context.models[fqn]._path)).relative_to(MODELS_FOLDER) for fqn in kept}
    shutil.copytree(MODELS_FOLDER, folder, ignore=shutil.ignore_patterns(".cache", "logs"), dirs_exist_ok=True)
    for file in (path for path in (folder / "models").rglob("*.*") if path.relative_to(folder) not in files):
        file.unlink()
    for file in (folder / "tests").iterdir():
        tests = yaml.safe_load(file.read_text())
        file.write_text(yaml.safe_dump({name: test for name, test in tests.items() if test["model"] in names}))


def use_models(patch: pytest.MonkeyPatch) -> None:
    """Plan the models of the folder that the environment names, if it does."""
    if folder := os.environ.get(VARIABLE):
        for module in ("context", "engines.elsewhere", "fingerprint"):
            patch.setattr(f"pipelines.transform.{module}.MODELS_FOLDER", Path(folder))
