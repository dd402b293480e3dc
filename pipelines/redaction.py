"""Takes credentials out of texts that are printed or kept in a file."""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

MASK = "***"
MIN_LENGTH = 6
"""Characters of the shortest secret that is looked for by its value: a shorter one would be found in other words."""
SECRETS_FILE = Path(".dlt/secrets.toml")

_PATTERNS = (
    re.compile(r"(://)[^/\s'\"]+(?=@)"),
    re.compile(r"(?i)((?:token|password|passwd|secret|sig)=)[^&\s'\"]+"),
    re.compile(r"()eyJ[\w-]+\.[\w-]+\.[\w-]+"),
)
"""What follows the first group is a secret: in a URL, in a connection string, a JSON Web Token."""
_SECRET_NAME = re.compile(r"(?i)(^|_)(password|passwd|secret|token|key|sig)(_|$)")


def without_secrets(text: str) -> str:
    """The text without passwords in URLs, tokens, and the values of secret settings."""
    # The longest first: one secret may contain another.
    for secret in sorted(set(_secrets()), key=len, reverse=True):
        text = text.replace(secret, MASK)
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\1{MASK}", text)
    return text


def _secrets() -> Iterator[str]:
    """The values of the environment and of the file of secrets whose names say that they are secret."""
    yield from _values(os.environ)
    try:
        yield from _values(tomllib.loads(SECRETS_FILE.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return


def _values(settings: Mapping[str, Any]) -> Iterator[str]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _values(value)
        elif isinstance(value, str) and len(value) >= MIN_LENGTH and _SECRET_NAME.search(name):
            yield value
