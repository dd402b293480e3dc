"""Serves a folder until standard input ends: `python -m tests.servers.bigquery_server FOLDER READY_FILE`.

When it accepts connections it writes its addresses, as JSON, into READY_FILE.
"""

import argparse
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from tests.servers.bigquery_server import offline

HOST = "127.0.0.1"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("ready_file", type=Path)
    for name in ("rest-port", "storage-port"):
        parser.add_argument(f"--{name}", type=int, default=0, help="0: any that is free")
    parser.add_argument("--batch-rows", type=int, default=1_000)
    parser.add_argument("--stream-rows", type=int, default=5_000)
    arguments = parser.parse_args()

    offline.install()
    import uvicorn
    from local_bigquery.app import app
    from local_bigquery.engine import database
    from local_bigquery.settings import settings

    from tests.servers.bigquery_server import billing, storage
    from tests.servers.bigquery_server.faults import Faults
    from tests.servers.bigquery_server.rest import Additions

    faults = Faults()
    log: list[dict[str, Any]] = []
    account = billing.Account()
    storage.install(faults, account, log, arguments.batch_rows, arguments.stream_rows)
    billing.install(account)
    Additions(faults, account, log).install(app)
    from local_bigquery.grpc import server

    settings.data_dir, settings.default_project_id, settings.bigquery_host = arguments.folder, "local", HOST
    database.connection()
    grpc_server, storage_port = server.start(HOST, arguments.storage_port)
    config = uvicorn.Config(app, host=HOST, port=arguments.rest_port, log_level="warning", timeout_graceful_shutdown=2)
    rest_server = uvicorn.Server(config)

    def announce() -> None:
        while not rest_server.started:
            time.sleep(0.01)
        rest_port = rest_server.servers[0].sockets[0].getsockname()[1]
        draft = arguments.ready_file.with_suffix(".draft")
        draft.write_text(json.dumps({"rest": rest_port, "storage": storage_port}))
        draft.replace(arguments.ready_file)

    def end_with_parent() -> None:
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    for task in (announce, end_with_parent):
        threading.Thread(target=task, daemon=True).start()
    try:
        rest_server.run()
    finally:
        grpc_server.stop(1)


main()
