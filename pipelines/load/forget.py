"""Removes a project from the warehouse; only its queries stay in the ledger."""

from dlt.pipeline.helpers import pipeline_drop

from pipelines.errors import SettingsError, WarehouseError
from pipelines.load.dlt_errors import translate_dlt_errors
from pipelines.load.recovery import finish_pending
from pipelines.pypi.settings import Settings
from pipelines.warehouse import Warehouse, bookkeeping


def require_forgettable(project: str, settings: Settings, warehouse: Warehouse) -> None:
    """Raise unless the project may be removed.

    Raises:
        SettingsError: the settings still name the project.
        WarehouseError: the warehouse does not hold the project, or holds no other project.

    """
    if project in settings.projects:
        what = f"The settings still name the project {project!r}: the next run would load it again."
        raise SettingsError(what, remedy="Remove it from `projects` of [sources.pypi] first.")
    held = bookkeeping.projects(warehouse)
    if project not in held:
        what = f"The warehouse does not hold the project {project!r}."
        raise WarehouseError(what, remedy=f"It holds {', '.join(sorted(held)) or 'no project'}.")
    if held == {project}:
        what = f"The warehouse holds only the project {project!r}; without it the site would be empty."
        raise WarehouseError(what, remedy="Run `just run` first, which loads the projects of the settings.")


def forget_in_warehouse(project: str, settings: Settings, warehouse: Warehouse) -> None:
    """Remove the project's rows, loaded days and cursor; `transform` then removes it from the KPIs.

    If the process dies before that, the next run or the same command does the rest.

    Raises:
        WarehouseError: the warehouse cannot be written.

    """
    # A pending load package would bring the project back.
    finish_pending(warehouse)
    _drop_cursor(project, warehouse)
    bookkeeping.delete_project(warehouse, project)
    bookkeeping.track(warehouse, settings.projects)


def _drop_cursor(project: str, warehouse: Warehouse) -> None:
    """Remove the project's dlt state, here and in the warehouse, from which dlt restores a lost working folder."""
    from pipelines.pypi.source import resource_name

    with translate_dlt_errors():
        warehouse.pipeline.sync_destination()
        drop = pipeline_drop(warehouse.pipeline, resources=[resource_name(project)], state_only=True)
        if not drop.is_empty:
            drop()
