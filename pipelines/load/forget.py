"""Removes a project that is no longer wanted from the warehouse; only what it has cost stays on record."""

from dlt.pipeline.helpers import pipeline_drop

from pipelines.errors import SettingsError, WarehouseError
from pipelines.load.failures import translate_dlt_errors
from pipelines.load.recovery import finish_pending
from pipelines.pypi.settings import Settings
from pipelines.pypi.source import resource_name
from pipelines.warehouse import Warehouse, bookkeeping


def require_forgettable(project: str, settings: Settings, warehouse: Warehouse) -> None:
    """Raise unless the project may be removed.

    Raises:
        SettingsError: the settings still name it.
        WarehouseError: the warehouse holds nothing of it, or nothing else.

    """
    if project in settings.projects:
        what = f"The settings still name the project {project!r}: the next run would load it again."
        raise SettingsError(what, remedy="Take it out of `projects` of [sources.pypi] first.")
    held = bookkeeping.projects(warehouse)
    if project not in held:
        what = f"The warehouse holds nothing of the project {project!r}."
        raise WarehouseError(what, remedy=f"It holds {', '.join(sorted(held)) or 'no project'}.")
    if held == {project}:
        what = f"The warehouse holds nothing but {project!r}; without it there would be nothing to show."
        raise WarehouseError(what, remedy="`just run` first, which loads the projects of the settings.")


def forget(project: str, settings: Settings, warehouse: Warehouse) -> None:
    """Remove the project's rows, loads and cursor; `transform` then removes it from the KPIs.

    Where it is killed before that, the next run or the same command does the rest.

    Raises:
        WarehouseError: the warehouse cannot be written.

    """
    # What a run that died has left would bring the project back.
    finish_pending(warehouse)
    _drop_cursor(project, warehouse)
    bookkeeping.forget(warehouse, project)
    bookkeeping.track(warehouse, settings.projects)


def _drop_cursor(project: str, warehouse: Warehouse) -> None:
    """Remove dlt's state of the project, here and in the warehouse, from which dlt restores a folder that was lost."""
    with translate_dlt_errors():
        warehouse.pipeline.sync_destination()
        drop = pipeline_drop(warehouse.pipeline, resources=[resource_name(project)], state_only=True)
        if not drop.is_empty:
            drop()
