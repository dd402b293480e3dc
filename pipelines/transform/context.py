"""SQLMesh's context on a warehouse, and its errors as ours; importing this imports SQLMesh, which takes seconds."""

import gc
import io
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
from sqlglot import generator, tokens
from sqlmesh import Context
from sqlmesh.core.console import Console, set_console
from sqlmesh.utils.errors import SQLMeshError

from pipelines.errors import TransformError, causes
from pipelines.interrupts import interrupted
from pipelines.transform.engines.settings import resolve_engine
from pipelines.transform.fingerprint import MODELS_FOLDER
from pipelines.transform.sqlmesh_internals import work_once
from pipelines.transform.state import OTHER_ENGINE, has_copies, require_own_name
from pipelines.warehouse import Warehouse, bookkeeping, open_error

ENVIRONMENT = "prod"
WIDTH = 180
_ON_MOTHERDUCK = {"TimeZone": "UTC"}
_CACHE = MODELS_FOLDER / ".cache"
_PLAN_REMEDY = (
    "`just plan` shows what would change, `just audit` names the failing audits; nothing was exported or shown."
)

# SQLMesh extends SQLGlot's dialects when it is imported. A dialect that was used before keeps its old tables in these
# two caches of SQLGlot 30.8, and would refuse each model.
generator._DISPATCH_CACHE.clear()  # noqa: SLF001 - see above
tokens.Tokenizer._core_cache.cache.clear()  # noqa: SLF001 - see above

work_once()

# SQLMesh logs what it prints to its console, too.
logging.getLogger("sqlmesh.core.console").setLevel(logging.ERROR)


@contextmanager
def open_context(warehouse: Warehouse, console: Console, *, load: bool = True) -> Iterator[Context]:
    """SQLMesh on the warehouse, which prints to `console`; without `load` it knows no model.

    Raises:
        TransformError: SQLMesh cannot read its project, or the warehouse has another name than when it was computed.
        WarehouseError: there is no warehouse yet, or it cannot be opened.

    """
    warehouse.require_existing()
    require_own_name(warehouse)
    if has_copies(warehouse):
        raise TransformError(
            f"The KPIs {OTHER_ENGINE}: SQLMesh has nothing in the warehouse.",
            remedy="Each run's plan has audited them there. `engine` under [transform] chooses the engine.",
        )
    # Models read a view and columns that a warehouse of an earlier version does not have.
    bookkeeping.ensure_tables(warehouse)
    bookkeeping.add_columns(warehouse)
    if _CACHE.is_file():
        logging.getLogger(__name__).warning("%s is no folder: it is made again.", _CACHE)
        _CACHE.unlink()
    options = resolve_engine().duckdb_options if warehouse.file else _ON_MOTHERDUCK
    os.environ |= {"ENGINE": "warehouse", "WAREHOUSE": str(warehouse), "DUCKDB_OPTIONS": json.dumps(options)}
    set_console(console)
    # SQLMesh keeps many objects: looking for garbage among them as often as Python does takes a fifth of its time.
    gc.set_threshold(50_000, 20, 20)
    try:
        context = Context(paths=[str(MODELS_FOLDER)], load=load)
    except duckdb.Error as error:
        raise open_error(error) from error
    except (SQLMeshError, OSError) as error:
        raise _project_error(error) from error
    try:
        yield context
    finally:
        context.close()


@contextmanager
def translate_sqlmesh_errors(output: io.StringIO) -> Iterator[None]:
    """Turns SQLMesh's errors into ours, with the end of what it printed."""
    try:
        yield
    except (SQLMeshError, duckdb.Error) as error:
        if interrupted():
            raise KeyboardInterrupt from error
        printed = "\n".join(line for line in output.getvalue().splitlines()[-40:] if line.strip())
        raise TransformError(f"SQLMesh stopped: {error}\n{printed}".rstrip(), remedy=_PLAN_REMEDY) from error


def _project_error(error: Exception) -> TransformError:
    # SQLMesh rolls its state back after an error, and where that fails, too, its last error is about the rollback.
    first = list(causes(error))[-1]
    if isinstance(first, OSError):
        what = f"SQLMesh cannot use {first.filename}: {first.strerror}."
        return TransformError(what, remedy="Grant your user write access to it, or free disk space.")
    before = "" if first is error else f" The first error was: {first}"
    return TransformError(
        f"SQLMesh cannot read its project: {error}{before}", remedy="Correct the model, or undo the change."
    )
