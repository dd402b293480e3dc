"""Tells how far long work is: a spinner in a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console

Update = Callable[[str], None]


@contextmanager
def step(console: Console, title: str) -> Iterator[Update]:
    """One step of the work; the caller may say what it is at, and how it ended."""
    started = monotonic()
    last = ""

    def update(text: str) -> None:
        nonlocal last
        last = text
        if console.is_terminal:
            status.update(f"{title}: {text}")

    with console.status(f"{title} ...") as status:
        if not console.is_terminal:
            console.print(f"{title} ...")
        yield update
    seconds = f"{monotonic() - started:.1f} s"
    console.print(f"[green]✓[/] {title}{': ' + last if last else ''} [dim]({seconds})[/]", highlight=False)
