"""What the documents promise exists."""

import ast
import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import cast

import pytest
import typer.main
import yaml
from dlt.common.configuration.specs import BaseConfiguration
from sqlmesh import Context

from pipelines.cli import app
from pipelines.errors import InsightsError
from pipelines.pypi.clickpy_settings import ClickpySettings
from pipelines.pypi.releases_settings import ReleasesSettings
from pipelines.pypi.settings import Settings
from pipelines.transform.reference import describe
from tests.harness.documents import documents, messages_of, shared_texts
from tests.support.commands import COMMANDS, LISTED
from tests.support.installation import ROOT

PAGES = sorted((ROOT / "docs").glob("*.md"))
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *PAGES]
INDEX = ROOT / "docs" / "README.md"
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
PARTS: dict[str, type[BaseConfiguration]] = {"clickpy": ClickpySettings, "releases": ReleasesSettings}
"""Settings that have a section of their own."""
UsageError = cast("type[Exception]", typer.BadParameter.__base__)
"""Of the parser that Typer brings along."""
CI = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_recipes_and_links_exist(document: Path) -> None:
    """Each `just` command that a document names is a listed recipe, and each relative link leads to a file."""
    text = document.read_text()

    assert set(re.findall(r"\bjust ([a-z]+)", text)) <= set(LISTED)
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert link.startswith("https://") or (document.parent / link).exists(), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_paths_exist(document: Path) -> None:
    """Each file or folder of the repository that a document names in code style is there."""
    folders = "docs|evidence|pipelines|requirements|scripts|sqlmesh|tests"

    for path in re.findall(rf"`((?:{folders})/[\w./-]*)`", document.read_text()):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("folder", [".dlt", "pipelines", "tests"])
def test_pages_that_the_code_names_exist(folder: str) -> None:
    """A message or a comment that sends a reader to a page names one that exists."""
    for file in (path for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".toml", ".example"}):
        for page in re.findall(r"\bdocs/[\w-]+\.md\b", file.read_text()):
            assert (ROOT / page).exists(), f"{file}: {page}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_each_page_says_whom_it_is_for(page: Path) -> None:
    """The first paragraph of a page says whom it is for, and the index lists the page once."""
    assert re.match(r"# .+\n\nFor ", page.read_text()), "the first paragraph has to start with `For ...`"
    assert page == INDEX or INDEX.read_text().count(f"]({page.name})") == 1


def test_documents_have_what_the_code_says() -> None:
    """The picture of the rooms, the settings and the messages of errors are current; `just format` writes them."""
    for name, text in documents().items():
        assert text == (ROOT / "docs" / name).read_text(), f"{name} is not current: run `just format`"


def test_each_message_of_the_tree_of_errors_has_its_entry() -> None:
    """No error is made in a way that the page of messages does not find."""
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    constants = shared_texts()
    for file in (ROOT / "pipelines").rglob("*.py"):
        made = [
            node
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Call) and any(keyword.arg == "remedy" for keyword in node.keywords)
        ]
        found = [*messages_of(file, constants)]
        assert len(made) == len(found), file
        for _, message, _ in found:
            assert f"| {message} |" in page, file
    for error in InsightsError.__subclasses__():
        assert f"## {error.__name__}\n" in page


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_are_ones_that_the_command_line_takes(document: Path) -> None:
    """Each `just` command of a document that calls the command line is parsed as it would be: its options exist."""
    group = typer.main.get_group(app)
    for name, words in commands_in(document.read_text()):
        try:
            group.commands[name].make_context(name, words)
        except typer.Exit:
            continue
        except UsageError as error:
            pytest.fail(f"just {name} {' '.join(words)}: {error}")


def commands_in(text: str) -> Iterator[tuple[str, list[str]]]:
    """The commands in a text, with their arguments; a day stands for what the text leaves open."""
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    lines += re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for line in lines:
        found = re.search(r"(?:^|\s)just ([a-z]+) ([^#|&>]+?)(?: 2?>|[#|&]|$)", line)
        if found and found[1] in COMMANDS and "…" not in line:
            # Without what is optional, and without `...`.
            words = re.sub(r"\[.*?\]|\.\.\.", "", found[2]).split()
            yield found[1], [re.sub("^(START|END|DAY)$", "2026-06-01", word) for word in words]


