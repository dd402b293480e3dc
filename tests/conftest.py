"""Fixtures: isolated warehouses, the demo data, the real counts, and a site built from the demo."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlmesh import Context
from sqlmesh.core.console import NoopConsole, set_console

from pipelines import site
from pipelines.demo import PROJECTS, write_demo
from pipelines.exports import Export
from tests.servers.bigquery import Server, redirect_clients
from tests.servers.s3 import S3Server
from tests.support.installation import ROOT, Installation

UNTRACKED = "thistledown"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests leaks into them."""
    for name in list(os.environ):
        if name.startswith(
            ("SOURCES__", "DESTINATION", "GOOGLE_", "CLOUDSDK_", "AWS_", "WAREHOUSE", "MOTHERDUCK_", "motherduck_")
        ):
            monkeypatch.delenv(name)
    # Without a key, an S3 client would ask the network for one.
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.chdir(ROOT)


@pytest.fixture
def project(tmp_path: Path) -> Installation:
    """A project with a warehouse of its own and nothing loaded."""
    return Installation(tmp_path / "data")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the demo data."""
    folder = tmp_path_factory.mktemp("demo")
    write_demo(folder)
    return folder


@pytest.fixture(scope="session")
def demo_project(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The demo, loaded and computed, and one of its projects no longer tracked; tests only read it."""
    project = Installation.of_demo(tmp_path_factory.mktemp("run") / "data", demo).run()
    project.with_settings(PROJECTS=json.dumps(sorted(set(PROJECTS) - {UNTRACKED}))).load()
    return project


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
def built_site(demo_export: Export) -> Path:
    """The folder of the site, built from the demo's marts."""
    site.build(demo_export)
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
