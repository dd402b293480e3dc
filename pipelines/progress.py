"""How a flow says how far it is, to a terminal or to a test; without imports, as each command needs it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

Update = Callable[[str], None]
"""Takes how far a step is, and how it ended."""


class Progress(Protocol):
    """Follows the steps of a flow."""

    def step(self, title: str) -> AbstractContextManager[Update]:
        """A step begins, and ends with the context."""
