"""The world of the demo: invented packages, and the clients, machines and shares that its downloads are drawn from."""

from datetime import date
from typing import Any, NamedTuple

import pyarrow as pa

from pipelines.pypi.upstreams.parquet import DEMO_MARK

DEMO_NOTE = b"generated, not real"
DEMO_VERSION = b"2"
"""Raised with each change of the world: files of another one are written again."""

Record = dict[str, Any]
Columns = dict[str, list[Any]]
Shares = dict[str, float]


class Release(NamedTuple):
    """A version; `reach` is the share of the older ones' downloads that it takes over, 0 if nobody ever did."""

    version: str
    day: date
    reach: float
    rush: float = 1  # how many times the usual downloads its first day has
    python: str = "3.8"  # the oldest that it requires
    yanked: str = ""  # why


class Spike(NamedTuple):
    """A day with so many times the usual downloads, all that is more from one country."""

    day: date
    times: float
    country: str


class Project(NamedTuple):
    """An invented package."""

    name: str
    downloads: int  # over all days, before rounding
    growth: float  # from the first day to the last
    mirrors: float  # how many times the usual share they have
    wheel: str  # the form of its wheels' tags; empty if it has none
    releases: tuple[Release, ...]  # oldest first
    status: str = "active"  # on the index
    spike: Spike | None = None


class Installer(NamedTuple):
    """A client; its user agent `tells` these parts of `details`, or is not understood if none."""

    name: str
    share: float
    tells: str
    versions: str = ""


class Machine(NamedTuple):
    """Where a client runs; `platform` is that of the wheels that suit it."""

    share: float
    system: str  # name|release
    cpu: str
    platform: str
    distro: str = ""  # name|version|id
    libc: str = ""  # lib|version


class Client(NamedTuple):
    """One user agent; `python` and `platform` are empty if it does not look for a file that suits it."""

    details: Record | None
    python: str = ""
    platform: str = ""


PACKAGES = (
    Project(
        name="saltmarsh",
        downloads=120_000,
        growth=0.25,
        mirrors=1,
        wheel="cp{python}-cp{python}-{platform}",
        releases=(
            Release("1.9.0", date(2025, 3, 4), reach=1),
            Release("1.10.0", date(2025, 9, 16), reach=0.8, python="3.9", yanked="Loses rows on big-endian machines"),
            Release("1.10.1", date(2026, 1, 20), reach=0.75, python="3.9"),
            Release("2.0.0rc1", date(2026, 4, 28), reach=0.02, python="3.10"),
            Release("2.0.0", date(2026, 5, 26), reach=0.7, rush=1.9, python="3.10"),
        ),
    ),
    Project(
        name="copper-kettle",
        downloads=50_000,
        growth=-0.2,
        mirrors=1.5,
        wheel="py3-none-any",
        releases=(
            Release("0.9.12", date(2024, 11, 5), reach=1),
            Release("0.10.0", date(2025, 8, 12), reach=0.85),
            Release("0.10.0.post1", date(2025, 8, 14), reach=0.6),
            Release("0.11.0", date(2026, 4, 20), reach=0.8),
        ),
    ),
    Project(
        name="lanternfish",
        downloads=25_000,
        growth=0.7,
        mirrors=2,
        wheel="cp39-abi3-{platform}",
        releases=(
            Release("2025.9", date(2025, 9, 1), reach=1),
            Release("2025.12", date(2025, 12, 8), reach=0, yanked="Lacks its package data"),
            Release("2025.12.1", date(2025, 12, 8), reach=0.9),
            Release("2026.5", date(2026, 5, 5), reach=0.75),
            Release("2026.6b2", date(2026, 6, 9), reach=0.04),
        ),
        spike=Spike(date(2026, 6, 17), times=3.8, country="SG"),
    ),
    Project(
        name="thistledown",
        downloads=5_000,
        growth=-0.35,
        mirrors=9,
        wheel="",
        releases=(
            Release("3.2", date(2022, 2, 14), reach=1),
            Release("3.9.1", date(2024, 7, 2), reach=0.6),
            Release("3.10", date(2026, 6, 2), reach=0.55),
        ),
        status="archived",
    ),
)
PROJECTS = tuple(project.name for project in PACKAGES)

