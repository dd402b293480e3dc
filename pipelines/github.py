"""What workflows tell on GitHub: one issue about the daily run, one comment on a pull request, updated in place."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests

from pipelines.errors import GitHubError

LABEL = "daily run"
"""Marks the issue. Who may not write to the repository cannot label one, so no stranger's issue is taken for it."""
MARKER = "<!-- just review -->"
"""Begins the comment, by which it is found again."""
MAX_BODY = 60_000
"""Characters; GitHub takes 65,536."""
_SECONDS = 30
_GONE = 410


@dataclass(frozen=True)
class Repository:
    """A repository as GitHub's REST API has it; `api` is the API's address."""

    api: str
    name: str
    token: str

    @classmethod
    def of_workflow(cls) -> "Repository":
        """The repository whose workflow calls, by the variables that GitHub sets.

        Raises:
            GitHubError: one of them is missing.

        """
        names = ("GITHUB_API_URL", "GITHUB_REPOSITORY", "GITHUB_TOKEN")
        missing = [name for name in names if not os.environ.get(name)]
        if missing:
            what = f"{' and '.join(missing)} are not set: GitHub sets them in a workflow, and the workflow the token."
            raise GitHubError(what, remedy="Elsewhere, `--print` prints the text.")
        return cls(*(os.environ[name] for name in names))

    def tell_issue(self, title: str, body: str) -> str:
        """Open the one issue, or give the open one this title and body; return its address."""
        found = self._issue()
        content = {"title": title, "body": cut(body)}
        if found:
            return str(self._ask("PATCH", f"issues/{found['number']}", content)["html_url"])
        return str(self._ask("POST", "issues", content | {"labels": [LABEL]})["html_url"])

    def close_issue(self, comment: str) -> str | None:
        """Close the one issue with a comment, if it is open; return its address."""
        found = self._issue()
        if not found:
            return None
        self._ask("POST", f"issues/{found['number']}/comments", {"body": comment})
        return str(self._ask("PATCH", f"issues/{found['number']}", {"state": "closed"})["html_url"])

    def tell_comment(self, number: int, body: str) -> str:
        """Write the one comment of a pull request that begins with the marker, or replace it; return its address."""
        content = {"body": cut(f"{MARKER}\n{body}")}
        for comment in self._pages(f"issues/{number}/comments"):
            if comment["user"]["type"] == "Bot" and comment["body"].startswith(MARKER):
                return str(self._ask("PATCH", f"issues/comments/{comment['id']}", content)["html_url"])
        return str(self._ask("POST", f"issues/{number}/comments", content)["html_url"])

    def _issue(self) -> dict[str, Any] | None:
        found = self._pages("issues", labels=LABEL, state="open")
        # The list has pull requests, too.
        return next((issue for issue in found if "pull_request" not in issue), None)

    def _pages(self, path: str, **parameters: str) -> Iterator[dict[str, Any]]:
        page = 1
        while entries := self._ask("GET", path, None, per_page="100", page=str(page), **parameters):
            yield from entries
            page += 1

    def _ask(self, method: str, path: str, content: Any, **parameters: str) -> Any:  # noqa: ANN401 - JSON
        """The answer.

        Raises:
            GitHubError: GitHub does not answer, or refuses.

        """
        try:
            answer = requests.request(
                method,
                f"{self.api}/repos/{self.name}/{path}",
                params=parameters,
                json=content,
                headers={"Authorization": f"Bearer {self.token}", "Accept": "application/vnd.github+json"},
                timeout=_SECONDS,
            )
        except requests.RequestException as error:
            what = f"{self.api} does not answer: {type(error).__name__}."
            raise GitHubError(what, remedy="Run the workflow again.") from None
        if answer.status_code == _GONE:
            what = f"{self.name} has no issues: they are switched off, as in each new fork."
            raise GitHubError(what, remedy="Switch them on: Settings, General, Features, Issues.")
        if not answer.ok:
            what = f"{self.api} refuses {method} {path} of {self.name} with status {answer.status_code}."
            raise GitHubError(what, remedy="The workflow's job needs the permission: docs/publish.md.")
        return answer.json()


def cut(text: str) -> str:
    """The text, without its middle if it is longer than GitHub takes."""
    if len(text) <= MAX_BODY:
        return text
    half = MAX_BODY // 2
    return f"{text[:half]}\n\n... {len(text) - 2 * half:,} characters are left out ...\n\n{text[-half:]}"
