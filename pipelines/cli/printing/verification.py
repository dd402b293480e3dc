"""Prints how the daily totals of the warehouse compare with those of the public copy."""

from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from pipelines.load.verification import Verification
from pipelines.pypi.windows import DAY


def show_verification(console: Console, found: Verification) -> None:
    """Print each difference, and what was not compared."""
    days = sum(found.projects.values())
    compared = f"{days:,} daily totals of {len(found.projects):,} projects compared with {found.address}"
    if found.differences:
        console.print(f"{compared}: {len(found.differences):,} differ.\n", soft_wrap=True)
        console.print(_table(found))
    else:
        console.print(f"{compared}: {'all are equal' if days else 'it has none of these days'}.", soft_wrap=True)
    if found.later:
        ends = f"The copy ends on {found.until - DAY}" if found.until else "The copy has no whole day"
        later = ", ".join(f"{days:,} of {project}" for project, days in found.later.items())
        console.print(f"{ends}; later days were not compared: {later}.", soft_wrap=True)
    if found.own:
        text = (
            f"{found.own:,} of the days were loaded from ClickPy: equal totals show that nothing was lost since then."
        )
        console.print(text, soft_wrap=True)


def describe_verification(found: Verification) -> dict[str, object]:
    """What `show_verification` prints, for other programs."""
    differences = [asdict(each) | {"relative": each.relative} for each in found.differences]
    return asdict(found) | {"differences": differences}


def _table(found: Verification) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("project", overflow="fold")
    for heading in ("day", "warehouse", "copy", "difference", "relative", "in quarantine"):
        table.add_column(heading, justify="right", overflow="fold")
    for each in found.differences:
        relative = "" if each.relative is None else f"{each.relative:+.2%}"
        numbers = (f"{each.ours:,}", f"{each.theirs:,}", f"{each.ours - each.theirs:+,}", relative)
        table.add_row(each.project, str(each.day), *numbers, f"{each.quarantined:,}" if each.quarantined else "")
    return table