def test_contributing_places_ten_changes() -> None:
    """CONTRIBUTING.md has the keys of ten changes; `test_paths_exist` looks for them."""
    _, changes = (ROOT / "CONTRIBUTING.md").read_text().split("| to change | edit |\n|---|---|\n")

    assert len(re.findall(r"^\| .+ \| `.+ \|$", changes, re.MULTILINE)) == 10


@pytest.mark.skipif(not shutil.which("just"), reason="just is not installed")
def test_readme_lists_the_recipes() -> None:
    """README.md has the output of `just`, word by word."""
    listed = subprocess.run(
        ["just", "--color", "never", "--list", "--unsorted"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout

    assert f"```\n{listed}```" in (ROOT / "README.md").read_text()


def test_ci_follows_the_readme() -> None:
    """The job `install` and `.ci/run` run what the README says, and the oldest Python is checked."""
    readme = (ROOT / "README.md").read_text()
    run, test = re.findall(r"^```\n((?:pip install .+ && )?just \w+)\n```$", readme, re.MULTILINE)
    [with_pipx] = re.findall(r"`(pipx install .+ && just run)`", readme)
    steps = (ROOT / ".ci" / "run").read_text()

    assert with_pipx == CI["jobs"]["install"]["steps"][-1]["run"]
    assert with_pipx == run.replace("pip install uv rust-just", "pipx install uv && pipx install rust-just")
    assert f"{run.split(' && ')[1]}\n{test}\n" in steps
    assert SETTINGS["project"]["requires-python"] == f">={CI['jobs']['check']['strategy']['matrix']['python'][0]}"


def test_ci_installs_by_hash_and_fails_in_the_middle_of_a_pipe() -> None:
    """What CI installs is locked, and a plan that fails is not hidden by the command that it is piped to."""
    runs = [step["run"] for job in CI["jobs"].values() for step in job["steps"] if "run" in step]

    installed = [run for run in runs if run.startswith("pip install")]
    assert installed
    assert all("--require-hashes --requirement requirements/ci.txt" in run for run in installed)
    assert any(" | tee " in run for run in runs)
    # Only this one has `pipefail`.
    assert CI["defaults"]["run"]["shell"] == "bash"


def test_one_job_requires_all_others() -> None:
    """A branch protection rule has to name one job only; jobs that may fail are reported."""
    required = {name for name, job in CI["jobs"].items() if not job.get("continue-on-error")}

    assert required - {"required"} == set(CI["jobs"]["required"]["needs"])


def test_branch_rules_require_that_job_of_everybody() -> None:
    """The importable rules name the job as GitHub shows it, and let nobody pass it by."""
    rules = json.loads((ROOT / ".github" / "rulesets" / "main.json").read_text())
    [checks] = [rule["parameters"] for rule in rules["rules"] if rule["type"] == "required_status_checks"]

    assert [CI["jobs"]["required"]["name"]] == [check["context"] for check in checks["required_status_checks"]]
    assert (rules["enforcement"], rules["bypass_actors"]) == ("active", [])
    assert rules["conditions"]["ref_name"] == {"include": ["~DEFAULT_BRANCH"], "exclude": []}


def test_each_setting_is_documented_with_its_default() -> None:
    """docs/settings.md has a row for each setting of the source, with the default that the code has."""
    text = (ROOT / "docs" / "settings.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \|\s*`?([^|`]*?)`?\s*\|", text, re.MULTILINE))
    written = {"None": ""}

    own = [field for field in fields(Settings) if not field.name.startswith("__") and field.name not in PARTS]
    assert {field.name: written.get(str(field.default), str(field.default)) for field in own} == rows


@pytest.mark.parametrize("part", PARTS)
def test_each_setting_of_a_part_is_documented_with_its_default(part: str) -> None:
    """So are those of `[sources.pypi.clickpy]` and `[sources.pypi.releases]`."""
    text = (ROOT / "docs" / "settings.md").read_text()
    rows = dict(re.findall(rf"^\| `{part}[.](\w+)` \|\s*`?([^|`]*?)`?\s*\|", text, re.MULTILINE))

    own = [field for field in fields(PARTS[part]) if not field.name.startswith("__")]
    assert {field.name: str(field.default).replace("None", "") for field in own} == rows


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
