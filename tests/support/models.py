"""The models, computed in memory by DuckDB, without plan and state: for tests that change one, or look into one."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Self, cast
from weakref import WeakKeyDictionary

import duckdb
from sqlglot import exp
from sqlmesh import Context, ExecutionContext
from sqlmesh.core.model import Model, PythonModel
from sqlmesh.core.model.definition import SeedModel

from tests.support.few_models import FEW
from tests.support.installation import Installation, Row

DAYS: dict[str, Any] = {"start": "2016-01-01", "end": "2026-12-31"}
"""Rows of these days are computed."""
ROW = {
    "file__filename": "one-1.0.tar.gz",
    "file__version": "1.0",
    "file__type": "sdist",
    "details__installer__name": "pip",
    "details__python": "3.13.1",
}
"""A download by pip."""


class Models:
    """Tables of all models.

    A database in a file has to be named memory.duckdb: all tables are qualified by that name.
    """

    def __init__(self, context: Context, database: Path | str = ":memory:", *, warehouse: Path | None = None) -> None:
        self.context = context
        self.warehouse = warehouse
        self._changes: dict[str, tuple[str, str]] = {}
        self.connection = duckdb.connect(database)
        self.connection.execute("SET TimeZone = 'UTC'")
        for schema in sorted({model.name.split(".")[0] for model in context.models.values()}):
            self.connection.execute(f"CREATE SCHEMA {schema}")
        with self.reading():
            for model in self.of_kind(external=True):
                types = (model.columns_to_types or {}).items()
                columns = ", ".join(f"{name} {kind.sql('duckdb')}" for name, kind in types)
                what = (
                    f"VIEW {model.name} AS FROM loaded.{model.name}" if warehouse else f"TABLE {model.name} ({columns})"
                )
                self.connection.execute(f"CREATE {what}")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """While it lasts, the tables of `raw` are those of the warehouse, if there is one."""
        if self.warehouse:
            self.connection.execute(f"ATTACH '{self.warehouse}' AS loaded (READ_ONLY)")
        yield
        if self.warehouse:
            self.connection.execute("DETACH loaded")

    def add(self, day: date, count: int = 1, /, project: str = "one", **columns: object) -> None:
        """So many equal downloads by pip; `columns` of `raw.file_downloads` replace those of `ROW`."""
        row = {"day": day, "project": project} | ROW | columns
        places = ", ".join(f"? AS {name}" for name in row)
        self.connection.execute(
            f"INSERT INTO raw.file_downloads BY NAME SELECT {places} FROM RANGE(?)", [*row.values(), count]
        )

    def commit(self, first: date, last: date, project: str = "one", origin: str = "parquet") -> None:
        """Take the days as loaded, with the rows that are there, and the project as one that the settings name."""
        self.connection.execute(
            "INSERT INTO raw.committed_days (project, day, accepted, quarantined, origin) "
            "SELECT $project, days.day, COUNT(log.day), 0, $origin FROM "
            "(SELECT UNNEST(GENERATE_SERIES($first, $last, INTERVAL 1 DAY))::DATE AS day) AS days LEFT JOIN "
            "raw.file_downloads AS log ON days.day = log.day AND log.project = $project GROUP BY ALL",
            {"project": project, "first": first, "last": last, "origin": origin},
        )
        self.connection.execute(
            "INSERT INTO raw.tracked_projects SELECT ? EXCEPT SELECT project FROM raw.tracked_projects", [project]
        )

    def of_kind(self, *, external: bool) -> Iterator[Model]:
        """The models, each after those that it reads."""
        for name in self.context.dag.sorted:
            if name in self.context.models and self.context.models[name].kind.is_external is external:
                yield self.context.models[name]

    def marts(self) -> dict[str, list[Row]]:
        """The number of rows of each mart, and a sum of their hashes: equal for the same rows in whatever order."""
        names = [model.name for model in self.of_kind(external=False) if model.name.startswith("marts.")]
        with self.reading():
            return {name: self.rows(f"SELECT COUNT(*), SUM(HASH(t)::HUGEINT) FROM {name} AS t") for name in names}

    def upstream(self, name: str) -> list[str]:
        """The model, and all that it reads, directly or not."""
        fqn = self.context.get_model(name, raise_if_missing=True).fqn
        return [self.context.models[each].name for each in (*self.context.dag.upstream(fqn), fqn)]

    def compute(self, names: Collection[str] = (), day: date | None = None) -> None:
        """Fill the tables of all models, or of the named ones; where days are kept apart only `day`, if given."""
        for model in self.of_kind(external=False):
            if names and model.name not in names:
                continue
            if isinstance(model, SeedModel):
                seed = next(iter(model.render_seed()))  # noqa: F841 - DuckDB finds it by its name
                self.connection.execute(f"CREATE OR REPLACE TABLE {model.name} AS FROM seed")
            elif isinstance(model, PythonModel):
                columns = ", ".join(
                    f"{name} {type_.sql('duckdb')}" for name, type_ in (model.columns_to_types or {}).items()
                )
                self.connection.execute(f"CREATE OR REPLACE TABLE {model.name} ({columns})")
                # Without a row it yields no frame.
                for _frame in model.render(context=cast("ExecutionContext", _Reader(self.connection))):
                    self.connection.execute(f"CREATE OR REPLACE TABLE {model.name} AS FROM _frame")
            elif day and model.time_column:
                self.connection.execute(f"DELETE FROM {model.name} WHERE day = ?", [day])
                self.connection.execute(f"INSERT INTO {model.name} {self._query(model, day, day)}")
            else:
                what = "VIEW" if model.kind.is_view else "TABLE"
                self.connection.execute(
                    f"CREATE OR REPLACE {what} {model.name} AS {self._query(model, *DAYS.values())}"
                )

    @contextmanager
    def changed(self, name: str, old: str, new: str, until: str) -> Iterator[None]:
        """While it lasts, a model has another query: its tables, and those of what reads it on the way to `until`."""
        changed, last = (self.context.get_model(each, raise_if_missing=True).fqn for each in (name, until))
        reading = {changed, *self.context.dag.downstream(changed)} & {last, *self.context.dag.upstream(last)}
        self._changes = {name: (old, new)}
        self.connection.begin()
        try:
            self.compute([self.context.models[fqn].name for fqn in reading])
            yield
        finally:
            self.connection.rollback()
            self._changes = {}

    def failures(self, model: Model, audit: Any, arguments: Mapping[str, Any], table: str = "") -> int:  # noqa: ANN401 - two kinds
        """Rows that an audit of the model finds in its table, or in another one."""
        query = model.render_audit_query(audit, **DAYS, this_model=table or model.fqn, **arguments)
        return len(self.rows(query.sql("duckdb")))

    def rows(self, sql: str) -> list[Row]:
        return self.connection.execute(sql).fetchall()

    def _query(self, model: Model, start: date | str, end: date | str) -> str:
        # To render all of them takes seconds, to run them does not.
        texts = _RENDERED.setdefault(self.context, {})
        key = (model.fqn, str(start), str(end))
        if key not in texts:
            query = model.render_query(start=start, end=end)
            assert query is not None, model.name
            texts[key] = query.sql("duckdb")
        text = texts[key]
        old, new = self._changes.get(model.name, ("", ""))
        assert old in text, f"{model.name} has no {old}: {text}"
        return text.replace(old, new) if old else text


_RENDERED: WeakKeyDictionary[Context, dict[tuple[str, str, str], str]] = WeakKeyDictionary()


def marts_of_loads(context: Context, project: Installation) -> dict[str, list[Row]]:
    """The sorted rows of each mart, as the models make them of what the project has loaded; compare its `marts`.

    Where the project has few models, the marts of these.
    """
    models = Models(context, warehouse=project.file)
    names = [name for name in sorted(model.name for model in context.models.values()) if name.startswith("marts.")]
    if project.models:
        names = sorted({name for few in FEW for name in models.upstream(few)} & {*names})
    with models.reading():
        models.compute({read for name in names for read in models.upstream(name)})
        return {name.removeprefix("marts."): models.rows(f"FROM {name} ORDER BY ALL") for name in names}


class _Reader:
    """What a model in Python asks of SQLMesh: a table's name, and rows."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def with_variables(self, *_variables: object, **_blueprint: object) -> Self:
        return self

    def resolve_table(self, name: str) -> str:
        return name

    def fetchdf(self, query: exp.Query) -> object:
        return self._connection.execute(query.sql("duckdb")).df()
