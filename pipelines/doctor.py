"""Checks what a run needs, and names the remedy of each failure; writes nothing that stays, reads no row."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
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
from pipelines.warehouse import bookkeeping, resolve_warehouse
from pipelines.warehouse.motherduck import require_token

REPOSITORY = Path(__file__).parents[1]
PYTHON = "3.11"
TOOL_SECONDS = 30
MIN_FREE_BYTES = 2**30
"""Bytes free beside the warehouse, for a load package and the site; and as many again as the warehouse has, because
days that a run replaces are written again before DuckDB lets go of the old ones."""
_KINDS = {
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
    """What one check has found; `remedy` is empty unless it failed."""

    check: str
    outcome: Outcome
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class Tool:
    """A program of the machine's."""

    name: str
    remedy: str
    minimum: str = "0"


_NODE = "Install Node.js 20 or later: https://nodejs.org"
TOOLS = (
    Tool("uv", "Install it with: pip install uv"),
    Tool("just", "Install it with: pip install rust-just"),
    Tool("git", "Install git: https://git-scm.com"),
    Tool("node", _NODE, "20"),
    Tool("npm", _NODE),
)


def diagnose() -> Iterator[Finding]:
    """The findings of all checks, in order; none hides another."""
    for tool in TOOLS:
        yield _look(tool.name, partial(_tool, tool))
    checks: dict[str, Callable[[], str]] = {
        "Python": _python,
        "packages": _packages,
        "settings": _settings,
        "folder": _folder,
        "disk": _disk,
        "MotherDuck token": _motherduck_token,
        "warehouse": _warehouse,
        "Google credentials": _google_credentials,
        "billed project": _billed_project,
        "upstream": _upstream,
        "lakes": _lakes,
    }
    for name, check in checks.items():
        yield _look(name, check)


class _NotNeededError(Exception):
    """The check has nothing to look at; its text says why."""


def _look(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, Outcome.OK, check())
    except _NotNeededError as reason:
        return Finding(name, Outcome.NOT_NEEDED, str(reason))
    except InsightsError as error:
        return Finding(name, Outcome.FAILED, error.what, error.remedy)
    except Exception as error:  # noqa: BLE001 - what nobody has thought of must not hide the other checks
        # Without its text, which might hold a secret.
        return Finding(name, Outcome.FAILED, f"Unexpected: {type(error).__name__}.", "Please report it.")


def _tool(tool: Tool) -> str:
    program = shutil.which(tool.name)
    if program is None:
        raise SiteError(f"{tool.name} is missing.", remedy=tool.remedy)
    done = subprocess.run(  # noqa: S603 - a program of the list above
        [program, "--version"], capture_output=True, text=True, check=False, timeout=TOOL_SECONDS
    )
    found = re.search(r"\d+(\.\d+)+", done.stdout)
    if done.returncode != 0 or found is None:
        raise SiteError(f"{program} does not print its version.", remedy=tool.remedy)
    if Version(found[0]) < Version(tool.minimum):
        raise SiteError(f"{program} is {found[0]}; {tool.minimum} or later is needed.", remedy=tool.remedy)
    return found[0]


def _python() -> str:
    found = ".".join(map(str, sys.version_info[:3]))
    if Version(found) < Version(PYTHON):
        raise SettingsError(
            f"It is {found}; {PYTHON} or later is needed.", remedy="Remove .venv, and run `just setup`."
        )
    return found


def _packages() -> str:
    done = subprocess.run(
        ["bash", "scripts/setup", "--check"],  # noqa: S607 - as the Justfile calls it
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
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
    return f"{warehouse.folder} can be written"


def _disk() -> str:
    warehouse = resolve_warehouse(need_token=False)
    held = warehouse.file.stat().st_size if warehouse.file and warehouse.file.exists() else 0
    free, needed = shutil.disk_usage(warehouse.nearest_folder).free, MIN_FREE_BYTES + held
    if free < needed:
        what = f"{gibibytes(free)} free in {warehouse.folder}; a run may need {gibibytes(needed)}."
        raise WarehouseError(what, remedy="Make room there, or move the warehouse: docs/settings.md shows how.")
    return f"{gibibytes(free)} free"


def _motherduck_token() -> str:
    credentials = resolve_warehouse(need_token=False).credentials
    if not isinstance(credentials, MotherDuckCredentials):
        raise _NotNeededError("the warehouse is a file")
    require_token(credentials)
    return "has the form of one; whether MotherDuck accepts it, the next check tells"


def _warehouse() -> str:
    try:
        warehouse = resolve_warehouse()
    except SettingsError as error:
        resolve_warehouse(need_token=False)
        raise _NotNeededError("waits for the token") from error
    if not warehouse.exists:
        return f"none yet: `just run` makes {warehouse.file}"
    with TemporaryDirectory() as folder:
        visited = replace(warehouse, working=Path(folder))
        with visited.client():
            pass
        origins = bookkeeping.origins(visited)
    return f"{warehouse} opens; origin of its data: {', '.join(sorted(origins)) or 'none yet'}"


def _valid_settings() -> Settings:
    try:
        return resolve_settings()
    except SettingsError as error:
        raise _NotNeededError("waits for the settings") from error


def _bigquery_settings() -> Settings:
    settings = _valid_settings()
    if settings.upstream != "bigquery":
        raise _NotNeededError("the upstream is not BigQuery")
    return settings


def _google() -> tuple[str, str | None]:
    """Which kind of Google Cloud credentials there are, and the project that they name."""
    from pipelines.pypi.upstreams import google_client  # noqa: PLC0415 - only BigQuery needs it

    credentials, project = google_client.find_credentials()
    return _KINDS.get(type(credentials).__module__, "of another kind"), project


def _google_credentials() -> str:
    _bigquery_settings()
    return _google()[0]


def _billed_project() -> str:
    named = _bigquery_settings().gcp_project
    try:
        project = named or _google()[1]
    except CredentialsError:
        project = None
    if not project:
        remedy = "Set `gcp_project` under [sources.pypi] in .dlt/config.toml, or SOURCES__PYPI__GCP_PROJECT."
        raise SettingsError("Neither the settings nor the credentials name one.", remedy=remedy)
    return project


def _upstream() -> str:
    settings = _valid_settings()
    if awaits_demo(settings):
        raise _NotNeededError("the first `just run` generates the demo data")
    upstream = connect(settings)
    unknown = upstream.check(settings.projects)
    where = settings.table if settings.upstream == "bigquery" else settings.parquet_path
    beside = f"; fields beside them: {', '.join(unknown)}" if unknown else ""
    return f"{where} ({upstream.origin}) has the contract's columns{beside}"


def _lakes() -> str:
    lakes = resolve_lakes(resolve_warehouse(need_token=False))
    if not lakes:
        raise _NotNeededError("the settings name none")
    for lake in lakes:
        lake.require_reachable()
    return "; ".join(f"{lake.name}: {lake.url} has {len(lake.manifest()):,} complete days" for lake in lakes)
