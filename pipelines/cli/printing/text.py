"""Text from outside, as a terminal may show it."""


def plain(text: str) -> str:
    """The text with control characters, but line feeds, as their escapes: a user agent may send any."""
    return "".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text)
