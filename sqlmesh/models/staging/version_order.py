"""The versions of each project in the order of PEP 440, which no SQL knows: 1.10 comes after 1.9."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
from packaging.version import InvalidVersion, Version
from sqlglot import exp
from sqlmesh import ExecutionContext, model

READ = "staging.daily_downloads"


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


def describe(project: str, order: int, text: str, version: Version | None) -> dict[str, Any]:
    """A row of the model."""
    row = {"project": project, "version": text, "version_order": order, "is_valid": version is not None}
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
    description="The versions of each project that were downloaded, in the order of PEP 440.",
    grain=["(project, version)"],
    depends_on={READ},
    columns={
        "project": "TEXT",
        "version": "TEXT",
        "version_order": "INT",
        "is_valid": "BOOLEAN",
        "major": "TEXT",
        "minor": "TEXT",
        "is_prerelease": "BOOLEAN",
    },
    column_descriptions={
        "project": "Normalised name of the project.",
        "version": "Version as it was uploaded.",
        "version_order": "Rank of the version by PEP 440, 1 for the oldest of the project; invalid versions come last.",
        "is_valid": "TRUE for a valid version of PEP 440.",
        "major": "First number of the version, with its epoch if it has one: 2 of 2.1.3; NULL for an invalid version.",
        "minor": "First two numbers of the version: 2.1 of 2.1.3; NULL for an invalid version.",
        "is_prerelease": "TRUE for alphas, betas, release candidates and development releases.",
    },
    audits=[
        ("unique_combination_of_columns", {"columns": [exp.column("project"), exp.column("version")]}),
        ("unique_combination_of_columns", {"columns": [exp.column("project"), exp.column("version_order")]}),
        ("not_null", {"columns": [exp.column("version_order"), exp.column("is_valid"), exp.column("is_prerelease")]}),
    ],
)
def execute(context: ExecutionContext, **_: object) -> Iterator[pd.DataFrame]:
    """Rank the versions of each project."""
    table = exp.to_table(context.resolve_table(READ))
    found = context.fetchdf(exp.select("project", "version").distinct().from_(table).where("downloads > 0"))
    rows = [
        describe(project, order, text, version)
        for project, versions in found.groupby("project")["version"]
        for order, (text, version) in enumerate(rank(list(versions)), start=1)
    ]
    if rows:
        yield pd.DataFrame(rows)
