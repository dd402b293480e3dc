"""Demo data: an invented download log, small, with the features of PyPI's, in BigQuery's nested schema.

Nothing in it is real, and every file says so (`DEMO_MARK`). Forms and NULLs are as Linehaul writes them
(https://github.com/pypi/linehaul-cloud-function), so that the demo takes the path of the real log: a weekly
cycle, releases being adopted, Pythons that die, a spike from one country, mirrors, a client that is recognised from
a day on, a day without rows, rows that repeat another, rows that break the contract.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from hashlib import blake2b
from itertools import groupby, product
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from packaging.version import Version

from pipelines.demo.world import (
    BROKEN,
    COUNTRIES,
    DEMO_VERSION,
    DYING,
    HOURS,
    INSTALLERS,
    MACHINES,
    MIRRORS,
    OPENSSL,
    PACKAGES,
    PROJECTS,
    PYTHONS,
    RESOLVERS,
    RUSTC,
    SCHEMA,
    SETUPTOOLS,
    TLS,
    WHEEL_PLATFORMS,
    WHEEL_PYTHONS,
    Client,
    Columns,
    Installer,
    Machine,
    Project,
    Record,
    Release,
    Shares,
)
from pipelines.pypi.settings import Settings

__all__ = [
    "BROKEN_ROWS",
    "END",
    "FIRST_DAY",
    "FOLDER",
    "MISSING_DAY",
    "PROJECTS",
    "RECOGNISED",
    "SCHEMA",
    "SEED",
    "awaits_demo",
    "file_of",
    "wheel_tags",
    "write_demo",
]

FOLDER = Path("data/demo")
SEED = 2026
FIRST_DAY = date(2026, 4, 2)
END = date(2026, 7, 1)  # exclusive
MISSING_DAY = date(2026, 4, 30)
RECOGNISED = ("conda", date(2026, 4, 6))
"""Before this day, the log does not understand this client."""

_WEEKEND = 0.65  # of a weekday's downloads
_REPEATED = 0.03  # of the rows: exact copies of another
_IN_CI = 0.35  # of the rows whose user agent tells
_UV_GROWTH = 0.6  # of uv's share, over all days
_ADOPTION = timedelta(days=30)  # until a release has reached all the users that it will
_CLIENTS = 1000  # different user agents of each installer, at most
BROKEN_ROWS = len(BROKEN)


def awaits_demo(settings: Settings) -> bool:
    """Whether the settings name the demo data, and a file of it is missing, damaged or of another version."""
    path = Path(settings.parquet_path or "").absolute()
    return settings.upstream == "parquet" and path == FOLDER.absolute() and not all(map(_is_current, _files()))


def write_demo(folder: Path) -> None:
    """Write the log to `folder`, one Parquet file a month; the same rows every time, complete files only."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".demo-", dir=folder) as draft:
        for month, table in _months():
            pq.write_table(table, Path(draft, month), compression="zstd", row_group_size=100_000)
        for file in sorted(Path(draft).iterdir()):
            file.replace(folder / _file_name(file.name))


def _files() -> list[Path]:
    """All files of the demo."""
    return [FOLDER / _file_name(month) for month in dict.fromkeys(f"{day:%Y-%m}" for day in _days())]


def _file_name(month: str) -> str:
    return f"demo-{month}.parquet"


def _is_current(file: Path) -> bool:
    try:
        metadata = pq.read_metadata(file).metadata or {}
    except (OSError, pa.ArrowInvalid):
        return False
    return metadata.get(b"version") == DEMO_VERSION


def _months() -> Iterator[tuple[str, pa.Table]]:
    """Each month (`2026-04`) with its rows by time."""
    rng = Random(SEED)  # noqa: S311 - the same rows every time is the point
    clients = {i.name: [_client(rng, i) for _ in range(_CLIENTS)] for i in INSTALLERS}
    downloads = {project: _daily_downloads(rng, project) for project in PACKAGES}
    for month, days in groupby(_days(), lambda day: f"{day:%Y-%m}"):
        columns: Columns = {name: [] for name in SCHEMA.names}
        for day, project in product(days, PACKAGES):
            for name, values in _columns(rng, project, day, downloads[project][day], clients).items():
                columns[name] += values
        arrays = [_array(columns[field.name], field.type) for field in SCHEMA]
        yield month, pa.table(arrays, SCHEMA).sort_by("timestamp")


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    """The values as Arrow; a record that many rows share is converted once."""
    if not pa.types.is_struct(kind):
        return pa.array(values, kind)
    records = {id(value): value for value in values}
    positions = {identity: position for position, identity in enumerate(records)}
    return pa.array(records.values(), kind).take(pa.array([positions[id(value)] for value in values]))


