"""All uses of dlt's private API, which has no public counterpart in dlt 1.31; look here first when dlt is upgraded."""

from collections.abc import Iterator
from pathlib import Path

import dlt
from dlt.common.storages.load_package import PackageStorage, ParsedLoadJobFileName


def extracted_packages(pipeline: dlt.Pipeline) -> PackageStorage:
    """The packages that dlt has extracted and not yet normalized."""
    return pipeline._get_normalize_storage().extracted_packages  # noqa: SLF001 - see the module's docstring


def save_schemas(pipeline: dlt.Pipeline, packages: PackageStorage) -> None:
    """Save the schemas of the packages as the schemas of the pipeline."""
    for load_id in packages.list_packages():
        pipeline._schema_storage.save_schema(packages.load_schema(load_id))  # noqa: SLF001 - see the module's docstring


def unfinished_jobs(pipeline: dlt.Pipeline) -> Iterator[tuple[ParsedLoadJobFileName, Path]]:
    """The jobs of normalized packages that dlt will run, or run again, each with its file."""
    packages = pipeline._get_load_storage().normalized_packages  # noqa: SLF001 - see the module's docstring
    for load_id in pipeline.list_normalized_load_packages():
        for file, _ in packages.list_retried_new_jobs(load_id):
            yield ParsedLoadJobFileName.parse(file), Path(packages.storage.make_full_path(file))


def dashboard_command(pipeline_name: str, pipelines_dir: Path, port: int, *, open_browser: bool) -> list[str]:
    """The command that serves dlt's dashboard of a pipeline on this machine only.

    The dashboard is part of the open-source wheel; only the command `dlt dashboard` asks for a licensed package.

    Raises:
        MissingDependencyException: the packages of the dependency group `dashboard` are not installed.

    """
    from dlt._workspace.helpers.dashboard.runner import run_dashboard_command  # noqa: PLC0415 - optional packages

    return run_dashboard_command(
        pipeline_name=pipeline_name,
        pipelines_dir=str(pipelines_dir),
        port=port,
        host="127.0.0.1",
        headless=not open_browser,
    )
