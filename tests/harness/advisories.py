"""Asks the public databases for known faults of the locked packages, Python's and the site's; it needs the network.

requirements/accepted.toml has those that somebody has judged, each until a day on which somebody has to look again.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from tests.harness.licences import ACCEPTED
from tests.support.installation import ROOT

PYTHON = (
    "uvx",
    "pip-audit@2.9.0",
    "--requirement",
    "requirements/dev.txt",
    "--require-hashes",
    "--disable-pip",
    "--format",
    "json",
    "--progress-spinner",
    "off",
)
NPM = ("npm", "audit", "--package-lock-only", "--json")


@dataclass(frozen=True)
class Advisory:
    """A known fault of a package; `ids` has all its names."""

    package: str
    ids: tuple[str, ...]
    what: str


def main() -> int:
    """Print the known faults that nobody has accepted; return 1 if there are any, 2 if a database does not answer."""
    commands = {PYTHON: (ROOT, of_pip_audit), NPM: (ROOT / "evidence", of_npm_audit)}
    found: list[Advisory] = []
    for command, (folder, parse) in commands.items():
        # Both end with 1 where they have found something.
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        try:
            found += parse(json.loads(done.stdout))
        except (ValueError, KeyError, TypeError):
            print(f"Error: {command[0]} {command[1]} gave no answer: {(done.stderr or done.stdout).strip()[-500:]}")
            return 2
    lines = [*open_advisories(found, tomllib.loads(ACCEPTED.read_text())["advisories"], datetime.now(UTC).date())]
    print("\n".join(lines) or f"No known fault that is not accepted; {len(found)} are known.")
    return 1 if lines else 0


def open_advisories(found: list[Advisory], accepted: Mapping[str, Mapping[str, Any]], today: date) -> Iterator[str]:
    """A line for each advisory that is not accepted, or no longer, and for each exception without an advisory."""
    used = set()
    for advisory in found:
        known = [name for name in advisory.ids if name in accepted]
        used |= {*known}
        if not known:
            yield f"Error: {advisory.package}: {', '.join(advisory.ids)}: {advisory.what}"
        elif any(accepted[name]["until"] <= today for name in known):
            yield f"Error: {advisory.package}: {known[0]} was accepted until {accepted[known[0]]['until']}. Look again."
    for name in sorted(set(accepted) - used):
        yield f"Error: {ACCEPTED.name} accepts {name}, which no package has any more. Remove it."


def of_pip_audit(answer: Mapping[str, Any]) -> list[Advisory]:
    """The advisories in the JSON of pip-audit."""
    return [
        Advisory(
            f"{package['name']} {package['version']}",
            (fault["id"], *fault.get("aliases", [])),
            f"fixed in {', '.join(fault['fix_versions']) or 'no version'}",
        )
        for package in answer["dependencies"]
        for fault in package.get("vulns", [])
    ]


def of_npm_audit(answer: Mapping[str, Any]) -> list[Advisory]:
    """The advisories in the JSON of `npm audit`; a package that only depends on one with a fault has none itself."""
    return [
        Advisory(name, (str(cause["url"]).rpartition("/")[2],), f"{cause['severity']}: {cause['title']}")
        for name, package in sorted(answer["vulnerabilities"].items())
        for cause in package["via"]
        if isinstance(cause, dict)
    ]


if __name__ == "__main__":
    sys.exit(main())
