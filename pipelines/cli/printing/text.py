"""Texts that several commands print, and a filter for texts from outside."""

NOTHING_TO_LOAD = "Nothing to load: the warehouse has each day up to the last settled one."
DEMO_ORIGIN = " of demo data: generated, not real"
"""Follows the name of a table of demo data."""


def plain(text: str) -> str:
    """The text with control characters escaped, except line feeds: a user agent may contain any character."""
    return "".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text)
