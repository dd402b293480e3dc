"""What `tests.harness.chaos` does to files, tables and settings, and the values and names that nobody means."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import duckdb

HOSTILE_TEXTS = (
    "", " ", "null", "true", "[]", "{}", "[1]", "[null]", '["one", 2]', '{"a": 1}', "-1", "0", "1e-9", "1e300", "nan",
    "inf", "99999999999999999999", "2999-01-01", "0000-00-00", "2026-02-30", "a'b\"c`d", "../../x", "/dev/null", "%s{}",
    "$(id)", "${HOME}", "\n", "\t[x]", "\x1b[2J", "漢字", "💥", "\u202e", "x" * 5000, "[" * 500, "postgres://u:p@h/d",
)  # fmt: skip
"""Values of a variable of the environment."""
HOSTILE_VALUES = (
    "true", "-1", "0", "1e300", "nan", "-inf", "99999999999999999999", '""', "'null'", '"\\u0000"', '"a\'b\\"c"',
    '"漢字"', '"2999-01-01"', "2026-02-28", "2026-02-28T00:00:00Z", "07:32:00", "[]", "[[]]", '[1, "one"]', "{}",
    "{ a = 1 }", "?",
)  # fmt: skip
"""Values in a TOML file, of each of its types; the last is none."""
HOSTILE_NAMES = (
    "a*", "a?", "[ab]", "{a,b}", "**", "a'b", 'a"b', "a\\b", "a b", "a\nb", "a;b", "a,b", "%s", "$HOME", "~", "-rf",
    "漢字", "💥", "\u202e", "e\u0301", "x" * 200, "country_code=FR", "project=two", "timestamp=2026-07-02",
    "day=1/day=2", "s3:", "http:", ".hidden", "c.parquet",
)  # fmt: skip
"""Names of a file or folder upstream."""


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def _empty(path: Path) -> None:
    folder = path.is_dir()
    _remove(path)
    path.mkdir() if folder else path.touch()


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _fill_with_garbage(path: Path) -> None:
    path.write_bytes(Random(1).randbytes(max(64, path.stat().st_size)))  # noqa: S311 - the same garbage every time


def _change_kind(path: Path) -> None:
    folder = path.is_dir()
    _remove(path)
    path.write_text("not a folder") if folder else path.mkdir()


def _link_to_nothing(path: Path) -> None:
    _remove(path)
    path.symlink_to("nowhere")


FILE_DAMAGES: dict[str, Callable[[Path], None]] = {
    "absent": _remove,
    "empty": _empty,
    "cut": _cut,
    "garbage": _fill_with_garbage,
    "a folder for a file, or the reverse": _change_kind,
    "a link to nothing": _link_to_nothing,
}
FOLDER_DAMAGES = {"absent", "empty", "a folder for a file, or the reverse", "a link to nothing"}

_TABLE_DAMAGES = {
    "dropped": "DROP {kind} {0} CASCADE",
    "emptied": "DELETE FROM {0}",
    "another shape": "DROP {kind} {0} CASCADE; CREATE {kind} {0} AS SELECT 1 AS other",
}
_KIND = """SELECT 1 FROM duckdb_views() WHERE format('"{}"."{}"', schema_name, view_name) = ?"""


def damages_of_file(path: Path) -> list[str]:
    return [damage for damage in FILE_DAMAGES if path.is_file() or damage in FOLDER_DAMAGES]


def damages_of_table(kind: str) -> list[str]:
    return [damage for damage in _TABLE_DAMAGES if kind == "BASE TABLE" or damage != "emptied"]


def damage_table(warehouse: Path, name: str, damage: str) -> None:
    """Damage the table or view of that quoted name."""
    with duckdb.connect(warehouse) as connection:
        kind = "VIEW" if connection.execute(_KIND, [name]).fetchone() else "TABLE"
        connection.execute(_TABLE_DAMAGES[damage].format(name, kind=kind))
