"""Prints the findings of `just doctor`."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.doctor import Finding, Outcome


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
