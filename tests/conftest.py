"""Fixtures: isolated warehouses, the demo data, the real counts, and a site built from the demo."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import dlt
import pytest
from sqlmesh import Context
from sqlmesh.core.console import NoopConsole, set_console

from pipelines import site
from pipelines.demo import PROJECTS, write_demo
from pipelines.exports import Export
from tests.servers.bigquery import Server, redirect_clients
from tests.servers.clickhouse import ClickHouse
from tests.servers.s3 import S3Server
from tests.support.few_models import write_few
from tests.support.installation import ROOT, Installation
from tests.support.rows import download, downloads, july, write
from tests.support.shared import Shared

TRACKED = json.dumps([name for name in PROJECTS if name != "thistledown"])
"""The projects that the settings of the demo name in the end: all but one."""
TWO_PROJECTS = {"one": dict.fromkeys(range(1, 13), 2), "two": dict.fromkeys(range(1, 13), 3)}
SOURCE = Path("source", "rows.parquet")


SLOW = {
    "all_computed_once",
    "computed_once",
    "demo_project",
    "few_models",
    "filled_server",
    "real_data",
    "running_clickhouse",
    "running_s3",
}
"""Fixtures that take seconds to make: a test that asks for one of them is slow."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow by its fixtures, before pytest leaves it out."""
    for item in items:
        if isinstance(item, pytest.Function) and not SLOW.isdisjoint(item.fixturenames):
            item.add_marker(pytest.mark.slow)


