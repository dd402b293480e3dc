"""dlt's own dashboard of the pipeline; as a program, marimo, which serves it, to requests that name this machine."""

import os
import socket
import sys
from contextlib import suppress

from dlt.common.exceptions import MissingDependencyException

from pipelines.children import run_child
from pipelines.dlt_internals import dashboard_command
from pipelines.errors import SiteError
from pipelines.warehouse import PIPELINE, Warehouse
from pipelines.warehouse.lock import exclusive_run
from pipelines.warehouse.settings import CREDENTIALS_VARIABLE


def serve(warehouse: Warehouse, port: int, *, open_browser: bool) -> None:
    """Serve the dashboard on this machine only, until interrupted.

    The dashboard opens the warehouse for each query only, so other commands can run meanwhile.

    Raises:
        SiteError: its packages are not installed, the pipeline has not run yet, or the port is taken.
        WarehouseError: another process holds the warehouse, so the dashboard could not query it.

    """
    if not (warehouse.pipelines_dir / PIPELINE).exists():
        raise SiteError("The pipeline has not run yet.", remedy="`just run` runs it.")
    with exclusive_run(warehouse):
        pass
    _require_free(port)
    _marimo, *arguments = _command(warehouse, port, open_browser=open_browser)
    # dlt would find a relative path of the warehouse from where the pipeline first ran.
    named = {CREDENTIALS_VARIABLE: str(warehouse)} if warehouse.file else {}
    with suppress(KeyboardInterrupt):
        run_child([sys.executable, "-E", "-m", __name__, *arguments], os.environ | named)


def _command(warehouse: Warehouse, port: int, *, open_browser: bool) -> list[str]:
    try:
        return dashboard_command(PIPELINE, warehouse.pipelines_dir, port, open_browser=open_browser)
    except MissingDependencyException as error:
        remedy = "Install the dependency group `dashboard`; `just setup` does."
        raise SiteError("The dashboard's packages are not installed.", remedy=remedy) from error


def _require_free(port: int) -> None:
    """Raise `SiteError` if the port is taken: the dashboard's exit code would not report it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            what = f"Port {port} cannot be used: {error.strerror}."
            raise SiteError(what, remedy="Choose another with --port.") from error


def _run_marimo() -> None:
    """Run marimo's command line, whose server then refuses a request by another host's name.

    Otherwise a page of a stranger whose name leads to this machine, by DNS rebinding, could read the tables.
    """
    from marimo._cli.cli import main  # noqa: PLC0415 - optional packages
    from marimo._server.registry import MIDDLEWARE_REGISTRY  # noqa: PLC0415 - optional packages
    from starlette.middleware import Middleware  # noqa: PLC0415 - optional packages
    from starlette.middleware.trustedhost import TrustedHostMiddleware  # noqa: PLC0415 - optional packages

    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"], www_redirect=False)
    MIDDLEWARE_REGISTRY.register("hosts", hosts)
    main()


if __name__ == "__main__":
    _run_marimo()