# One row on each of these days, always the largest project's and never at a weekend: with over a thousand
# rows a day, even a load of that day alone stays under the tolerated 0.1 %.
BROKEN: dict[date, tuple[tuple[str, ...], object]] = {
    date(2026, 4, 14): (("country_code",), "us"),
    date(2026, 4, 23): (("file", "version"), ""),
    date(2026, 5, 7): (("file", "type"), "bdist_conda"),
    date(2026, 5, 20): (("file", "filename"), None),
    date(2026, 6, 4): (("file", "project"), "copper-kettle"),
    date(2026, 6, 16): (("url",), "packages/saltmarsh-2.0.0.tar.gz"),
    date(2026, 6, 24): (("details",), {"installer": {"name": "pip" * 500, "version": "1"}}),
}
_ENVIRONMENT = "installer python implementation distro system cpu ci"
_BUILD_TOOLS = "openssl_version setuptools_version rustc_version"
INSTALLERS = (
    Installer("pip", 60, f"{_ENVIRONMENT} {_BUILD_TOOLS}", "26.1.2 26.1.1 26.0.1 25.3 24.0 23.0.1 22.0.2"),
    Installer("uv", 25, _ENVIRONMENT, "0.11.21 0.11.18 0.11.6 0.10.9 0.9.30 0.8.13"),
    Installer("poetry", 5, "installer implementation system", "2.4.1 2.3.2 1.8.5"),
    Installer("pdm", 1, "installer implementation", "2.26.8 2.25.4"),
    Installer("conda", 0.8, "installer", "26.5.0 25.11.1"),
    Installer("Bazel", 0.6, "installer", "8.5.1 7.6.1"),
    Installer("Homebrew", 0.2, "installer distro", "5.1.15 5.1.9"),
    Installer("requests", 2.2, "installer", "2.34.2 2.32.5 2.31.0"),
    Installer("setuptools", 0.4, "installer python", "80.9.0 59.6.0"),
    Installer("Python-urllib", 0.2, "python"),
    Installer("Browser", 1.2, "installer"),
    Installer("OS", 0.2, "installer"),
    Installer("bandersnatch", 1.1, "installer", "7.1.0 6.6.0"),
    Installer("Nexus", 0.6, "installer", "3.92.1-01 3.76.0-03"),
    Installer("Artifactory", 0.5, "installer", "7.146.7 7.111.4"),
    Installer("devpi", 0.2, "installer", "6.19.1 6.14.0"),
    Installer("not understood", 0.8, ""),
)
MIRRORS = ("bandersnatch", "Nexus", "Artifactory", "devpi")
RESOLVERS = ("pip", "uv", "poetry", "pdm")  # these take the file that suits their machine

