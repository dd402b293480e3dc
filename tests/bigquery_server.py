"""A BigQuery server for the tests: `local-bigquery`, started without a download, on ephemeral ports of this machine.

It runs in an environment of its own (`requirements/emulator.txt`): `python bigquery_server.py FOLDER READY_FILE`.
When it accepts connections it writes its addresses, as JSON, into READY_FILE; it ends when its standard input does.
"""

import glob
import importlib.util
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import duckdb

HOST = "127.0.0.1"
connect = duckdb.connect


def extension(name: str) -> str:
    """The file of a DuckDB extension that a package has brought."""
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    assert spec is not None and spec.origin is not None
    pattern = Path(spec.origin).parent / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    return glob.glob(str(pattern))[0]


def connect_offline(database: str = ":memory:", read_only: bool = False, config: dict[str, Any] | None = None) -> Any:
    """DuckDB's `connect`, with DuckLake from its package, and the time zone set where no extension is asked for it."""
    options = {"autoinstall_known_extensions": False} | (config or {})
    zone = options.pop("TimeZone", None)
    connection = connect(database, read_only=read_only, config=options)
    connection.execute(f"LOAD '{extension('ducklake')}'")
    if zone:
        connection.execute(f"SET GLOBAL TimeZone = '{zone}'")
    return connection


def main(folder: Path, ready_file: Path) -> None:
    duckdb.connect = connect_offline  # type: ignore[assignment]  # before the server's modules take it

    import uvicorn
    from local_bigquery.app import app
    from local_bigquery.engine import database
    from local_bigquery.grpc import server
    from local_bigquery.settings import settings
    from local_bigquery.sql import dialect

    # Geography would need another extension.
    dialect.FUNCTIONS[:] = [path for path in dialect.FUNCTIONS if path.name != "geography.sql"]
    settings.data_dir, settings.default_project_id, settings.bigquery_host = folder, "local", HOST
    database.connection()
    storage, storage_port = server.start(HOST, 0)
    rest = uvicorn.Server(uvicorn.Config(app, host=HOST, port=0, log_level="warning", timeout_graceful_shutdown=2))

    def announce() -> None:
        while not rest.started:
            time.sleep(0.01)
        port = rest.servers[0].sockets[0].getsockname()[1]
        draft = ready_file.with_suffix(".draft")
        draft.write_text(json.dumps({"rest": f"http://{HOST}:{port}", "storage": f"{HOST}:{storage_port}"}))
        draft.replace(ready_file)

    def end_with_parent() -> None:
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    for task in (announce, end_with_parent):
        threading.Thread(target=task, daemon=True).start()
    try:
        rest.run()
    finally:
        storage.stop(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
