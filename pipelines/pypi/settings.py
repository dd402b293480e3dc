"""The source's settings, resolved by dlt from `.dlt/config.toml`, `.dlt/secrets.toml` and `SOURCES__PYPI__*`."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field as dataclass_field
from datetime import UTC, date, datetime, timedelta
from typing import NoReturn

from dlt.common.configuration import configspec, resolve_configuration
from dlt.common.configuration.exceptions import (
    ConfigFieldMissingException,
    ConfigValueCannotBeCoercedException,
)
from dlt.common.configuration.specs import BaseConfiguration
from packaging.utils import InvalidName, canonicalize_name

from pipelines.configuration import CONFIG, SECRETS, files_with, require_known, require_readable
from pipelines.errors import SettingsError
from pipelines.pypi.clickpy_settings import ClickpySettings
from pipelines.pypi.releases_settings import ReleasesSettings

TIB = 2**40
MAX_TIMEOUT = 6 * 60 * 60
"""Seconds that BigQuery lets a query run at most (https://cloud.google.com/bigquery/quotas)."""
MAX_DAYS = 3650
PRICE_PER_TIB = (0.1, 1000.0)
"""US dollars between which a price of BigQuery can lie; 0 stands for a reservation, where bytes have no price."""
MAX_BUDGET = 1_000_000.0
"""US dollars; a larger budget is a slip, which would guard nothing."""
MAX_MARGIN = 1000
MAX_CHUNK_ROWS = 100_000_000
MAX_CHUNK_GIB = 50
"""BigQuery refuses to return more than 10 GB, compressed; rows of the log are compressed to a fifth or less."""
PROJECTS_VARIABLE = "SOURCES__PYPI__PROJECTS"
UPSTREAMS = ("parquet", "bigquery", "clickpy")
GRAINS = ("row", "day")
"""The names of the grains: a row for each download, or for the equal downloads of a day."""
POLICIES = {
    "columns": ("report", "freeze"),
    "rows": ("discard_row", "freeze"),
    "guard": ("expected", "bound"),
}
"""The policies for upstream fields outside the contract, and for rows that fail it, in dlt's words; and whether budgets
are compared with the cost that is expected, or with the most that BigQuery could bill."""

FIRST_DAY = date(2016, 1, 1)
"""No download of the public table is older; the KPI models start here."""

_REFUSAL_REASONS = {
    "evolve": " (fields outside the contract would be counted unchecked)",
    "discard_value": " (a value set to NULL would be counted as unknown)",
}
_TABLE = re.compile(r"[A-Za-z][A-Za-z0-9-]{4,61}[A-Za-z0-9][.][A-Za-z0-9_]{1,1024}[.][A-Za-z0-9_-]{1,1024}")
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")
_GCP_PROJECT = re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")


@configspec
class Settings(BaseConfiguration):
    """What to load, and from where; `docs/settings.md` describes each field and explains its default."""

    projects: list[str] = None  # type: ignore[assignment]  # dlt: no default, a missing value is an error
    """Names on PyPI, as a list; in the environment as `one two`, `one, two`, or JSON: `'["one", "two"]'`. Normalised
    by PEP 503."""
    start_date: str = None  # type: ignore[assignment]  # as above
    """First UTC day to load, as `YYYY-MM-DD`."""
    grain: str = "row"
    """What is loaded: `row` each download by itself, `day` counts of the equal ones of a day
    ([grains.md](grains.md))."""
    grains: dict[str, str] | None = None
    """The grain of single projects, as in `grains = { requests = "day" }`; the others have `grain`."""
    end_date: str | None = None
    """UTC day to stop **before**. Without it, up to the last settled day."""
    upstream: str = "bigquery"
    """`bigquery`, `parquet` or `clickpy` ([sources.md](sources.md))."""
    parquet_path: str | None = None
    """For `parquet`: a file, a folder (searched at any depth) or a glob."""
    table: str = "bigquery-public-data.pypi.file_downloads"
    """For `bigquery`: a table with the schema of the public one."""
    timestamp_column: str = "timestamp"
    """The timestamp's name in the source. It is loaded as `timestamp`, and checked against the table's schema."""
    gcp_project: str | None = None
    """For `bigquery`: the Google Cloud project that is billed, if the credentials do not name it."""
    price_per_tib: float = 6.25
    """For `bigquery`: US dollars for each TiB that a query bills, 0.1 to 1,000; 0 where bytes have no price, as with a
    reservation."""
    budget_per_run: float = 6.25
    """For `bigquery`: US dollars that a run may cost, by what is expected and by what is billed."""
    budget_per_month: float = 6.25
    """For `bigquery`: US dollars that the runs of a UTC month may cost together, by the ledger."""
    budget_per_probe: float = 2.0
    """For `bigquery`: US dollars that a probe, which finds out what a new project costs, may bill at most."""
    budget_margin: float = 2.0
    """For `bigquery`: a factor. Before a run, the budgets have to hold this many times what is expected."""
    guard: str = "expected"
    """For `bigquery`: `expected` compares budgets with the expected cost, `bound` with the most that could be
    billed."""
    chunk_rows: int = 5_000_000
    """Rows, by what is expected, that are committed at once; whole days, one at least."""
    chunk_gib: float = 4.0
    """For `bigquery`: GiB, by what is expected, that one query reads; whole days, one at least."""
    query_timeout: int = 600
    """For `bigquery`: seconds within which a query, and each request about it, has to finish."""
    read_timeout: int = 120
    """For `bigquery`: seconds without any rows after which a read fails; a broken read is retried for as long."""
    lag_days: int = 0
    """Loaded days that each run reads again, and replaces as whole days ([history.md](history.md))."""
    settle_days: int = 1
    """Days before today that are not loaded yet."""
    tolerance: float = 0.001
    """Share of a project's rows in a chunk that may break the contract; above it none of its days is loaded."""
    columns: str = "report"
    """Upstream fields that the contract does not know: `report` names them, `freeze` stops the run."""
    rows: str = "discard_row"
    """Rows that break the contract: `discard_row` puts them into quarantine within the tolerance, `freeze` stops the
    run."""
    clickpy: ClickpySettings = dataclass_field(default_factory=ClickpySettings)
    releases: ReleasesSettings = dataclass_field(default_factory=ReleasesSettings)

    def grain_of(self, project: str) -> str:
        """The name of the grain at which the project is loaded, of `columns.GRAINS`."""
        return (self.grains or {}).get(project, self.grain)

    @property
    def address(self) -> str:
        """The table, server, file, folder or glob that the upstream reads."""
        places = {"bigquery": self.table, "clickpy": self.clickpy.url}
        return places.get(self.upstream, self.parquet_path or "")

    @property
    def start(self) -> date:
        """First UTC day to load."""
        return _parse_day("start_date", self.start_date)

    @property
    def end(self) -> date | None:
        """UTC day to stop before, if one is set."""
        return None if self.end_date is None else _parse_day("end_date", self.end_date)

    def price_of(self, billed: float) -> float:
        """The price of `billed` bytes in US dollars."""
        return billed / TIB * self.price_per_tib

    def end_at(self, now: datetime) -> date:
        """UTC day to stop before at the time `now`: `end`, but never after the last settled day."""
        settled = self.settled_until(now)
        return settled if self.end is None else min(self.end, settled)

    def settled_until(self, now: datetime) -> date:
        """The UTC day after the last settled one at the time `now`; upstream may still be filling later days."""
        return now.astimezone(UTC).date() - timedelta(days=self.settle_days)


def resolve_settings() -> Settings:
    """The settings of this run, validated.

    Raises:
        SettingsError: a setting is missing, malformed or contradicts another.

    """
    require_readable()
    require_known(("sources",), {"pypi"})
    require_known(("sources", "pypi"), set(Settings.get_resolvable_fields()))
    require_known(("sources", "pypi", "clickpy"), set(ClickpySettings.get_resolvable_fields()))
    require_known(("sources", "pypi", "releases"), set(ReleasesSettings.get_resolvable_fields()))
    if CONFIG in files_with(("sources", "pypi", "clickpy"), "password"):
        what = (
            f"`password` under [sources.pypi.clickpy] is a secret, and stands in {CONFIG}, which git does not ignore."
        )
        raise SettingsError(what, remedy=f"Move it to {SECRETS}, or set SOURCES__PYPI__CLICKPY__PASSWORD.")
    _list_names()
    try:
        with _without_bare_names():
            settings = resolve_configuration(Settings(), sections=("sources", "pypi"))
    except ConfigFieldMissingException as error:
        field = next(iter(error.fields))
        what = f"The setting {field!r} of the source is missing."
        raise SettingsError(what, remedy=_remedy(field)) from error
    except ConfigValueCannotBeCoercedException as error:
        what = f"The setting {error.field_name!r} of the source has the wrong form."
        remedy = f'{_remedy(error.field_name)} A list in the environment is JSON, as in \'["one", "two"]\'.'
        raise SettingsError(what, remedy=remedy) from error
    return _validated(settings)


def _list_names() -> None:
    """Write names that the environment lists as people do, `one two` or `one, two`, as the JSON that dlt reads."""
    names = os.environ.get(PROJECTS_VARIABLE, "")
    if names.strip(" ,\n") and not names.lstrip().startswith("["):
        os.environ[PROJECTS_VARIABLE] = json.dumps(re.split(r"[\s,]+", names.strip(" ,\n")))


@contextmanager
def _without_bare_names() -> Iterator[None]:
    """Hide variables such as COLUMNS, a terminal's width: dlt also reads settings by their bare names."""
    names = map(str.upper, Settings().get_resolvable_fields())
    hidden = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ |= hidden


def _validated(settings: Settings) -> Settings:
    if not isinstance(settings.projects, list) or not all(isinstance(name, str) for name in settings.projects):
        _reject("projects", "must be a list of names, each in quotes")
    settings.projects = list(dict.fromkeys(map(_normalized_name, settings.projects)))
    if not settings.projects:
        _reject("projects", "names no project")
    if settings.upstream not in UPSTREAMS:
        _reject("upstream", f"is {settings.upstream!r}; it must be one of {', '.join(UPSTREAMS)}")
    if settings.upstream == "parquet" and not settings.parquet_path:
        _reject("parquet_path", "is needed by the upstream 'parquet': a file, a folder or a glob")
    if not _TABLE.fullmatch(settings.table):
        _reject("table", "is not of the form project.dataset.table")
    if not _COLUMN.fullmatch(settings.timestamp_column):
        _reject("timestamp_column", "is not a column name")
    if settings.gcp_project and not _GCP_PROJECT.fullmatch(settings.gcp_project):
        # The value is not shown: it may be a key that was pasted into the wrong setting.
        _reject("gcp_project", "is not the id of a Google Cloud project")
    _validate_grains(settings)
    _validate_parts(settings)
    _validate_numbers(settings)
    _validate_window(settings)
    for field, allowed in POLICIES.items():
        policy = getattr(settings, field)
        if policy not in allowed:
            reason = _REFUSAL_REASONS.get(policy, "")
            _reject(field, f"is {policy!r}{reason}; it must be one of {', '.join(allowed)}")
    return settings


def _validate_grains(settings: Settings) -> None:
    # dlt passes on what a file has, whatever its type.
    if not isinstance(settings.grains or {}, dict):
        _reject("grains", "must be a table of projects, each with its grain")
    settings.grains = {_normalized_name(name): grain for name, grain in (settings.grains or {}).items()}
    for field, grains in (("grain", [settings.grain]), ("grains", settings.grains.values())):
        for grain in grains:
            if grain not in GRAINS:
                _reject(field, f"is {grain!r}; it must be one of {', '.join(GRAINS)}")


def _validate_parts(settings: Settings) -> None:
    if fault := settings.releases.fault():
        _reject_part("releases", "the releases", *fault)
    if settings.upstream != "clickpy":
        return
    for field, grains in (("grain", [settings.grain]), ("grains", (settings.grains or {}).values())):
        if "row" in grains:
            _reject(field, "is 'row'; the upstream 'clickpy' has no time of a download, so it must be 'day'")
    if fault := settings.clickpy.fault():
        _reject_part("clickpy", "the upstream 'clickpy'", *fault)


def _validate_numbers(settings: Settings) -> None:
    for field in ("query_timeout", "read_timeout"):
        if not 1 <= getattr(settings, field) <= MAX_TIMEOUT:
            _reject(field, f"is {getattr(settings, field)}; it must be between 1 and {MAX_TIMEOUT} seconds")
    for field in ("lag_days", "settle_days"):
        if not 0 <= getattr(settings, field) <= MAX_DAYS:
            _reject(field, f"is {getattr(settings, field)}; it must be between 0 and {MAX_DAYS} days")
    _validate_money(settings)
    if not 1 <= settings.chunk_rows <= MAX_CHUNK_ROWS:
        _reject("chunk_rows", f"is {settings.chunk_rows}; it must be between 1 and {MAX_CHUNK_ROWS:,}")
    if not 0 < settings.chunk_gib <= MAX_CHUNK_GIB:
        _reject("chunk_gib", f"is {settings.chunk_gib}; it must be above 0, and {MAX_CHUNK_GIB} GiB at most")
    if not 0 <= settings.tolerance <= 1:
        _reject("tolerance", f"is {settings.tolerance}; it must be a share between 0 and 1")


def _validate_money(settings: Settings) -> None:
    # NaN compares false with everything, so it would pass as a limit.
    lowest, highest = PRICE_PER_TIB
    if settings.price_per_tib and not lowest <= settings.price_per_tib <= highest:
        _reject(
            "price_per_tib", f"is {settings.price_per_tib}; it must be 0, or {lowest:g} to {highest:,.0f} US dollars"
        )
    for field in ("budget_per_run", "budget_per_month", "budget_per_probe"):
        if not 0 <= getattr(settings, field) <= MAX_BUDGET:
            _reject(field, f"is {getattr(settings, field)}; it must be between 0 and {MAX_BUDGET:,.0f} US dollars")
    if not 1 <= settings.budget_margin <= MAX_MARGIN:
        _reject("budget_margin", f"is {settings.budget_margin}; it must be between 1 and {MAX_MARGIN}")


def _validate_window(settings: Settings) -> None:
    if settings.start < FIRST_DAY:
        _reject("start_date", f"is {settings.start}, before the first download on record ({FIRST_DAY})")
    if settings.end is not None and settings.end <= settings.start:
        _reject("end_date", f"is {settings.end}; it is exclusive and must come after start_date, {settings.start}")


def _normalized_name(name: str) -> str:
    try:
        return canonicalize_name(name, validate=True)
    except InvalidName as error:
        what = f"{name!r} is not a valid PyPI project name."
        raise SettingsError(what, remedy=_remedy("projects")) from error


def _parse_day(field: str, text: str) -> date:
    try:
        return datetime.strptime(str(text), "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError as error:
        what = f"The setting {field!r} is {text!r}, which is not a date."
        raise SettingsError(what, remedy=f"Write it as YYYY-MM-DD. {_remedy(field)}") from error


def _reject(field: str, why: str) -> NoReturn:
    raise SettingsError(f"The setting {field!r} {why}.", remedy=_remedy(field))


def _reject_part(section: str, part: str, field: str, why: str) -> NoReturn:
    variable = f"SOURCES__PYPI__{section.upper()}__{field.upper()}"
    what = f"The setting {field!r} of {part} {why}."
    raise SettingsError(what, remedy=f"Set `{field}` under [sources.pypi.{section}], or {variable}.")


def _remedy(field: str) -> str:
    return (
        f"Set `{field}` under [sources.pypi] in .dlt/config.toml, or SOURCES__PYPI__{field.upper()} in the environment."
    )
