"""A project under test: settings in the environment, a warehouse in a folder of its own."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import duckdb

from pipelines.demo import PROJECTS
from pipelines.export import Export, export
from pipelines.load import LoadReport, load
from pipelines.pypi.settings import resolve_settings
from pipelines.transform import transform
from pipelines.warehouse import Warehouse, open_warehouse

ROOT = Path(__file__).parents[1]
NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
BOOKKEEPING = ("day", "ordinal", "_dlt_load_id")


@dataclass
class Project:
    """Runs the steps of `just run` with its own settings, and looks into what they have made."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_demo(cls, folder: Path, demo: Path) -> Self:
        names = "[" + ", ".join(f'"{name}"' for name in PROJECTS) + "]"
        return cls(folder, {"PARQUET_PATH": str(demo), "PROJECTS": names, "START_DATE": "2026-04-02"})

    @property
    def file(self) -> Path:
        return self.folder / "warehouse.duckdb"

    @property
    def environment(self) -> dict[str, str]:
        sources = {f"SOURCES__PYPI__{name}": value for name, value in self.settings.items()}
        return {"DESTINATION__WAREHOUSE__CREDENTIALS": str(self.file), "SOURCES__PYPI__UPSTREAM": "parquet"} | sources

    def with_settings(self, **settings: str) -> Self:
        """The same project with other settings."""
        return type(self)(self.folder, {**self.settings, **settings})

    def load(self, now: datetime = NOW) -> LoadReport:
        with self._open() as warehouse:
            return load(resolve_settings(), warehouse, now, lambda _window, _rows: None)

    def transform(self) -> None:
        with self._open() as warehouse:
            transform(warehouse)

    def run(self, now: datetime = NOW) -> Self:
        """Load and transform."""
        self.load(now)
        self.transform()
        return self

    def export(self) -> Export:
        with self._open() as warehouse:
            return export(warehouse)

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - whatever SQL takes
        """The rows of a query on the warehouse."""
        with duckdb.connect(self.file, read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.execute(sql, parameters).fetchall()

    def marts(self) -> dict[str, list[tuple[Any, ...]]]:
        """The sorted rows of each mart."""
        names = self.query("SELECT table_name FROM information_schema.tables WHERE table_schema = 'marts' ORDER BY 1")
        return {name: self.query(f"FROM marts.{name} ORDER BY ALL") for (name,) in names}

    @contextmanager
    def _open(self) -> Iterator[Warehouse]:
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            yield open_warehouse()
        finally:
            os.environ.clear()
            os.environ.update(before)