def clean_environment(patch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests leaks into them, nor of another test."""
    for name in list(os.environ):
        if name.startswith(
            ("SOURCES__", "DESTINATION", "GOOGLE_", "CLOUDSDK_", "AWS_", "WAREHOUSE", "MOTHERDUCK_", "motherduck_")
        ):
            patch.delenv(name)
    # Without a key, an S3 client would ask the network for one.
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        patch.setenv(name, os.devnull)
    # No test asks the real index; one with an index of its own, or with the demo, says so.
    patch.setenv("SOURCES__PYPI__RELEASES__ENABLED", "false")
    patch.chdir(ROOT)
    # dlt reads its files once in a process, from the folder in which it is first asked.
    dlt.config.get("destinations")


@pytest.fixture(scope="session", autouse=True)
def _environment_of_the_session() -> Iterator[None]:
    """For fixtures that several tests use, which are made before those of the first of them."""
    with pytest.MonkeyPatch.context() as patch:
        clean_environment(patch)
        yield


@pytest.fixture(autouse=True)
def _environment_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    clean_environment(monkeypatch)


@pytest.fixture
def project(tmp_path: Path) -> Installation:
    """A project with a warehouse of its own and nothing loaded."""
    return Installation(tmp_path / "data")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Shared:
    """What the processes of this test run share."""
    own = tmp_path_factory.getbasetemp()
    return Shared((own if worker_id == "master" else own.parent) / "shared")


@pytest.fixture(scope="session")
def demo(shared: Shared) -> Path:
    """The folder of the demo data."""
    return shared.once("demo", write_demo)


@pytest.fixture(scope="session")
def demo_project(demo: Path, shared: Shared, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The demo, loaded, computed and exported, and one of its projects no longer tracked; tests only read it."""

    def make(folder: Path) -> None:
        project = Installation.of_demo(folder / "data", demo)
        command = [sys.executable, "-m", "pipelines", "run", "--no-site"]
        first = subprocess.run(
            command, cwd=ROOT, env=os.environ | project.environment, capture_output=True, text=True, check=False
        )
        assert first.returncode == 0, first.stderr
        runs = {"first": first.stdout, "second": project.cli().stdout}
        (folder / "runs.json").write_text(json.dumps(runs))
        project.with_settings(PROJECTS=TRACKED).load()
        project.export()

    folder = shared.copy("demo project", make, tmp_path_factory.mktemp("demo-project"))
    return Installation.of_demo(folder / "data", demo).with_settings(PROJECTS=TRACKED)


@pytest.fixture(scope="session")
def demo_runs(demo_project: Installation) -> dict[str, str]:
    """What the `first` run of the command line has printed, which has loaded the demo, and the `second`."""
    runs: dict[str, str] = json.loads((demo_project.folder.parent / "runs.json").read_text())
    return runs


@pytest.fixture(scope="session")
def few_models(shared: Shared, request: pytest.FixtureRequest) -> Path:
    """The folder of a project of SQLMesh with few models; only who makes it needs all of them."""
    return shared.once("few models", lambda folder: write_few(request.getfixturevalue("context"), folder))


@pytest.fixture(scope="session")
def computed_once(few_models: Path, shared: Shared, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Two projects, loaded, computed by few models, and exported; tests only read it, or take `computed`.

    `one` has two downloads a day from the first to the tenth of July, and one more in quarantine; `two`, which was
    loaded after it, has three a day from the third on. Two days more are upstream.
    """
    folder = tmp_path_factory.mktemp("computed")
    return two_projects(shared.copy("computed", lambda folder: compute(folder, few_models), folder), few_models)


@pytest.fixture
def computed(computed_once: Installation, tmp_path: Path) -> Installation:
    """A copy of it, which the test may change, upstream too."""
    shutil.copytree(computed_once.folder.parent, tmp_path / "computed")
    return two_projects(tmp_path / "computed", computed_once.models)


@pytest.fixture(scope="session")
def all_computed_once(shared: Shared, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The same, computed by all models; tests only read it, or take `all_computed`."""
    return two_projects(shared.copy("all computed", compute, tmp_path_factory.mktemp("all-computed")))


@pytest.fixture
def all_computed(all_computed_once: Installation, tmp_path: Path) -> Installation:
    """A copy of it, which the test may change, upstream too."""
    shutil.copytree(all_computed_once.folder.parent, tmp_path / "all-computed")
    return two_projects(tmp_path / "all-computed")


def compute(folder: Path, models: Path | None = None) -> None:
    write(folder / SOURCE, [*downloads(TWO_PROJECTS), download(july(4), country_code="xx")])
    two_projects(folder).with_settings(PROJECTS='["one"]', START_DATE="2026-07-01").load()
    two_projects(folder, models).run().export()


def two_projects(folder: Path, models: Path | None = None) -> Installation:
    days = {"START_DATE": "2026-07-03", "END_DATE": "2026-07-11"}
    return Installation(folder / "data", models=models).reading(folder / SOURCE, "one", "two", **days)


@pytest.fixture(scope="session")
def context() -> Iterator[Context]:
    """The project's models, applied to nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAREHOUSE", ":memory:")
        set_console(NoopConsole())
        context = Context(paths=[str(ROOT / "sqlmesh")])
    yield context
    context.close()


@pytest.fixture(scope="session")
def demo_export(demo_project: Installation) -> Export:
    return demo_project.export()


@pytest.fixture(scope="session")
def exported_marts(demo_export: Export) -> Path:
    """The DuckDB file that the site reads."""
    return demo_export.database


@pytest.fixture(scope="session")
def built_site(demo_export: Export, shared: Shared) -> Path:
    """The folder of the site, built from the demo's marts."""
    shared.once("site", lambda _folder: site.build(demo_export))
    return site.BUILD


@pytest.fixture(scope="session")
def filled_server(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A BigQuery server with the demo's rows; tests take `server`."""
    with Server(tmp_path_factory.mktemp("bigquery")) as server:
        server.fill(demo)
        yield server


@pytest.fixture
def server(filled_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The BigQuery server, to which the environment leads, with a key that it knows; its faults heal with the test."""
    for name, value in filled_server.environment(filled_server.make_key(tmp_path / "key.json")).items():
        monkeypatch.setenv(name, value)
    redirect_clients()
    yield filled_server
    filled_server.faults()
    filled_server.bill()


@pytest.fixture(scope="session")
def running_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server; tests take `s3`."""
    with S3Server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def s3(running_s3: S3Server) -> Iterator[S3Server]:
    """The S3 server; what a test breaks heals with the test."""
    yield running_s3
    running_s3.heal()


@pytest.fixture(scope="session")
def running_clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    """A ClickHouse server; tests take `clickhouse`."""
    with ClickHouse(tmp_path_factory.mktemp("clickhouse")) as server:
        yield server


@pytest.fixture
def clickhouse(running_clickhouse: ClickHouse) -> ClickHouse:
    """The ClickHouse server with the public copy's limits, and without faults; a test fills it."""
    running_clickhouse.faults()
    running_clickhouse.limit()
    return running_clickhouse


@pytest.fixture
def bucket(s3: S3Server) -> str:
    """The name of an empty bucket of the test's own on the S3 server."""
    return s3.make_bucket(f"test-{uuid4()}")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Row files of real counts, which the project does not ship; see CONTRIBUTING.md."""
    folder = Path(os.environ.get("PYPI_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "published_counts.csv").exists():
        pytest.skip(f"no real counts at {folder}; PYPI_REAL_DATA names their folder")
    return folder
