"""A stand-in for MotherDuck: `md:NAME` opens a DuckDB file, by dlt's and SQLMesh's own connectors.

Everything but MotherDuck itself is real. Two of MotherDuck's rules hold: without a token in the environment nothing
opens, and neither does a connection string that was opened with another configuration in this process.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlmesh.core.config.connection import BaseDuckDBConnectionConfig

from pipelines.warehouse.motherduck import SCHEME, TOKEN_VARIABLES
from tests.support.installation import Installation

PLANTED = "planted.secret.token"
_FOLDER = "MOTHERDUCK_STAND_IN"


@dataclass(frozen=True)
class Cloud:
    """Opens the files of `folder`; `reached` has each connection string that was opened, with its configuration."""

    folder: Path
    connect: Callable[..., duckdb.DuckDBPyConnection] = duckdb.connect
    reached: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def open(
        self,
        database: str | Path = ":memory:",
        read_only: bool = False,  # noqa: FBT001, FBT002 - DuckDB's own
        config: Mapping[str, Any] | None = None,
    ) -> duckdb.DuckDBPyConnection:
        """What `duckdb.connect` does."""
        config = config or {}
        address = str(database)
        if not address.startswith(SCHEME):
            return self.connect(database, read_only, dict(config))
        if not any(map(os.environ.get, TOKEN_VARIABLES)):
            msg = "no token"
            raise duckdb.InvalidInputException(msg)
        if self.reached.setdefault(address, config) != config:
            msg = "Can't open a connection to same database file with a different configuration"
            raise duckdb.ConnectionException(msg)
        name = address.removeprefix(SCHEME).partition("?")[0]
        return self.connect(self.folder / f"{name}.duckdb")


class CloudInstallation(Installation):
    """A project whose warehouse is in the cloud; `file` is the DuckDB file that stands in for it."""

    @property
    def environment(self) -> dict[str, str]:
        cloud = {"DESTINATION__WAREHOUSE__CREDENTIALS": "md:warehouse", "MOTHERDUCK_TOKEN": PLANTED}
        return super().environment | cloud | {_FOLDER: str(self.folder)}


def stand_in(folder: Path, patch: pytest.MonkeyPatch) -> Cloud:
    """Make `md:` open files in the folder, and create the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    cloud = Cloud(folder)
    patch.setattr(duckdb, "connect", cloud.open)
    # SQLMesh keeps what it has opened by its connection string, for as long as the process lives.
    patch.setattr(BaseDuckDBConnectionConfig, "_data_file_to_adapter", {})
    return cloud


def stand_in_for_process() -> None:
    """The same in a separate process that a `CloudInstallation` has started."""
    if folder := os.environ.get(_FOLDER):
        stand_in(Path(folder), pytest.MonkeyPatch())
