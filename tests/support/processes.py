"""Other processes that hold a warehouse, or its file, while a test runs."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.installation import ROOT

HOLD = """
import os, sys
from pipelines.warehouse.lock import exclusive_run
from pipelines.warehouse import CREDENTIALS_VARIABLE, resolve_warehouse
from tests.support.cloud import stand_in_for_process
if sys.argv[1:]:
    os.environ[CREDENTIALS_VARIABLE] = sys.argv[1]
stand_in_for_process()
with exclusive_run(resolve_warehouse()):
    print("held", flush=True)
    sys.stdin.read()
"""
OPEN = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def process(script: str, *arguments: str | Path, cwd: Path = ROOT) -> Iterator[subprocess.Popen[str]]:
    """Another process that runs the script and has printed that it holds its resource; it ends with the context."""
    with subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            yield holder
        finally:
            holder.kill()
