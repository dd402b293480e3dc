"""The models, computed in memory by DuckDB, without plan and state: for tests that change one, or look into one."""

from collections.abc import Iterator, Mapping
from typing import Any

import duckdb
from sqlglot import exp
from sqlmesh import Context
from sqlmesh.core.model import Model
from sqlmesh.core.model.definition import SeedModel

DAYS = {"start": "2026-01-01", "end": "2026-12-31"}
"""Rows of this year are computed."""


class Models:
    """Tables of all models; `changes` has an old and a new part of the rendered queries of some, by model."""

    def __init__(self, context: Context, changes: Mapping[str, tuple[str, str]] | None = None) -> None:
        self.context = context
        self.changes = changes or {}
        # Not read-only and without a file, its catalog has the name that SQLMesh has qualified all tables by.
        self.connection = duckdb.connect(":memory:")
        self.connection.execute("SET TimeZone = 'UTC'")
        for schema in sorted({model.name.split(".")[0] for model in context.models.values()}):
            self.connection.execute(f"CREATE SCHEMA {schema}")
        for model in self.of_kind(external=True):
            columns = ", ".join(f"{name} {kind.sql('duckdb')}" for name, kind in (model.columns_to_types or {}).items())
            self.connection.execute(f"CREATE TABLE {model.name} ({columns})")

    def of_kind(self, *, external: bool) -> Iterator[Model]:
        """The models, each after those that it reads."""
        for name in self.context.dag.sorted:
            if name in self.context.models and self.context.models[name].kind.is_external is external:
                yield self.context.models[name]

    def compute(self) -> None:
        """Fill the tables of all models from those of `raw`."""
        for model in self.of_kind(external=False):
            if isinstance(model, SeedModel):
                seed = next(iter(model.render_seed()))  # noqa: F841 - DuckDB finds it by its name
                query = "FROM seed"
            else:
                query = self._query(model)
            self.connection.execute(f"CREATE TABLE {model.name} AS {query}")

    def failures(self, model: Model, audit: Any, arguments: Mapping[str, exp.Expression], table: str = "") -> int:  # noqa: ANN401
        """Rows that an audit of the model finds in its table, or in another one."""
        query = model.render_audit_query(audit, **DAYS, this_model=table or model.fqn, **arguments)
        return len(self.rows(query.sql("duckdb")))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def _query(self, model: Model) -> str:
        query = model.render_query(**DAYS)
        assert query is not None, model.name
        text = query.sql("duckdb")
        old, new = self.changes.get(model.name, ("", ""))
        assert old in text, f"{model.name} has no {old}: {text}"
        return text.replace(old, new) if old else text
