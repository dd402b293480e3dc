"""What a row of the log is taken for: a download of a file, a fetch of another one, and what could not be read."""

from datetime import date

import pytest
from sqlmesh import Context

from tests.support.models import Models

pytestmark = pytest.mark.slow

DAY = date(2026, 7, 1)
WHEEL = {"file__type": "bdist_wheel"}


@pytest.fixture
def models(context: Context) -> Models:
    return Models(context)


def wheel_of(models: Models, *platforms: str) -> dict[str, tuple[str, ...]]:
    """What the mart reads from wheels for these platforms."""
    for platform in platforms:
        models.add(DAY, file__filename=f"one-1.0-py3-none-{platform}.whl", **WHEEL)
    models.compute(models.upstream("marts.downloads_by_wheel"))
    rows = models.rows("SELECT platform, platform_system, manylinux, musllinux FROM marts.downloads_by_wheel")
    return {platform: tuple(rest) for platform, *rest in rows}


def test_fetches_beside_a_file_count_in_no_lens_and_are_shown(models: Models) -> None:
    """Ten wheels and five fetches of their metadata are ten downloads; the five stand apart, by what they fetch."""
    name = "one-1.0-py3-none-any.whl"
    models.add(DAY, 10, file__filename=name, **WHEEL)
    models.add(DAY, 5, file__filename=f"{name}.metadata", details__python="3.9.1", **WHEEL)
    models.add(DAY, 2, file__filename="one-1.0.tar.gz.asc", file__version="0.9")
    models.add(DAY, 1, file__filename="one-1.0.tar.gz.provenance")
    models.add(DAY, 1, file__filename="one-1.0.tar.gz.whatever-comes-next")
    models.commit(DAY, DAY)
    models.compute()

    assert [(10, 10, 10, 10, 9)] == models.rows(
        "SELECT downloads, downloads_without_mirrors, downloads_by_installers, downloads_outside_ci, other_fetches "
        "FROM marts.downloads_daily"
    )
    assert [("metadata", 5), ("provenance", 1), ("sidecar", 1), ("signature", 2)] == models.rows(
        "SELECT kind, fetches FROM marts.other_fetches ORDER BY kind"
    )
    assert [("pure wheel", 10)] == models.rows("SELECT kind, downloads FROM marts.downloads_by_wheel")
    assert [("bdist_wheel", 10)] == models.rows("SELECT file_type, downloads FROM marts.downloads_by_file_type")
    assert [("3.13", 10)] == models.rows("SELECT python_minor, downloads FROM marts.downloads_by_python")
    assert [("1.0",)] == models.rows("SELECT version FROM marts.versions")
    assert [(0,)] == models.rows("SELECT difference FROM marts.health")


@pytest.mark.parametrize(
    "name",
    ["p.whl", "p.tar.gz", "p.tar.bz2", "p.tar.Z", "p.tar.xz", "p.tgz", "p.zip", "p.egg", "p.exe", "p.msi", "p.rpm"],
)
def test_each_format_that_pypi_has_taken_is_a_download(models: Models, name: str) -> None:
    """Old formats count like wheels and source archives."""
    models.add(DAY, file__filename=name)
    models.compute(models.upstream("staging.daily_downloads"))

    assert [(1, 0)] == models.rows("SELECT downloads, other_fetches FROM staging.daily_downloads")


def test_what_cannot_be_read_is_unknown(models: Models) -> None:
    """Nothing is given a class by default: neither a wheel without tags, nor a file of an unknown type."""
    models.add(DAY, file__filename="strange.whl", **WHEEL)
    models.add(DAY, file__filename="strange", file__type=None)
    models.compute(models.upstream("marts.downloads_by_wheel"))

    assert [("bdist_wheel", "unknown", "unknown"), ("unknown", "unknown", "none")] == models.rows(
        "SELECT file_type, kind, platform_system FROM marts.downloads_by_wheel ORDER BY file_type"
    )


def test_empty_text_is_unknown_and_versions_are_cut_at_their_numbers(models: Models) -> None:
    """An empty value is no value of its own; the glibc of a vendor is that of its numbers."""
    columns = (
        "details__installer__name details__system__name details__cpu details__distro__name "
        "details__distro__version details__distro__libc__lib country_code"
    )
    models.add(DAY, details__distro__libc__version="2.20-2014.11", **dict.fromkeys(columns.split(), ""))
    models.add(DAY, country_code="**", details__python="2.5.6", **dict.fromkeys(columns.split()[:-1], " "))
    models.compute(models.upstream("staging.downloads"))

    unknown = ("unknown",) * 7
    assert [(*unknown, "2.20", "3.13"), (*unknown, "unknown", "2.5")] == models.rows(
        "SELECT installer, system, cpu, distro, distro_version, libc, country_code, libc_version, python_minor "
        "FROM staging.downloads ORDER BY libc_version"
    )


def test_first_pythons_have_reached_their_end_of_life(models: Models) -> None:
    """A client with a Python from 2.0 on is not of unknown support."""
    models.add(DAY, details__python="2.5.6")
    models.commit(DAY, DAY)
    models.compute(models.upstream("marts.python_support"))

    assert [("2.5", "end of life")] == models.rows("SELECT python_minor, status FROM marts.python_support")


@pytest.mark.parametrize(
    ("platform", "read"),
    [
        ("pyemscripten_2026_0_wasm32", ("wasm", "none", "none")),
        ("musllinux_1_2_x86_64.musllinux_1_1_x86_64", ("linux", "none", "1.1")),
        ("manylinux_2_28_x86_64.manylinux_2_17_x86_64", ("linux", "2.17", "none")),
        ("manylinux_2_28_x86_64.manylinux_2_5_x86_64.manylinux_2_34_x86_64", ("linux", "2.5", "none")),
        ("freebsd_14_0_release_amd64", ("other", "none", "none")),
        ("quantum_1_0", ("unknown", "none", "none")),
    ],
)
def test_tags_of_wheels(models: Models, platform: str, read: tuple[str, str, str]) -> None:
    """The oldest level counts, in whatever order tags stand."""
    assert {platform: read} == wheel_of(models, platform)
