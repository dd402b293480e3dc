"""Arguments and options that several commands share."""

from datetime import datetime
from typing import Annotated

import typer
from packaging.utils import canonicalize_name

Site = Annotated[bool, typer.Option(help="Build the Evidence site if a mart or a page has changed.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but warnings and errors.")]
Yes = Annotated[bool, typer.Option("--yes", help="Skip the confirmation.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")]
Port = Annotated[int, typer.Option(help="Port on this machine.", min=1, max=65535)]
Day = Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"])]
EndDay = Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="Exclusive.")]
EXIT_FOUND = 3
"""Exit code if there is an anomaly, or a difference; 1 is an `InsightsError`, 2 a wrong argument."""


def normalize(name: str) -> str:
    """A project's normalized name (PEP 503): commands accept any spelling, the rest of the code sees only this one."""
    return canonicalize_name(name)
