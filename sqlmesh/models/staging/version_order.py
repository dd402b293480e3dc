"""What no SQL can tell of a version: its Pythons, and its place by PEP 440, for which 1.10 comes after 1.9."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pandas as pd
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version
from sqlglot import exp
from sqlmesh import ExecutionContext, model

READ = "staging.daily_downloads"
FILES, PAGES, PYTHONS = "raw.release_files", "raw.release_pages", "reference.python_eol"
PATCHES = 50
"""More than any Python has had: one that takes only some of them supports the minor version too."""


def parse(version: str) -> Version | None:
    """The version by PEP 440; `None` where it is none, as with some old uploads."""
    try:
        return Version(version)
    except InvalidVersion:
        return None


def rank(versions: list[str]) -> list[tuple[str, Version | None]]:
    """From the oldest to the newest, those that are invalid last; the text decides between equals: 1.0 and 1.0.0."""
    parsed = [(version, parse(version)) for version in versions]
    valid = [(text, version) for text, version in parsed if version is not None]
    return [*sorted(valid, key=lambda pair: (pair[1], pair[0])), *sorted(pair for pair in parsed if pair[1] is None)]


@cache
def supported(requires_python: str, pythons: tuple[str, ...]) -> frozenset[str]:
    """Those of the Pythons, such as 3.12, of which a patch satisfies the specifier; all, where nobody can read it.

    So pip treats it: what is invalid excludes nothing.
    """
    try:
        specifiers = SpecifierSet(requires_python)
    except InvalidSpecifier:
        return frozenset(pythons)
    return frozenset(
        python
        for python in pythons
        if any(specifiers.contains(f"{python}.{patch}", prereleases=True) for patch in range(PATCHES))
    )


def list_pythons(required: list[str], pythons: tuple[str, ...]) -> str:
    """The Pythons that a file of the version supports, between commas: `,3.9,3.10,`."""
    found = frozenset[str]().union(*(supported(text, pythons) for text in required))
    return "".join(f",{python}" for python in pythons if python in found) + ","


def describe(project: str, order: int, text: str, version: Version | None, pythons: str | None) -> dict[str, Any]:
    """A row of the model."""
    row = {"project": project, "version": text, "version_order": order, "is_valid": version is not None}
    row |= {"supported_pythons": pythons}
    if version is None:
        return row | {"major": None, "minor": None, "is_prerelease": False}
    epoch = f"{version.epoch}!" if version.epoch else ""
    return row | {
        "major": f"{epoch}{version.major}",
        "minor": f"{epoch}{version.major}.{version.minor}",
        "is_prerelease": version.is_prerelease,
    }


@model(
    "staging.version_order",
    kind="FULL",
    description="The versions of each project that were downloaded, or that the index lists, in the order of PEP 440.",
    grain=["(project, version)"],
    depends_on={READ, FILES, PAGES, PYTHONS},
    columns={
        "project": "TEXT",
        "version": "TEXT",
        "version_order": "INT",
        "is_valid": "BOOLEAN",
        "major": "TEXT",
        "minor": "TEXT",
        "is_prerelease": "BOOLEAN",
        "supported_pythons": "TEXT",
    },
    column_descriptions={
        "project": "Normalised name of the project.",
        "version": "Version as it was uploaded.",
        "version_order": "Rank of the version by PEP 440, 1 for the oldest of the project; invalid versions come last.",
        "is_valid": "TRUE for a valid version of PEP 440.",
        "major": "First number of the version, with its epoch if it has one: 2 of 2.1.3; NULL for an invalid version.",
        "minor": "First two numbers of the version: 2.1 of 2.1.3; NULL for an invalid version.",
        "is_prerelease": "TRUE for alphas, betas, release candidates and development releases.",
        "supported_pythons": "Pythons of reference.python_eol that a file of the version supports by its "
        "requires_python, between commas: ,3.9,3.10,; NULL where the index does not list the version.",
    },
    audits=[
        ("unique_combination_of_columns", {"columns": [exp.column("project"), exp.column("version")]}),
        ("unique_combination_of_columns", {"columns": [exp.column("project"), exp.column("version_order")]}),
        ("not_null", {"columns": [exp.column("version_order"), exp.column("is_valid"), exp.column("is_prerelease")]}),
    ],
)
def execute(context: ExecutionContext, **_: object) -> Iterator[pd.DataFrame]:
    """Rank the versions of each project."""
    tables = {name: exp.to_table(context.resolve_table(name)) for name in (READ, FILES, PAGES, PYTHONS)}
    downloaded = context.fetchdf(exp.select("project", "version").distinct().from_(tables[READ]).where("downloads > 0"))
    listed = context.fetchdf(
        exp.select("f.project", "f.version", "COALESCE(f.requires_python, '') AS requires_python")
        .distinct()
        .from_(tables[FILES].as_("f"))
        .join(tables[PAGES].as_("p"), on="f.project = p.project AND f._dlt_load_id = p.load_id")
    )
    known = context.fetchdf(exp.select("major", "minor").from_(tables[PYTHONS]).order_by("major", "minor"))
    pythons = tuple(f"{major}.{minor}" for major, minor in known.itertuples(index=False))
    required: dict[tuple[str, str], list[str]] = {}
    for project, version, text in listed.itertuples(index=False):
        required.setdefault((project, version), []).append(text)
    versions = {project: set(found) for project, found in downloaded.groupby("project")["version"]}
    for project, version in required:
        # Of a project without downloads there is nothing to tell.
        if project in versions:
            versions[project].add(version)
    rows = [
        describe(
            project,
            order,
            text,
            version,
            list_pythons(required[project, text], pythons) if (project, text) in required else None,
        )
        for project, found in sorted(versions.items())
        for order, (text, version) in enumerate(rank(list(found)), start=1)
    ]
    if rows:
        yield pd.DataFrame(rows)