def _days() -> list[date]:
    days = (FIRST_DAY + timedelta(days=n) for n in range((END - FIRST_DAY).days))
    return [day for day in days if day != MISSING_DAY]


def _progress(day: date) -> float:
    return (day - FIRST_DAY) / (END - FIRST_DAY)


def _daily_downloads(rng: Random, project: Project) -> dict[date, int]:
    level = {}
    for day in _days():
        level[day] = (1 + project.growth * _progress(day)) * rng.uniform(0.95, 1.05)
        level[day] *= _WEEKEND if day.isoweekday() in (6, 7) else 1
        for release in project.releases:
            level[day] *= _rush(release, day)
        level[day] *= _spike(project, day)
    total = sum(level.values())
    return {day: round(project.downloads * share / total) for day, share in level.items()}


def _spike(project: Project, day: date) -> float:
    return project.spike.times if project.spike and project.spike.day == day else 1


def _rush(release: Release, day: date) -> float:
    """How many times the usual downloads there are: `release.rush` on its day, halving its excess daily."""
    age = (day - release.day).days
    return 1 + (release.rush - 1) / 2**age if age >= 0 else 1


def _client(rng: Random, installer: Installer) -> Client:
    machine = rng.choices(MACHINES, [machine.share for machine in MACHINES])[0]
    python = _draw(rng, PYTHONS)[0]
    details = _details(rng, installer, machine, python) if installer.tells else None
    if installer.name not in RESOLVERS:
        return Client(details)
    return Client(details, _minor(python).replace(".", ""), machine.platform)


def _minor(python: str) -> str:
    return ".".join(python.split(".")[:2])


def _details(rng: Random, installer: Installer, machine: Machine, python: str) -> Record:
    everything: Record = {
        "installer": {"name": installer.name, "version": rng.choice(installer.versions.split() or [None])},
        # urllib's user agent, which setuptools extends, has the minor version only.
        "python": python if installer.name in RESOLVERS else _minor(python),
        "implementation": {"name": "CPython", "version": python},
        "distro": _distro(installer, machine),
        "system": _record("name release", machine.system),
        "cpu": machine.cpu,
        "openssl_version": rng.choice(OPENSSL),
        "setuptools_version": rng.choice(SETUPTOOLS),
        "rustc_version": rng.choice(RUSTC),
        "ci": True if rng.random() < _IN_CI else None,
    }
    return {part: everything[part] for part in installer.tells.split()}


def _distro(installer: Installer, machine: Machine) -> Record | None:
    if installer.name == "Homebrew":  # of which Linehaul understands macOS only, by its old name
        return _record("name version", "OS X|26.4")
    if not machine.distro:
        return None
    # pip looks for glibc only.
    silent = not machine.libc or (installer.name == "pip" and machine.libc.startswith("musl"))
    libc = None if silent else _record("lib version", machine.libc)
    return _record("name version id", machine.distro) | {"libc": libc}


def _record(fields: str, values: str) -> Record:
    """The values of `a|b` by field; fields at the end may have none."""
    return dict(zip(fields.split(), values.split("|"), strict=False))


