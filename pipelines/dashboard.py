"""dlt's own pipeline dashboard, without the separately licensed package that `dlt dashboard` asks for.

The dashboard is part of the open-source wheel, as a private module: this one wraps it, and a test holds it to that.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path

from dlt.common.exceptions import MissingDependencyException

from pipelines.errors import SiteError
from pipelines.lock import only_run
from pipelines.warehouse import PIPELINE, Warehouse


def serve(warehouse: Warehouse, port: int, *, open_browser: bool) -> None:
    """Serve the dashboard on this machine only, until interrupted.

    It opens the warehouse for each of its queries only, so other commands may run while it is shown.

    Raises:
        SiteError: its packages are not installed, the pipeline has not run yet, or the port is taken.
        WarehouseError: another process is at work in the warehouse, so that no query of the dashboard could succeed.

    """
    if not (warehouse.folder / "dlt" / PIPELINE).exists():
        raise SiteError("The pipeline has not run yet.", remedy="`just run` runs it.")
    with only_run(warehouse):
        pass
    _require_free(port)
    subprocess.run(  # noqa: S603 - dlt's own command
        _command(warehouse, port, open_browser=open_browser), env=_environment(), check=False
    )


def _command(warehouse: Warehouse, port: int, *, open_browser: bool) -> list[str]:
    try:
        from dlt._workspace.helpers.dashboard.runner import run_dashboard_command  # noqa: PLC0415 - optional packages
    except MissingDependencyException as error:
        remedy = "Install the dependency group `dashboard`; `just setup` does."
        raise SiteError("The dashboard's packages are not installed.", remedy=remedy) from error
    return run_dashboard_command(
        pipeline_name=PIPELINE,
        pipelines_dir=str((warehouse.folder / "dlt").resolve()),
        port=port,
        host="127.0.0.1",
        headless=not open_browser,
    )


def _require_free(port: int) -> None:
    """Raise `SiteError` where the port is taken: the dashboard would end without an exit code that says so."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            what = f"Port {port} cannot be used: {error.strerror}."
            raise SiteError(what, remedy="Choose another with --port.") from error


def _environment() -> dict[str, str]:
    """With the command beside the interpreter, which is found also where its environment is not activated."""
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
