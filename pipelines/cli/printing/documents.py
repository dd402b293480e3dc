"""Prints JSON, for other programs."""

import json
from decimal import Decimal
from typing import Any

import typer


def print_json(value: object) -> None:
    """Print a value as one JSON document in ASCII: days and times as text, in which control characters are escaped."""
    typer.echo(json.dumps(value, indent=1, default=_plain))


def _plain(value: Any) -> object:  # noqa: ANN401 - any value from SQL
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
