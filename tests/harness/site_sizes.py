"""The site's build and size by number of projects: `just benchmark --site`.

Its marts are the demo's, whose projects are copied under other names as often as is needed. What counts is the CPU time
of Evidence's build, in a copy of the site's folder: the built site stays as it is.
"""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from subprocess import run

import duckdb

from pipelines import site
from pipelines.demo import PROJECTS, write_demo
from tests.support.installation import ROOT, Installation

SIZES = (4, 20, 60)
_MIB = 2**20

Result = dict[str, str | int | float]


def measure(folder: Path) -> Iterator[Result]:
    """Seconds and bytes for each number of projects."""
    marts = _compute(folder)
    copy = _copy_of_the_site(folder)
    for projects in SIZES:
        _multiply(marts, folder / "pypi.duckdb", projects)
        usage, start = getrusage(RUSAGE_CHILDREN), time.monotonic()
        environment = os.environ | {"SITE_MARTS": str(folder / "pypi.duckdb")}
        run(["npm", "run", "--silent", "build"], cwd=copy, env=environment, check=True, capture_output=True)
        wall, after = time.monotonic() - start, getrusage(RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - usage.ru_utime - usage.ru_stime
        files = [file for file in (copy / "build").rglob("*") if file.is_file()]
        pages = sum(file.name == "index.html" for file in files)
        size = sum(file.stat().st_size for file in files)
        yield {
            "projects": projects,
            "pages": pages,
            "cpu_seconds": round(cpu, 1),
            "wall_seconds": round(wall, 1),
            "cpu_seconds_a_page": round(cpu / pages, 2),
            "site_mib": round(size / _MIB, 1),
            "marts_mib": round((folder / "pypi.duckdb").stat().st_size / _MIB, 1),
        }


def _compute(folder: Path) -> Path:
    """The exported marts of the demo."""
    write_demo(folder / "demo")
    demo = Installation.of_demo(folder / "data", folder / "demo")
    command = [sys.executable, "-E", "-m", "pipelines", "run", "--no-site", "--quiet"]
    run(command, cwd=ROOT, env=os.environ | demo.environment, check=True, capture_output=True)
    return folder / "data" / "exports" / "pypi.duckdb"


def _copy_of_the_site(folder: Path) -> Path:
    """The site's sources beside what they read, with the installed packages."""
    copy = folder / "site" / site.EVIDENCE.name
    ignored = shutil.ignore_patterns("node_modules", "build", ".evidence")
    shutil.copytree(site.EVIDENCE, copy, ignore=ignored)
    (copy / "node_modules").symlink_to(site.EVIDENCE / "node_modules")
    (copy.parent / "docs").symlink_to(ROOT / "docs")
    return copy


def _multiply(marts: Path, copy: Path, projects: int) -> None:
    """Write the marts with that many projects."""
    shutil.copyfile(marts, copy)
    with duckdb.connect(copy) as connection:
        named = "SELECT table_name FROM information_schema.columns WHERE column_name = 'project'"
        for (mart,) in connection.execute(named).fetchall():
            for number in range(1, projects // len(PROJECTS)):
                connection.execute(
                    f"INSERT INTO marts.{mart} SELECT * REPLACE (project || '-{number}' AS project) "
                    f"FROM marts.{mart} WHERE project = ANY(?)",
                    [list(PROJECTS)],
                )
