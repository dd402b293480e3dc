"""What marts.downloads_by_wheel reads from a file's name is what `packaging` reads from it."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.tags import Tag
from packaging.utils import parse_wheel_filename
from sqlmesh import Context

from tests.support.models import Models

NAMED = {"manylinux1": "2.5", "manylinux2010": "2.12", "manylinux2014": "2.17"}
PLATFORMS = [
    "any",
    "win32",
    "win_amd64",
    "macosx_11_0_arm64",
    "linux_armv7l",
    "android_24_x86_64",
    "ios_13_0_arm64_iphoneos",
]


class Read(NamedTuple):
    """What a name tells; the tags as sets, which a compressed set stands for."""

    kind: str
    tags: frozenset[tuple[str, str, str]]
    manylinux: str
    musllinux: str


def by_packaging(name: str) -> Read:
    tags = parse_wheel_filename(name)[3]
    pure = all(tag.abi == "none" and tag.platform == "any" for tag in tags)
    return Read(
        "pure wheel" if pure else "platform wheel",
        frozenset((tag.interpreter, tag.abi, tag.platform) for tag in tags),
        lowest(tags, "manylinux"),
        lowest(tags, "musllinux"),
    )


def lowest(tags: Iterable[Tag], family: str) -> str:
    """The lowest version of the family in the tags, as `2.17`."""
    versions = set()
    for tag in tags:
        name, *rest = tag.platform.split("_")
        if name in NAMED and family == "manylinux":
            versions.add(NAMED[name])
        elif name == family:
            versions.add(".".join(rest[:2]))
    return min(versions, key=lambda version: [int(part) for part in version.split(".")], default="none")


def by_mart(models: Models, names: list[str]) -> dict[str, Read]:
    """What the models make of the names: each is the only file of a project of that name."""
    models.connection.execute("DELETE FROM raw.file_downloads")
    models.connection.execute(
        "INSERT INTO raw.file_downloads BY NAME SELECT DATE '2026-07-01' AS day, name AS project, "
        "name AS file__filename, 'bdist_wheel' AS file__type FROM (SELECT UNNEST(?) AS name)",
        [names],
    )
    models.compute(["reference.installers", "staging.downloads", "staging.daily_platforms", "marts.downloads_by_wheel"])
    rows = models.rows(
        "SELECT project, kind, interpreter, abi, platform, manylinux, musllinux FROM marts.downloads_by_wheel"
    )
    return {
        name: Read(
            kind,
            frozenset((i, a, p) for i in interpreter.split(".") for a in abi.split(".") for p in platform.split(".")),
            *levels,
        )
        for name, kind, interpreter, abi, platform, *levels in rows
    }


@pytest.fixture(scope="module")
def models(context: Context) -> Models:
    return Models(context)


def test_each_real_wheel_is_read_like_packaging_does(models: Models, real_data: Path) -> None:
    """All wheels of ten projects, old and new: same tags, same purity, same lowest manylinux and musllinux."""
    files = [
        str(file)
        for file in (*(real_data / "file_downloads").glob("*.parquet"), real_data / "file_downloads_history.parquet")
    ]
    sql = "SELECT DISTINCT file.filename FROM READ_PARQUET(?, union_by_name = TRUE) WHERE file.type = 'bdist_wheel'"
    names = [name for (name,) in duckdb.execute(sql, [files]).fetchall()]

    assert len(names) > 1_000
    assert {name: by_packaging(name) for name in names} == by_mart(models, names)


interpreters = st.sampled_from(["py2", "py3", "cp27", "cp39", "cp312", "cp314", "pp310", "ip27"])
abis = st.sampled_from(["none", "abi3", "cp27mu", "cp312", "cp313t", "pypy310_pp73"])
levels = st.one_of(
    st.builds("manylinux_2_{}_x86_64".format, st.sampled_from([5, *range(12, 45)])),
    st.sampled_from(["manylinux1_i686", "manylinux2010_x86_64", "manylinux2014_ppc64le"]),
    st.builds("musllinux_1_{}_aarch64".format, st.integers(1, 3)),
)
platforms = st.one_of(
    st.sampled_from(PLATFORMS).map(lambda platform: [platform]), st.lists(levels, min_size=1, max_size=5, unique=True)
)


def as_set(values: list[str]) -> str:
    """A compressed tag set, in any order."""
    return ".".join(values)


names = st.builds(
    lambda name, version, build, *tags: "-".join([name, version, *build, *map(as_set, tags)]) + ".whl",
    st.from_regex(r"[a-z][a-z0-9]{0,8}(_[a-z0-9]{1,5})?", fullmatch=True),
    st.sampled_from(["1.0", "2026.7", "1!2.0.post1", "0.1.0rc2", "3.0+local.1", "1.0.dev0"]),
    st.one_of(st.just([]), st.from_regex(r"[0-9]{1,3}([a-z][a-z0-9_]{0,5})?", fullmatch=True).map(lambda tag: [tag])),
    st.lists(interpreters, min_size=1, max_size=3, unique=True),
    st.lists(abis, min_size=1, max_size=2, unique=True),
    platforms,
)


@pytest.mark.slow
@settings(deadline=None, max_examples=20)
@given(st.lists(names, min_size=1, max_size=40, unique=True))
def test_any_wheel_is_read_like_packaging_does(models: Models, wheels: list[str]) -> None:
    """With and without build tag, with compressed sets of tags, old and new names of manylinux."""
    assert {name: by_packaging(name) for name in wheels} == by_mart(models, wheels)
