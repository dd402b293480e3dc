"""Arguments and options that several commands take."""

from datetime import datetime
from typing import Annotated

import typer
from packaging.utils import canonicalize_name

Site = Annotated[bool, typer.Option(help="Build the Evidence site where a mart or a page has changed.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Port = Annotated[int, typer.Option(help="Port on this machine.", min=1, max=65535)]
Day = Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"])]
DayToStopBefore = Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="The day to stop before.")]


def normalize(name: str) -> str:
    """A project's normal name (PEP 503): commands take any spelling, and nothing behind them sees it."""
    return canonicalize_name(name)
