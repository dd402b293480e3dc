"""The settings as they are written, before dlt resolves them: files that must parse, names that must be known.

dlt ignores a name that it does not know, so a misspelt budget would silently be the default.
"""

import os
import tomllib
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pipelines.errors import SettingsError

FOLDER = Path(".dlt")
FILES = CONFIG, SECRETS = (FOLDER / "config.toml", FOLDER / "secrets.toml")
GLOBAL_FILES = tuple(Path("~/.dlt", file.name) for file in FILES)
"""dlt reads them as well, for the settings of all projects of a user."""
_SECTIONS = ("destination", "destinations", "sources", "transform")
"""What the project's own settings are under, at the top of a file."""
_SECTIONS_OF_DLT = ("data_writer", "extract", "load", "normalize", "pipeline", "runtime", "schema")
_SIMILAR, _MISSPELT = 0.5, 0.8
"""How similar two names are, from 0 to 1, if one may have been meant by the other, and if it surely was."""
_REFERENCE = "docs/settings.md and docs/destinations.md list all settings."


def require_readable() -> None:
    """Raise `SettingsError` unless each file of settings is TOML, and has no section that is one of ours misspelt."""
    for file in GLOBAL_FILES:
        _read(file.expanduser())
    for file in FILES:
        for name, value in _read(file).items():
            if name in _SECTIONS_OF_DLT and not isinstance(value, Mapping):
                raise _no_table(name, file)
            meant = nearest(name, _SECTIONS)
            if name not in _SECTIONS and meant:
                raise SettingsError(
                    f"Unknown section or setting `{name}` in {file}.", remedy=f"Did you mean `{meant}`?"
                )


def require_known(section: tuple[str, ...], known: Collection[str]) -> None:
    """Raise `SettingsError` if a file or the environment has another name than the `known` ones under the section."""
    for file in FILES:
        for name in _section(file, section):
            if name not in known:
                raise _unknown(f"{name}` under [{'.'.join(section)}] in {file}", nearest(name, known, _SIMILAR))
    prefix = "__".join(section).upper() + "__"
    variables = {name.upper() for name in known}
    for variable in sorted(os.environ):
        if not variable.upper().startswith(prefix):
            continue
        start, name = variable[: len(prefix)], variable[len(prefix) :].split("__")[0]
        # dlt reads variables in upper case only.
        if start != prefix or name not in variables:
            meant = nearest(name, known, _SIMILAR)
            raise _unknown(f"{variable}` in the environment", meant and prefix + meant.upper())


def names_under(section: tuple[str, ...]) -> set[str]:
    """The names that the files have under the section."""
    return {name for file in FILES for name in _section(file, section)}


def files_with(section: tuple[str, ...], name: str) -> list[Path]:
    """The files that have the name under the section."""
    return [file for file in FILES if name in _section(file, section)]


def nearest(name: str, known: Collection[str], similarity: float = _MISSPELT) -> str | None:
    """The known name that was meant, if one is as similar."""
    return next(iter(get_close_matches(name.lower(), sorted(known), 1, similarity)), None)


def _unknown(written: str, meant: str | None) -> SettingsError:
    question = f"Did you mean `{meant}`? " if meant else ""
    return SettingsError(f"Unknown setting `{written}.", remedy=f"{question}{_REFERENCE}")


def _no_table(name: str, file: Path) -> SettingsError:
    return SettingsError(f"`{name}` in {file} is a value, not a table.", remedy=f"Write it as a section: [{name}].")


def _section(file: Path, section: tuple[str, ...]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = _read(file)
    for depth, name in enumerate(section, 1):
        inner = found.get(name, {})
        if not isinstance(inner, Mapping):
            # Credentials may be one text instead of a table.
            if depth == len(section) and name == "credentials":
                return {}
            raise _no_table(".".join(section[:depth]), file)
        found = inner
    return found


def _read(file: Path) -> Mapping[str, Any]:
    """The file's settings; none where there is no file.

    Raises:
        SettingsError: the file cannot be read, or is not TOML; its text is not quoted, as it may be a secret.

    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file} is not encoded as UTF-8.", remedy="Save it as UTF-8.") from error
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be read: {error.strerror}.", remedy="Make it a file that you may read."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f"{file} is not TOML: {error}.", remedy="Correct that line: https://toml.io shows how."
        ) from None
