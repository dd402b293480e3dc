"""Serves a folder until standard input ends: `python -m tests.servers.s3_server FOLDER READY_FILE`.

When it accepts connections it writes its port, as JSON, into READY_FILE.
"""

import warnings

# Swift stands on it all the same.
warnings.filterwarnings("ignore", "\\s*Eventlet is deprecated")
import eventlet

# Must come before anything else imports sockets or threads.
eventlet.monkey_patch()

import argparse
import json
import sys
from pathlib import Path

from eventlet import hubs

from tests.servers.s3_server import swift
from tests.servers.s3_server.front import Front


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("ready_file", type=Path)
    parser.add_argument("--s3-port", type=int, default=0, help="0: any that is free")
    for name in ("access-key", "secret-key", "region"):
        parser.add_argument(f"--{name}", required=True)
    arguments = parser.parse_args()

    store = swift.start(arguments.folder, arguments.access_key, arguments.secret_key, arguments.region)
    listener = swift.listen(arguments.s3_port)
    swift.serve(listener, Front(store, arguments.access_key))

    draft = arguments.ready_file.with_suffix(".draft")
    draft.write_text(json.dumps({"s3": listener.getsockname()[1]}))
    draft.replace(arguments.ready_file)
    # Nothing is ever written to it: it is readable when the parent has ended.
    hubs.trampoline(sys.stdin.fileno(), read=True)


main()
