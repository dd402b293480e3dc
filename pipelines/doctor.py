"""Checks the prerequisites of a run, and gives a remedy for each failure; leaves no file behind and reads no row."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from dlt.destinations.impl.motherduck.configuration import MotherDuckCredentials
from packaging.version import Version

from pipelines.costs.budget import gibibytes
from pipelines.demo import awaits_demo
from pipelines.errors import CredentialsError, InsightsError, SettingsError, SiteError, WarehouseError
from pipelines.lake.settings import resolve_lakes
from pipelines.pypi.settings import Settings, resolve_settings
from pipelines.pypi.upstreams import connect
from pipelines.pypi.windows import DAY
from pipelines.transform.fingerprint import MODELS_FOLDER
from pipelines.transform.state import require_own_name
from pipelines.warehouse import Warehouse, bookkeeping, resolve_warehouse
from pipelines.warehouse.motherduck import require_token
from pipelines.warehouse.releases import ReleaseState, release_states

REPOSITORY = Path(__file__).parents[1]
MIN_PYTHON = "3.11"
TOOL_SECONDS = 30
"""Timeout of one call of a tool."""
MIN_FREE_BYTES = 2**30
"""Free bytes that a load package and the site need beside the warehouse. A run needs the size of the warehouse as well:
DuckDB writes the new rows of a replaced day before it frees the old ones."""
_CREDENTIAL_KINDS = {
    "google.auth.compute_engine.credentials": "the service account of this machine",
    "google.auth.identity_pool": "workload identity federation",
    "google.auth.impersonated_credentials": "an impersonated service account",
    "google.oauth2.credentials": "a user's login",
    "google.oauth2.service_account": "a service account's key",
}


class Outcome(StrEnum):
    """How a check ended."""

    OK = "ok"
    FAILED = "failed"
    NOT_NEEDED = "not needed"


@dataclass(frozen=True)
class Finding:
    """The result of one check; `remedy` is empty unless the check failed."""

    check: str
    outcome: Outcome
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class Tool:
    """A program that a run calls; `minimum` is the oldest supported version."""

    name: str
    remedy: str
    minimum: str = "0"


_NODE = "Install Node.js 20 or later: https://nodejs.org"
TOOLS = (
    Tool("uv", "Install it with: pip install uv"),
    Tool("just", "Install it with: pip install rust-just"),
    Tool("node", _NODE, "20"),
    Tool("npm", _NODE),
)


def diagnose() -> Iterator[Finding]:
    """The findings of all checks, in order; a failed check does not stop the next one."""
    for tool in TOOLS:
        yield _run_check(tool.name, partial(_tool, tool))
    checks: dict[str, Callable[[], str]] = {
        "Python": _python,
        "terminal": _terminal,
        "packages": _packages,
        "settings": _settings,
        "folder": _folder,
        "disk": _disk,
        "MotherDuck token": _motherduck_token,
        "warehouse": _warehouse,
        "Google credentials": _google_credentials,
        "Google Cloud project": _gcp_project,
        "upstream": _upstream,
        "Storage Read API": _read_sessions,
        "releases": _releases,
        "lakes": _lakes,
    }
    for name, check in checks.items():
        yield _run_check(name, check)


class _NotNeededError(Exception):
    """The check does not apply; the text says why."""


def _run_check(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, Outcome.OK, check())
    except _NotNeededError as reason:
        return Finding(name, Outcome.NOT_NEEDED, str(reason))
    except InsightsError as error:
        return Finding(name, Outcome.FAILED, error.what, error.remedy)
    except Exception as error:  # noqa: BLE001 - an unexpected error must not hide the other checks
        # The error's text is left out: it might contain a secret.
        return Finding(name, Outcome.FAILED, f"Unexpected: {type(error).__name__}.", "Please report it.")


def _tool(tool: Tool) -> str:
    program = shutil.which(tool.name)
    if program is None:
        raise SiteError(f"{tool.name} is missing.", remedy=tool.remedy)
    done = subprocess.run(  # noqa: S603 - a program of the list above
        [program, "--version"], capture_output=True, errors="replace", check=False, timeout=TOOL_SECONDS
    )
    found = re.search(r"\d+(\.\d+)+", done.stdout)
    if done.returncode != 0 or found is None:
        raise SiteError(f"{program} does not print its version.", remedy=tool.remedy)
    if Version(found[0]) < Version(tool.minimum):
        raise SiteError(f"{program} is {found[0]}; {tool.minimum} or later is needed.", remedy=tool.remedy)
    return found[0]


def _python() -> str:
    found = ".".join(map(str, sys.version_info[:3]))
    if Version(found) < Version(MIN_PYTHON):
        what = f"Python is {found}; {MIN_PYTHON} or later is needed."
        raise SettingsError(what, remedy="Delete .venv, and run `just setup`.")
    if os.environ.get("PYTHONPATH") and not sys.flags.ignore_environment:
        what = "PYTHONPATH is set: a module there would be imported in place of a locked package."
        raise SettingsError(what, remedy="Unset it, or call `just doctor` and `just run`, which ignore it.")
    return found


def _terminal() -> str:
    encoding = sys.stdout.encoding or "unknown"
    return encoding if encoding.lower().startswith("utf") else f"{encoding}: characters that it lacks are shown as ?"


def _packages() -> str:
    done = subprocess.run(
        ["bash", "scripts/setup", "--check"],  # noqa: S607 - as the Justfile calls it
        cwd=REPOSITORY,
        capture_output=True,
        errors="replace",
        check=False,
        timeout=TOOL_SECONDS,
    )
    if done.returncode != 0:
        raise SettingsError((done.stdout or done.stderr).strip(), remedy="Run `just setup`.")
    return "as locked"


def _settings() -> str:
    settings = resolve_settings()
    return f"{len(settings.projects)} projects from {settings.start}, upstream {settings.upstream}"


def _folder() -> str:
    warehouse = resolve_warehouse(need_token=False)
    warehouse.require_writable()
    if not os.access(MODELS_FOLDER, os.W_OK):
        what = f"No permission to write {MODELS_FOLDER}, where SQLMesh has its cache."
        raise WarehouseError(what, remedy="Grant your user write access to it.")
    return f"{warehouse.folder} can be written"


def _disk() -> str:
    warehouse = resolve_warehouse(need_token=False)
    held = warehouse.file.stat().st_size if warehouse.file and warehouse.file.exists() else 0
    free, needed = shutil.disk_usage(warehouse.nearest_folder).free, MIN_FREE_BYTES + held
    if free < needed:
        what = f"{gibibytes(free)} free in {warehouse.folder}; a run may need {gibibytes(needed)}."
        raise WarehouseError(what, remedy="Free disk space there, or move the warehouse: docs/settings.md shows how.")
    return f"{gibibytes(free)} free"


def _motherduck_token() -> str:
    credentials = resolve_warehouse(need_token=False).credentials
    if not isinstance(credentials, MotherDuckCredentials):
        raise _NotNeededError("the warehouse is a file")
    require_token(credentials)
    return "has the form of a token; the next check shows whether MotherDuck accepts it"


def _warehouse() -> str:
    try:
        warehouse = resolve_warehouse()
    except SettingsError as error:
        resolve_warehouse(need_token=False)
        raise _NotNeededError("needs a valid MotherDuck token first") from error
    if not warehouse.exists:
        return f"none yet: `just run` creates {warehouse.file}"
    with _probed(warehouse) as probed:
        with probed.client():
            pass
        origins = bookkeeping.origins(probed)
        require_own_name(probed)
    hint = "; `just verify` compares its totals with the public copy" if origins - {"demo"} else ""
    return f"{warehouse} opens; origin of its data: {', '.join(sorted(origins)) or 'none yet'}{hint}"


@contextmanager
def _probed(warehouse: Warehouse) -> Iterator[Warehouse]:
    """The warehouse with a working folder that goes at the end."""
    with TemporaryDirectory() as folder:
        yield replace(warehouse, working=Path(folder))


def _valid_settings() -> Settings:
    try:
        return resolve_settings()
    except SettingsError as error:
        raise _NotNeededError("needs valid settings first") from error


def _bigquery_settings() -> Settings:
    settings = _valid_settings()
    if settings.upstream != "bigquery":
        raise _NotNeededError("the upstream is not BigQuery")
    return settings


def _find_google_credentials() -> tuple[str, str | None]:
    """The kind of the Google Cloud credentials, and the Google Cloud project that they name."""
    from pipelines.pypi.upstreams import google_client  # noqa: PLC0415 - only BigQuery needs it

    credentials, gcp_project = google_client.find_credentials()
    return _CREDENTIAL_KINDS.get(type(credentials).__module__, "of an unknown kind"), gcp_project


def _google_credentials() -> str:
    _bigquery_settings()
    return _find_google_credentials()[0]


def _gcp_project() -> str:
    named = _bigquery_settings().gcp_project
    try:
        gcp_project = named or _find_google_credentials()[1]
    except CredentialsError:
        gcp_project = None
    if not gcp_project:
        remedy = "Set `gcp_project` under [sources.pypi] in .dlt/config.toml, or SOURCES__PYPI__GCP_PROJECT."
        raise SettingsError("Neither the settings nor the credentials name a project to bill.", remedy=remedy)
    return gcp_project


def _upstream() -> str:
    settings = _valid_settings()
    if awaits_demo(settings):
        raise _NotNeededError("the first `just run` generates the demo data")
    upstream = connect(settings, datetime.now(UTC))
    unknown = upstream.check(settings.projects)
    others = f"; other fields: {', '.join(unknown)}" if unknown else ""
    until = upstream.available_until(settings.projects[0], None) if settings.upstream == "clickpy" else None
    ends = f"; its last whole day is {until - DAY}" if until else ""
    return f"{settings.address} ({upstream.origin}) has the contract's columns{others}{ends}"


def _read_sessions() -> str:
    settings = _bigquery_settings()
    from pipelines.pypi.upstreams.bigquery import BigQueryUpstream  # noqa: PLC0415 - only BigQuery needs it

    upstream = BigQueryUpstream(settings)
    try:
        return upstream.try_read_session() or "rows are read through it"
    except InsightsError as error:
        raise _NotNeededError("needs an upstream that answers first") from error


def _releases() -> str:
    settings = _valid_settings()
    if not settings.releases.enabled:
        raise _NotNeededError("`enabled` of [sources.pypi.releases] is false")
    try:
        with _probed(resolve_warehouse()) as probed:
            states = release_states(probed)
    except InsightsError as error:
        raise _NotNeededError("needs a warehouse that opens first") from error
    if not states:
        raise _NotNeededError("no index has been asked yet: `just run` does")
    return "; ".join(map(_describe_releases, states))


def _describe_releases(state: ReleaseState) -> str:
    answered = f"last answer {state.fetched_at:%Y-%m-%d %H:%M} UTC" if state.fetched_at else "no answer yet"
    outage = f", none since {state.failed_since:%Y-%m-%d %H:%M} UTC: {state.failure}" if state.failed_since else ""
    return f"{state.projects} projects, {answered}{outage}"


def _lakes() -> str:
    lakes = resolve_lakes(resolve_warehouse(need_token=False))
    if not lakes:
        raise _NotNeededError("the settings name no lake")
    for lake in lakes:
        lake.require_reachable()
    return "; ".join(f"{lake.name}: {lake.url} has {len(lake.manifest()):,} complete days" for lake in lakes)
