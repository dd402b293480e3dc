"""Prints anomalies as Markdown, for a person or for a scheduled job."""

from dataclasses import asdict
from typing import Any

from rich.console import Console

from pipelines.cli.printing.text import DEMO_ORIGIN, plain
from pipelines.transform.anomalies import Anomalies, Anomaly


def show_anomalies(console: Console, found: Anomalies) -> None:
    """Print the anomalies of the last days in the data, most recent first."""
    for line in _markdown(found):
        console.print(line, markup=False, soft_wrap=True)


def describe_anomalies(found: Anomalies) -> dict[str, object]:
    """What `show_anomalies` prints, for other programs."""
    return asdict(found) | {"rows": [anomaly._asdict() for anomaly in found.rows]}


def _markdown(found: Anomalies) -> list[str]:
    origin = DEMO_ORIGIN if found.is_demo else ""
    scope = f"the last {found.days} days through {found.last_day}{origin}, by `{found.lens.column}`"
    if not found.rows:
        return [f"No anomaly of severity {found.severity} or above in {scope}."]
    return [
        f"## Anomalies of severity {found.severity} or above: {len(found.rows)}",
        "",
        f"In {scope}.",
        "",
        "| day | project | severity | reason | downloads | usual | change | score |",
        "|---|---|---|---|---:|---:|---:|---:|",
        *(_row(anomaly) for anomaly in found.rows),
    ]


def _row(anomaly: Anomaly) -> str:
    detail = {
        "release": anomaly.version,
        "incident": anomaly.incident,
        "gap": anomaly.incident,
        "spike": anomaly.cause,
        "drop": anomaly.cause,
    }.get(anomaly.reason)
    cells = (
        str(anomaly.day),
        anomaly.project,
        anomaly.severity,
        f"{anomaly.reason} ({detail})" if detail else anomaly.reason,
        _number(anomaly.downloads, ",.0f"),
        _number(anomaly.usual, ",.0f"),
        _number(anomaly.change, "+.0%"),
        _number(anomaly.score, "+.1f"),
    )
    # A version is a stranger's text, and could end a cell or a line.
    return "| " + " | ".join(plain(cell).replace("\n", " ").replace("|", "\\|") for cell in cells) + " |"


def _number(value: Any, form: str) -> str:  # noqa: ANN401 - any number from SQL
    return "" if value is None else format(value, form)
