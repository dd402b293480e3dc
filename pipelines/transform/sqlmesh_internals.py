"""What SQLMesh 0.236 does many times where once is enough, done once; look here first when SQLMesh is upgraded.

Whoever takes a part out loses time, and nothing else.
"""

import re
from typing import Any, cast

from sqlglot import exp
from sqlmesh.core.engine_adapter.duckdb import DuckDBEngineAdapter
from sqlmesh.core.model import SqlModel
from sqlmesh.core.model.cache import ModelCache
from sqlmesh.core.renderer import QueryRenderer

_OF_A_RUN = re.compile(r"@\W?(start|end|execution|latest|this|schemas|views|runtime|model_kind)", re.IGNORECASE)
"""Names that SQLMesh replaces by other values in each run."""
_OF_TABLES = {"snapshots", "table_mapping", "deployability_index", "expand"}
"""The arguments by which SQLMesh names tables in a query that it has rendered."""

_put = ModelCache.put
_render = QueryRenderer.render


def work_once() -> None:
    """Change SQLMesh so, in this process."""
    ModelCache.put = _put_and_keep  # type: ignore[method-assign]
    QueryRenderer.render = _render_once  # type: ignore[assignment]
    DuckDBEngineAdapter._create_column_comments = _comment_at_once  # type: ignore[assignment]  # noqa: SLF001


def _put_and_keep(self: ModelCache, *arguments: Any, **named: Any) -> bool:  # noqa: ANN401 - SQLMesh's own
    """Write models into the cache, and say that they are not there: read from it they have lost what is rendered."""
    _put(self, *arguments, **named)
    return False


def _render_once(self: QueryRenderer, *, needs_optimization: bool = True, **named: Any) -> exp.Query | None:  # noqa: ANN401
    """Render a query in which nothing depends on the run, such as its days, only when the model is loaded.

    Only the names of tables are put in later. What a macro makes must then depend on its arguments alone.
    """
    model = self._model
    # A unit test may set variables.
    if needs_optimization and isinstance(model, SqlModel) and not named.get("variables"):
        has_days = any(map(named.get, ("start", "end", "execution_time")))
        if not has_days or not _OF_A_RUN.search(model.query_.sql):
            named = {name: named[name] for name in _OF_TABLES & named.keys()}
    return _render(self, needs_optimization=needs_optimization, **named)


def _comment_at_once(
    self: DuckDBEngineAdapter,
    table_name: str | exp.Table,
    column_comments: dict[str, str],
    table_kind: str = "TABLE",
    *_: bool,
) -> None:
    """Write the comments of all columns of a table at once: there are two thousand columns."""
    table = exp.to_table(table_name)
    comments = (
        cast("exp.Comment", self._build_create_comment_column_exp(table, column, text, table_kind))
        for column, text in column_comments.items()
    )
    self.execute("; ".join(map(self._to_sql, comments)))
