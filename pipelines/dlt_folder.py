"""Opens a dlt pipeline whatever the state of its working folder, which is derived: where damaged, it is made again."""

import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import dlt
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.destination.exceptions import DestinationException

_PACKAGES = ("load", "normalize")
_STORAGES = (*_PACKAGES, "schemas")
_STATE_KEYS = {"_state_version", "_state_engine_version", "_local"}
_LOG = logging.getLogger(__name__)


def open_pipeline(open_: Callable[[], dlt.Pipeline], pipelines_dir: Path, name: str) -> dlt.Pipeline:
    """The pipeline that `open_` gives, after deleting its working folder if something that dlt reads is damaged in it.

    dlt 1.31.0 would fail by it each time. A line says so; days whose load dlt had not finished are loaded again.
    """
    folder = pipelines_dir / name
    for path in (pipelines_dir, folder):
        if os.path.lexists(path) and not path.is_dir():
            _LOG.warning("%s is no folder: it is made again.", path)
            path.unlink()
    damaged = next((file for file in _files(folder) if not _is_readable(file)), None)
    if damaged:
        _drop(folder, str(damaged.relative_to(folder)))
    try:
        pipeline = open_()
        # Opens its storages as well, each of which has a version.
        _pending = pipeline.has_pending_data
    except (ConfigurationException, DestinationException, PermissionError):
        raise
    except Exception:
        # Of another version of dlt, or of a shape that nobody has thought of; if that is not the cause, it fails again.
        if not folder.is_dir():
            raise
        _drop(folder, "something")
        return open_()
    return pipeline


def _drop(folder: Path, what: str) -> None:
    _LOG.warning("In dlt's working folder %s, %s is damaged: the folder is made again.", folder, what)
    shutil.rmtree(folder)


def _files(folder: Path) -> Iterator[Path]:
    """The files that dlt will read: its state, its schemas, and the whole packages that it has not loaded yet."""
    state = folder / "state.json"
    if os.path.lexists(state):
        yield state
        names = json.loads(state.read_text(encoding="utf-8")).get("schema_names") or ()
        yield from (folder / "schemas" / f"{name}.schema.json" for name in names)
    yield from (path for name in _STORAGES if (path := folder / name).is_file())
    yield from (path for name in _PACKAGES for path in folder.glob(f"{name}/[!.]*") if not path.is_dir())
    yield from folder.glob("schemas/*.schema.json")
    for pattern in ("schema.json", "load_package_state.json", "new_jobs/*.parquet", "started_jobs/*.parquet"):
        for packages in ("normalize/extracted", "load/normalized"):
            yield from folder.glob(f"{packages}/*/{pattern}")


def _is_readable(file: Path) -> bool:
    try:
        if file.suffix == ".parquet":
            # Only a run that died leaves any: most runs need not import this here.
            from pyarrow import ArrowInvalid, parquet  # noqa: PLC0415

            try:
                parquet.read_metadata(file)
            except ArrowInvalid:
                return False
            return True
        if file.name in _STORAGES or file.parent.name in _PACKAGES:
            # A file where a folder belongs.
            return False
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return file.name != "state.json" or (isinstance(content, dict) and content.keys() >= _STATE_KEYS)
