"""Shows what was found damaged and is made again: a line each, on standard error."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def notices() -> Iterator[None]:
    """While it lasts, what the project logs is printed as it is, and not again by a library's handler."""
    logger, handler = logging.getLogger("pipelines"), logging.StreamHandler(sys.stderr)
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
