"""What the documents promise exists."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from sqlmesh import Context

from pipelines.metrics import describe
from pipelines.pypi.settings import Settings
from tests.project import ROOT
from tests.test_cli import RECIPES

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_recipes_and_links_exist(document: Path) -> None:
    """Each `just` command that a document names is a recipe, and each relative link leads to a file."""
    text = document.read_text()

    assert set(re.findall(r"\bjust ([a-z]+)", text)) - {"run"} <= set(RECIPES)
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert link.startswith("https://") or (document.parent / link).exists(), link


def test_each_setting_is_documented_with_its_default() -> None:
    """docs/settings.md has a row for each setting of the source, with the default that the code has."""
    text = (ROOT / "docs" / "settings.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \|\s*`?([^|`]*?)`?\s*\|", text, re.MULTILINE))
    written = {"None": ""}

    own = [field for field in fields(Settings) if not field.name.startswith("__")]
    assert {field.name: written.get(str(field.default), str(field.default)) for field in own} == rows


def test_locks_name_no_index() -> None:
    """A lock works behind any index or mirror: it holds names, versions and hashes only."""
    for lock in [*(ROOT / "requirements").iterdir(), ROOT / "evidence" / "package-lock.json"]:
        addresses = re.findall(r'"resolved"|--(?:extra-)?index-url|--find-links', lock.read_text())
        assert not addresses, lock


def test_metrics_are_those_of_the_models(context: Context) -> None:
    """docs/metrics.md is what the model blocks say now; `just format` writes it."""
    assert describe(context) == (ROOT / "docs" / "metrics.md").read_text()


def test_descriptions_are_english(context: Context) -> None:
    """No description of a model or column has a placeholder, a doubled word, or the words of a lens after "the"."""
    wrong = re.compile(r"[$@{}]|\bthe all\b|\b(\w+) \1\b|^$|[^.]$", re.IGNORECASE)
    said = [
        text
        for model in context.models.values()
        if not model.kind.is_external
        for text in (model.description or "", *(model.column_descriptions or {}).values())
    ]

    assert len(said) > len(context.models)
    assert [] == [text for text in said if wrong.search(text)]
