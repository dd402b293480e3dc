"""Where commands print: a terminal, or a file or pipe, which has no width of its own."""

from rich.console import Console

WIDTH = 120


def open_console(width: int = WIDTH) -> Console:
    """A console as wide as the terminal, or of that many columns where the output is none."""
    return Console(width=None if Console().is_terminal else width, highlight=False)