_X86, _ARM = (f"manylinux_2_17_{cpu}.manylinux2014_{cpu}" for cpu in ("x86_64", "aarch64"))
MACHINES = (
    Machine(24, "Linux|6.11.0-1018-azure", "x86_64", _X86, "Ubuntu|24.04|noble", "glibc|2.39"),
    Machine(14, "Linux|6.8.0-1031-aws", "x86_64", _X86, "Ubuntu|22.04|jammy", "glibc|2.35"),
    Machine(20, "Linux|6.1.0-35-amd64", "x86_64", _X86, "Debian GNU/Linux|12|bookworm", "glibc|2.36"),
    Machine(9, "Linux|6.12.30", "aarch64", _ARM, "Debian GNU/Linux|13|trixie", "glibc|2.41"),
    Machine(8, "Linux|6.1.134-152.amzn2023.x86_64", "x86_64", _X86, "Amazon Linux|2023", "glibc|2.34"),
    Machine(3, "Linux|6.6.87-0-virt", "x86_64", "musllinux_1_2_x86_64", "Alpine Linux|3.22.1", "musl|1.2"),
    Machine(9, "Darwin|25.4.0", "arm64", "macosx_11_0_arm64", "macOS|26.4"),
    Machine(2, "Darwin|24.6.0", "x86_64", "macosx_10_12_x86_64", "macOS|15.7"),
    Machine(7, "Windows|11", "AMD64", "win_amd64"),
    Machine(2, "Windows|2022Server", "AMD64", "win_amd64"),
)
WHEEL_PLATFORMS = sorted({machine.platform for machine in MACHINES})
WHEEL_PYTHONS = ("39", "310", "311", "312", "313", "314")


def _shares(text: str) -> Shares:
    """The values and weights of `a 3  b 1`."""
    words = text.split()
    return dict(zip(words[::2], map(float, words[1::2]), strict=True))


PYTHONS = _shares("""
    3.8.20 2  3.8.20+ 0.3  3.9.25 11  3.10.12 6  3.10.20 7  3.11.2 4  3.11.15 16  3.12.3 9  3.12.13 19
    3.13.5 5  3.13.13 16  3.14.5 9  3.15.0b3 0.4""")
DYING = {"39": 0.6, "310": 0.35}
"""By Python: so much of its share goes to the others over all days."""
COUNTRIES = _shares("""
    US 46  DE 6.5  IN 4.8  GB 4.2  CN 4  FR 3.9  SG 3.4  IE 3.2  JP 3  NL 2.9  CA 2.4  BR 2.2  KR 1.8  AU 1.7
    PL 1.3  SE 1.2  ES 1.1  IT 1.1  CH 0.9  HK 0.9  FI 0.8  IL 0.7  ZA 0.5  MX 0.5  AR 0.3  NULL 0.2""")
TLS = _shares("""
    TLSv1.3|TLS_AES_256_GCM_SHA384 62  TLSv1.3|TLS_AES_128_GCM_SHA256 27
    TLSv1.2|ECDHE-RSA-AES128-GCM-SHA256 10  TLSv1.2|ECDHE-RSA-AES256-GCM-SHA384 1""")
HOURS = (3, 3, 3, 3, 3, 4, 4, 5, 6, 6, 6, 6, 6, 7, 7, 7, 6, 6, 5, 5, 4, 4, 4, 3)  # weights, UTC
OPENSSL = ("OpenSSL 3.5.6 7 Apr 2026", "OpenSSL 3.0.13 30 Jan 2024", "OpenSSL 1.1.1w  11 Sep 2023")
SETUPTOOLS = (None, None, "79.0.1", "65.5.1")
RUSTC = ("1.95.0", *[None] * 9)


def _texts(names: str) -> dict[str, pa.DataType]:
    return dict.fromkeys(names.split(), pa.string())


_DETAILS = {
    "installer": pa.struct(_texts("name version")),
    "python": pa.string(),
    "implementation": pa.struct(_texts("name version")),
    "distro": pa.struct(_texts("name version id") | {"libc": pa.struct(_texts("lib version"))}),
    "system": pa.struct(_texts("name release")),
    **_texts("cpu openssl_version setuptools_version rustc_version"),
    "ci": pa.bool_(),
}
SCHEMA = pa.schema(
    [
        pa.field("timestamp", pa.timestamp("us", tz="UTC"), nullable=False),
        *_texts("country_code url project").items(),
        ("file", pa.struct(_texts("filename project version type"))),
        ("details", pa.struct(_DETAILS)),
        *_texts("tls_protocol tls_cipher").items(),
    ],
    metadata={DEMO_MARK: DEMO_NOTE, b"version": DEMO_VERSION},
)
