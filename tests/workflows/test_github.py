"""What workflows tell on GitHub, against a stand-in of its API."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.cli.printing.workflows import read_report
from pipelines.errors import GitHubError
from pipelines.github import LABEL, MARKER, MAX_BODY, Repository
from tests.servers.github import GitHub
from tests.support.installation import Done, Installation


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    """The API, to which the environment leads."""
    with GitHub("you/stats") as server:
        monkeypatch.setenv("GITHUB_API_URL", server.url)
        monkeypatch.setenv("GITHUB_REPOSITORY", "you/stats")
        monkeypatch.setenv("GITHUB_TOKEN", "token")
        monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.test")
        monkeypatch.setenv("GITHUB_RUN_ID", "7")
        yield server


def tell(project: Installation, folder: Path, results: str, unusual: str = "") -> Done:
    return project.cli("publish", "tell", str(folder), "--results", results, "--unusual", unusual)


def test_one_issue_is_opened_updated_and_closed(github: GitHub, project: Installation, tmp_path: Path) -> None:
    """A run that fails opens it, the next one changes it, unusual days alone keep it open, and a good run closes it."""
    (tmp_path / "run.txt").write_text("Error: no")
    assert "The daily run failed" in tell(project, tmp_path, "failure skipped").stdout
    (tmp_path / "run.txt").write_text("Error: still no")
    tell(project, tmp_path, "success failure")

    [issue] = github.open_issues
    assert (issue["title"], issue["labels"]) == ("The daily run failed", [LABEL])
    assert "Error: still no" in issue["body"]
    assert "https://github.test/you/stats/actions/runs/7" in issue["body"]

    tell(project, tmp_path, "success success", "true")
    assert [entry["title"] for entry in github.open_issues] == ["Unusual days"]

    assert "Closed" in tell(project, tmp_path, "success success").stdout
    assert github.open_issues == []
    assert "Nothing to tell" in tell(project, tmp_path, "success success").stdout
    tell(project, tmp_path, "cancelled skipped")
    assert [entry["number"] for entry in github.open_issues] == [2]


def test_issue_of_a_stranger_is_left_alone(github: GitHub, project: Installation, tmp_path: Path) -> None:
    """Only who may write to the repository can label an issue; a pull request with the label is none."""
    github.issues = [
        {"number": 1, "title": "The daily run failed", "labels": [], "state": "open"},
        {"number": 2, "title": "x", "labels": [LABEL], "state": "open", "pull_request": {}},
    ]

    tell(project, tmp_path, "failure")
    tell(project, tmp_path, "success")

    assert [(issue["number"], issue["state"]) for issue in github.issues] == [(1, "open"), (2, "open"), (3, "closed")]


@pytest.mark.parametrize(
    ("status", "words"),
    [(403, "refuses GET issues of you/stats with status 403"), (410, "Settings, General, Features")],
)
def test_refusal_says_what_to_do(
    github: GitHub, project: Installation, tmp_path: Path, status: int, words: str
) -> None:
    """A new fork has no issues, and a job may lack the permission."""
    github.refuses = status

    done = tell(project, tmp_path, "failure")

    assert done.returncode == 1
    assert words in done.stderr
    assert "token" not in done.stderr.replace("the token", "")


def test_outside_of_a_workflow_the_variables_are_named(
    project: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody may try the command at home."""
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    monkeypatch.setenv("GITHUB_API_URL", "https://api.github.test")
    monkeypatch.setenv("GITHUB_REPOSITORY", "you/stats")

    done = tell(project, tmp_path, "failure")

    assert done.returncode == 1
    assert "Error: GITHUB_TOKEN are not set" in done.stderr


def test_comment_is_written_once_and_replaced(github: GitHub) -> None:
    """Also behind a hundred others; a person's comment that begins alike is left alone."""
    person = {"issue": 5, "user": {"type": "User"}, "id": 1, "body": f"{MARKER}\nmine"}
    github.comments = [person, *({**person, "id": n, "body": "hello"} for n in range(2, 120))]
    repository = Repository(github.url, "you/stats", "token")

    repository.tell_comment(5, "first")
    repository.tell_comment(5, "second")

    assert [comment["body"] for comment in github.comments if comment["body"].startswith(MARKER)] == [
        f"{MARKER}\nmine",
        f"{MARKER}\nsecond",
    ]


def test_long_text_loses_its_middle(github: GitHub) -> None:
    """GitHub refuses more than 65,536 characters; what was run, and its end, stay."""
    Repository(github.url, "you/stats", "token").tell_issue("title", f"begin{'x' * 2 * MAX_BODY}end")

    [issue] = github.issues
    assert len(issue["body"]) < 65_536
    assert issue["body"].startswith("begin")
    assert issue["body"].endswith("end")
    assert "characters are left out" in issue["body"]


def test_server_that_does_not_answer_is_one_message() -> None:
    """Its address is named, the token is not."""
    with pytest.raises(GitHubError, match=r"http://127\.0\.0\.1:9 does not answer: ConnectionError"):
        Repository("http://127.0.0.1:9", "you/stats", "token").tell_issue("title", "body")


def test_report_has_the_files_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text is a block that no text can end; Markdown stays; control characters and secrets do not."""
    monkeypatch.setenv("SOME_TOKEN", "hush-hush")
    (tmp_path / "2-run.txt").write_text(f"ran {'~' * 9}\n\x1b[31m hush-hush\n")
    (tmp_path / "3-alerts.md").write_text("## Anomalies\n")
    (tmp_path / "1-restore.txt").write_text("")

    report = read_report(tmp_path)

    assert report.startswith(f"### 2-run\n\n{'~' * 8}\nran ")
    assert report.count("~" * 8) == 2
    assert report.endswith("## Anomalies")
    assert "hush-hush" not in report
    assert "\x1b" not in report
