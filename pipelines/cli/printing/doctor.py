"""Prints the findings of `just doctor`."""

import platform
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.doctor import Finding, Outcome
from pipelines.redaction import without_secrets
from pipelines.version import version

_PUBLIC = {"uv", "just", "node", "npm", "Python", "terminal", "packages"}


def show_findings(console: Console, findings: Iterator[Finding]) -> bool:
    """Print the findings as a table; return whether all checks passed."""
    colors = {Outcome.OK: "green", Outcome.FAILED: "red", Outcome.NOT_NEEDED: "dim"}
    table = Table("check", "result", "found")
    with console.status("Checking ..."):
        found = list(findings)
    for each in found:
        text = Text(each.found)
        if each.remedy:
            text.append(f"\n{each.remedy}", "bold")
        table.add_row(each.check, Text(each.outcome, colors[each.outcome]), text)
    console.print(table)
    failed = [each.check for each in found if each.outcome is Outcome.FAILED]
    console.print(f"Needs fixing: {', '.join(failed)}." if failed else "All checks passed: `just run` can start.")
    return not failed


def report_findings(findings: Iterator[Finding]) -> str:
    """The findings as Markdown that may be shown in public: without secrets, and without the path of the home.

    What a check that has passed has found may name projects, buckets and accounts, so only tools and packages keep it.
    """
    system = f"{platform.system()} {platform.release()} ({platform.machine()})"
    lines = [f"duckdb-evidence-insights {version()}, {system}", "", "| check | result | found |", "|---|---|---|"]
    for each in findings:
        shown = each.outcome is Outcome.FAILED or each.check in _PUBLIC
        found = without_secrets(each.found).replace(str(Path.home()), "~") if shown else ""
        cell = " ".join(found.replace("|", "\\|").split())
        lines.append(f"| {each.check} | {each.outcome} | {cell} |")
    return "\n".join(lines)
