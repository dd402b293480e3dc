"""Removes a project that is no longer wanted, so that nothing of it is left but what it has cost."""

from collections.abc import Sequence

from dlt.pipeline.helpers import pipeline_drop
from packaging.utils import canonicalize_name

from pipelines.errors import SettingsError, WarehouseError
from pipelines.fill import forget as forget_in_lake
from pipelines.lake import Lake
from pipelines.load import finish_pending, unwrapped
from pipelines.pypi import resource_name
from pipelines.pypi.settings import Settings
from pipelines.warehouse import Warehouse


def require_forgettable(project: str, settings: Settings, warehouse: Warehouse) -> str:
    """The project's normalised name.

    Raises:
        SettingsError: the settings still name it.
        WarehouseError: the warehouse holds nothing of it, or nothing else.

    """
    name = canonicalize_name(project)
    if name in settings.projects:
        what = f"The settings still name the project {name!r}: the next run would load it again."
        raise SettingsError(what, remedy="Take it out of `projects` of [sources.pypi] first.")
    held = warehouse.projects()
    if name not in held:
        what = f"The warehouse holds nothing of the project {name!r}."
        raise WarehouseError(what, remedy=f"It holds {', '.join(sorted(held)) or 'no project'}.")
    if held == {name}:
        what = f"The warehouse holds nothing but {name!r}; without it there would be nothing to show."
        raise WarehouseError(what, remedy="`just run` first, which loads the projects of the settings.")
    return name


def forget(project: str, settings: Settings, warehouse: Warehouse, lakes: Sequence[Lake] = ()) -> None:
    """Remove the project's rows, loads and cursor, here and in the lakes; `transform` then removes it from the KPIs.

    Where it is killed before that, the next run or the same command does the rest.

    Raises:
        LakeError: a lake cannot be written.
        WarehouseError: the warehouse cannot be written.

    """
    warehouse.require_writable()
    # First, as what the warehouse still has would be written to a lake again.
    for lake in lakes:
        forget_in_lake(project, lake, warehouse)
    # What a run that died has left would bring the project back.
    finish_pending(warehouse)
    _drop_cursor(project, warehouse)
    warehouse.forget(project)
    warehouse.track(settings.projects)


def _drop_cursor(project: str, warehouse: Warehouse) -> None:
    """Remove dlt's state of the project, here and in the warehouse, from which dlt restores a folder that was lost."""
    with unwrapped():
        warehouse.pipeline.sync_destination()
        drop = pipeline_drop(warehouse.pipeline, resources=[resource_name(project)], state_only=True)
        if not drop.is_empty:
            drop()
