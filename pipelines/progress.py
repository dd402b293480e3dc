"""How a flow shows its progress, in a terminal or to a test; imports no library, as every command imports it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

Update = Callable[[str], None]
"""Shows a step's progress; the last text is its result."""


class Progress(Protocol):
    """Shows the steps of a flow."""

    def step(self, title: str) -> AbstractContextManager[Update]:
        """Show a step from entering the context to leaving it."""
