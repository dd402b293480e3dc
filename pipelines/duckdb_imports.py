"""Keeps libraries from importing what they do not need here."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_pandas() -> Iterator[None]:
    """Keep DuckDB from importing pandas, which takes a third of a second.

    DuckDB 1.5 does so at the first parameter, to see whether it is a value of pandas. Where there is no pandas it goes
    on, and looks again the next time.
    """
    if "pandas" in sys.modules:
        yield
        return
    sys.modules["pandas"] = None  # type: ignore[assignment]  # Python's way to say that there is none
    try:
        yield
    finally:
        del sys.modules["pandas"]
