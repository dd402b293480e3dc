"""Removes a project, or the last days, from the warehouse; only the queries stay in the ledger."""

from collections.abc import Sequence
from datetime import date

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


def projects_with_days(start: date, project: str | None, warehouse: Warehouse) -> dict[str, int]:
    """The number of loaded days from `start` on, by project, or of one project.

    Raises:
        WarehouseError: there is none, or no project has a day before them.

    """
    loaded = bookkeeping.loaded_days(warehouse)
    chosen = {name: sum(day >= start for day in loaded[name]) for name in loaded if project in (None, name)}
    if not any(chosen.values()):
        what = f"No day from {start} on is loaded{f' of {project!r}' if project else ''}."
        raise WarehouseError(what, remedy="`just run` loads the days that are missing.")
    if not any(day < start or name not in chosen for name, days in loaded.items() for day in days):
        what = f"The warehouse holds no day before {start}; without any the site would be empty."
        raise WarehouseError(what, remedy="Name a later day, or delete the warehouse's file to start over.")
    return {name: days for name, days in chosen.items() if days}


def forget_in_warehouse(
    projects: Sequence[str], settings: Settings, warehouse: Warehouse, start: date = date.min
) -> None:
    """Remove the projects' rows and loaded days from `start` on, and cursors; `transform` mends the KPIs.

    If the process dies before that, the next run or the same command does the rest.

    Raises:
        WarehouseError: the warehouse cannot be written.

    """
    # A pending load package would bring the days back.
    finish_pending(warehouse)
    for project in projects:
        _drop_cursor(project, warehouse)
    bookkeeping.delete_days(warehouse, projects, start)
    bookkeeping.track(warehouse, settings.projects)


def _drop_cursor(project: str, warehouse: Warehouse) -> None:
    """Remove the project's dlt state, here and in the warehouse, from which dlt restores a lost working folder."""
    from pipelines.pypi.source import resource_name

    with translate_dlt_errors():
        warehouse.pipeline.sync_destination()
        drop = pipeline_drop(warehouse.pipeline, resources=[resource_name(project)], state_only=True)
        if not drop.is_empty:
            drop()
