"""An installation under test: settings in the environment, a warehouse in a folder of its own."""

import io
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import duckdb
import pytest

from pipelines.cli import main
from pipelines.demo import PROJECTS
from pipelines.exports import Export, export
from pipelines.load import LoadReport, load
from pipelines.load.plan import LoadRequest
from pipelines.load.releases import ReleaseReport, load_releases
from pipelines.pypi.settings import resolve_settings
from pipelines.pypi.windows import Backfill
from pipelines.transform import transform
from pipelines.warehouse import Warehouse, resolve_warehouse
from tests.support import few_models

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
BOOKKEEPING = ("day", "ordinal", "_dlt_load_id")


Row = tuple[Any, ...]


@dataclass(frozen=True)
class Done:
    """What a command has printed, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


@dataclass
class Installation:
    """Runs the steps of `just run` with its own settings, and looks into what they have made."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    models: Path | None = None
    """The folder of SQLMesh's project; the product's own, if there is none."""

    @classmethod
    def of_demo(cls, folder: Path, demo: Path) -> Self:
        names = "[" + ", ".join(f'"{name}"' for name in PROJECTS) + "]"
        settings = {"PARQUET_PATH": str(demo), "PROJECTS": names, "START_DATE": "2026-04-02"}
        # The demo asks nobody.
        return cls(folder, settings | {"RELEASES__ENABLED": "true"})

    @property
    def file(self) -> Path:
        return self.folder / "warehouse.duckdb"

    @property
    def source(self) -> Path:
        """The Parquet file or folder that is upstream."""
        return Path(self.settings["PARQUET_PATH"])

    @property
    def environment(self) -> dict[str, str]:
        sources = {f"SOURCES__PYPI__{name}": value for name, value in self.settings.items()}
        models = {few_models.VARIABLE: str(self.models)} if self.models else {}
        place = {
            "DESTINATION__WAREHOUSE__CREDENTIALS": str(self.file),
            "SOURCES__PYPI__UPSTREAM": "parquet",
            "SOURCES__PYPI__RELEASES__ENABLED": "false",
        }
        return place | sources | models

    def with_settings(self, **settings: str) -> Self:
        """The same project with other settings."""
        return replace(self, settings={**self.settings, **settings})

    def reading(self, source: Path, *projects: str, **settings: str) -> Self:
        """The same project with that upstream, a Parquet file or a folder of them, from the first of July on."""
        upstream = {"PARQUET_PATH": str(source), "PROJECTS": json.dumps(projects), "START_DATE": "2026-07-01"}
        return self.with_settings(**upstream | settings)

    def copy(self, folder: Path) -> Self:
        """The same project in another folder, where it may be changed."""
        shutil.copytree(self.folder, folder)
        return replace(self, folder=folder)

    def load(self, now: datetime = NOW, backfill: Backfill | None = None) -> LoadReport:
        with self.warehouse() as warehouse, warehouse.kept_open():
            return load(LoadRequest(resolve_settings(), warehouse, now, backfill))

    def load_releases(self, now: datetime = NOW) -> ReleaseReport:
        with self.warehouse() as warehouse, warehouse.kept_open():
            return load_releases(resolve_settings(), warehouse, now)

    def transform(self) -> None:
        with self.warehouse() as warehouse:
            transform(warehouse)

    def run(self, now: datetime = NOW) -> Self:
        """Load and transform."""
        self.load(now)
        self.transform()
        return self

    def export(self) -> Export:
        with self.warehouse() as warehouse:
            return export(warehouse)

    def query(self, sql: str, *parameters: Any) -> list[Row]:  # noqa: ANN401 - whatever SQL takes
        """The rows of a query on the warehouse."""
        with duckdb.connect(self.file, read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.execute(sql, parameters).fetchall()

    def marts(self) -> dict[str, list[Row]]:
        """The sorted rows of each mart."""
        names = self.query("SELECT table_name FROM information_schema.tables WHERE table_schema = 'marts' ORDER BY 1")
        return {name: self.query(f"FROM marts.{name} ORDER BY ALL") for (name,) in names}

    def cli(self, *arguments: str, **environment: str) -> Done:
        """The command line, as a user calls it, but in this process: importing SQLMesh takes seconds."""
        output, errors, code = io.StringIO(), io.StringIO(), 0
        argv, sys.argv = sys.argv, ["pipelines", *(arguments or ("run", "--no-site"))]
        try:
            with _environment(self.environment | environment), redirect_stdout(output), redirect_stderr(errors):
                main()
        except SystemExit as exit_:
            code = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
        finally:
            sys.argv = argv
        return Done(code, output.getvalue(), errors.getvalue())

    @contextmanager
    def warehouse(self) -> Iterator[Warehouse]:
        """The project's warehouse, as its settings name it."""
        with _environment(self.environment):
            yield resolve_warehouse()


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        with pytest.MonkeyPatch.context() as patch:
            few_models.use_models(patch)
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)
