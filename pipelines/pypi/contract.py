"""The contract: the fields and rules of a download, and of a count of downloads; `columns.py` derives all columns.

Field names, nesting and types are those of BigQuery's `bigquery-public-data.pypi.file_downloads`
(https://docs.pypi.org/api/bigquery/). Linehaul writes the fields, and documents their meaning
(https://github.com/pypi/linehaul-cloud-function). To add a field, add its line here; with a default of None a table or
file may lack it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from typing import Annotated, Literal, Self

from packaging.utils import canonicalize_name
from pydantic import BaseModel, ConfigDict, Field, model_validator

# Clients describe themselves in free text; a longer text comes from a broken or hostile user agent.
ClientText = Annotated[str, Field(max_length=1024)]
Name = Annotated[str, Field(min_length=1, max_length=256)]
# ISO 3166-1 alpha-2, and the CDN's own codes such as A1 (anonymous proxy) and EU. Where it does not know the country it
# writes `**`, `?` or nothing, which staging counts as unknown.
CountryCode = Annotated[str, Field(pattern=r"^([A-Z][A-Z0-9]|[*][*]|[?]|)$")]
# https://docs.pypi.org/api/bigquery/ and Warehouse's PackageType: every type that PyPI has ever accepted.
PackageType = Literal[
    "bdist_wheel",
    "sdist",
    "bdist_egg",
    "bdist_wininst",
    "bdist_msi",
    "bdist_rpm",
    "bdist_dumb",
    "bdist_dmg",
]


class Record(BaseModel):
    """A BigQuery RECORD: no coercion, no undeclared field."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class File(Record):
    """The file that was downloaded."""

    filename: Annotated[str, Field(min_length=1, max_length=1024)]
    project: Name
    version: Name
    type: PackageType


class Installer(Record):
    """The tool that downloaded the file, by its user agent."""

    name: ClientText | None
    version: ClientText | None
    # Words joined, as "pip install"; Linehaul writes it since December 2025, so an older table or file may lack it
    # (https://github.com/pypi/linehaul-cloud-function/pull/237).
    subcommand: ClientText | None = None


class Implementation(Record):
    """The Python implementation that the installer ran on."""

    name: ClientText | None
    version: ClientText | None


class Libc(Record):
    """The C library of a Linux distribution."""

    lib: ClientText | None
    version: ClientText | None


class Distro(Record):
    """The Linux distribution, or macOS."""

    name: ClientText | None
    version: ClientText | None
    id: ClientText | None
    libc: Libc | None


class System(Record):
    """The operating system and its release."""

    name: ClientText | None
    release: ClientText | None


class Details(Record):
    """The parsed user agent; NULL where Linehaul could not parse it."""

    installer: Installer | None
    python: ClientText | None
    implementation: Implementation | None
    distro: Distro | None
    system: System | None
    cpu: ClientText | None
    openssl_version: ClientText | None
    setuptools_version: ClientText | None
    rustc_version: ClientText | None
    ci: bool | None


class Checked(Record):
    """A record that keeps the `RULES`, too."""

    @model_validator(mode="after")
    def _check_rules(self) -> Self:
        for rule in RULES:
            rule.check(*(reduce(getattr, path, self) for path in rule.paths))
        return self


class FileDownload(Checked):
    """One row: one download of one file."""

    timestamp: datetime
    country_code: CountryCode | None
    url: Annotated[str, Field(pattern=r"^/", max_length=2048)]
    project: Name
    file: File
    details: Details | None
    tls_protocol: ClientText | None
    tls_cipher: ClientText | None


class CountedInstaller(Record):
    """The tool that downloaded the file."""

    name: ClientText | None
    # Of pip and uv, cut to major and minor; NULL of the others, and in what earlier versions have counted.
    version: ClientText | None = None
    subcommand: ClientText | None = None


class CountedDistro(Record):
    """The Linux distribution, or macOS."""

    name: ClientText | None
    version: ClientText | None
    libc: Libc | None


class CountedSystem(Record):
    """The operating system."""

    name: ClientText | None


class CountedDetails(Record):
    """The fields of the parsed user agent that the KPIs need; `python` is cut to major and minor."""

    installer: CountedInstaller | None
    python: ClientText | None
    distro: CountedDistro | None
    system: CountedSystem | None
    cpu: ClientText | None
    ci: bool | None


class DailyCount(Checked):
    """One row at the grain of a day: how many rows of the log have the same values on a UTC day."""

    day: date
    country_code: CountryCode | None
    project: Name
    file: File
    details: CountedDetails | None
    log_rows: Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Rule:
    """A constraint across fields; `check` takes their values and raises `ValueError` with `(input ...)` at the end."""

    paths: tuple[tuple[str, ...], ...]
    check: Callable[..., None]


def _file_belongs_to_project(project: str, file_project: str) -> None:
    if canonicalize_name(project) != canonicalize_name(file_project):
        msg = f"file.project is not the project (input {file_project!r} and {project!r})"
        raise ValueError(msg)


RULES = (Rule((("project",), ("file", "project")), _file_belongs_to_project),)