def _columns(rng: Random, project: Project, day: date, count: int, clients: dict[str, list[Client]]) -> Columns:
    """The downloads of a project on a day."""
    repeated = round(count * _REPEATED)
    distinct = count - repeated
    midnight = round(datetime.combine(day, time(), UTC).timestamp())
    installers = _draw(rng, _installer_shares(project, day), distinct)
    versions = _draw(rng, _version_shares(project, day), distinct)
    countries = _draw(rng, _country_shares(project, day), distinct)
    tls = [value.split("|") for value in _draw(rng, TLS, distinct)]
    hours = rng.choices(range(24), HOURS, k=distinct)
    timestamps, files, details = [], [], []
    for installer, version, hour in zip(installers, versions, hours, strict=True):
        client = rng.choice(clients[installer])
        if rng.random() < DYING.get(client.python, 0) * _progress(day):
            client = rng.choice(clients[installer])
        suitable = _suitable_version(project, version, client.python)
        files.append(file_of(project.name, suitable, _tag(rng, project.wheel, client)))
        details.append(client.details)
        timestamps.append((midnight + hour * 3600 + rng.randrange(3600)) * 1_000_000)
    columns: Columns = {
        "timestamp": timestamps,
        "country_code": [None if country == "NULL" else country for country in countries],
        "url": [url for url, _ in files],
        "project": [project.name] * distinct,
        "file": [file for _, file in files],
        "details": details,
        "tls_protocol": [protocol for protocol, _ in tls],
        "tls_cipher": [cipher for _, cipher in tls],
    }
    copies = rng.choices(range(distinct), k=repeated)
    for values in columns.values():
        values += [values[row] for row in copies]
    if project is PACKAGES[0] and day in BROKEN:
        first = {name: values[0] for name, values in columns.items()}
        for name, value in _replaced(first, *BROKEN[day]).items():
            columns[name][0] = value
    return columns


def _draw(rng: Random, shares: Shares, count: int = 1) -> list[str]:
    return rng.choices(list(shares), list(shares.values()), k=count)


def _installer_shares(project: Project, day: date) -> Shares:
    shares = {installer.name: installer.share for installer in INSTALLERS}
    for mirror in MIRRORS:
        shares[mirror] *= project.mirrors
    shares["uv"] *= 1 + _UV_GROWTH * _progress(day)
    name, first_day = RECOGNISED
    if day < first_day:
        shares["not understood"] += shares.pop(name)
    return shares


def _country_shares(project: Project, day: date) -> Shares:
    if project.spike is None or project.spike.day != day:
        return COUNTRIES
    more = sum(COUNTRIES.values()) * (project.spike.times - 1)
    return COUNTRIES | {project.spike.country: COUNTRIES[project.spike.country] + more}


def _version_shares(project: Project, day: date) -> Shares:
    """Each release takes its reach of what newer ones leave: along an S-curve, or at once in its rush."""
    shares = {}
    left = 1.0
    for release in reversed(project.releases):
        age = (day - release.day + timedelta(days=1)) / _ADOPTION
        x = min(max(age, 0.0), 1.0)
        adopted = 1 - (1 - x**2 * (3 - 2 * x)) / _rush(release, day)
        shares[release.version] = left * release.reach * adopted
        left -= shares[release.version]
    return shares


@cache
def _suitable_version(project: Project, version: str, python: str) -> str:
    """The version, or for a client whose Python it no longer supports the newest stable one before that does."""
    if not python:
        return version
    versions = [release.version for release in project.releases]
    older = project.releases[: versions.index(version) + 1]
    return next(
        release.version
        for release in reversed(older)
        if release.reach
        and int(python[1:]) >= int(release.python.split(".")[1])
        and (release.version == version or not Version(release.version).is_prerelease)
    )


def _tag(rng: Random, form: str, client: Client) -> str:
    """The tag of the file that a client takes: empty for the sdist."""
    if client.platform:
        return _suitable_tag(form, client.python, client.platform)
    return rng.choice(("", *wheel_tags(form)))


@cache
def _suitable_tag(form: str, python: str, platform: str) -> str:
    tag = form.format(python=python, platform=platform)
    return tag if tag in wheel_tags(form) else ""


@cache
def wheel_tags(form: str) -> tuple[str, ...]:
    combinations = product(WHEEL_PYTHONS, WHEEL_PLATFORMS) if form else ()
    return tuple(sorted({form.format(python=py, platform=platform) for py, platform in combinations}))


@cache
def file_of(project: str, version: str, tag: str) -> tuple[str, Record]:
    """The url and the file of a release: its wheel of that tag, or its sdist if there is no tag."""
    stem = f"{project.replace('-', '_')}-{version}"
    name = f"{stem}-{tag}.whl" if tag else f"{stem}.tar.gz"
    digest = blake2b(name.encode(), digest_size=32).hexdigest()
    package_type = "bdist_wheel" if tag else "sdist"
    file = {"filename": name, "project": project, "version": version, "type": package_type}
    return f"/packages/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{name}", file


def _replaced(record: Record, path: tuple[str, ...], value: object) -> Record:
    """A copy with the value at that path; the record stays as it is: other rows share its parts."""
    name, *inner = path
    return record | {name: _replaced(record[name], tuple(inner), value) if inner else value}
