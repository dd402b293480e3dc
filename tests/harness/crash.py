"""A run that dies by SIGKILL after a destination's commit: `python -m tests.harness.crash MOMENT TABLE FORMAT`.

The moment is a method of dlt's package storage: `save_pending_transition` is dlt's first note of the commit, and to die
before it is the worst there is, as dlt runs the job again when it resumes; `complete_job` is its second.
"""

import os
import signal
import sys

from dlt.common.storages.load_package import PackageStorage

from pipelines.cli import main
from tests.support.cloud import stand_in_for_process

moment, table, file_format = sys.argv[1:]
note = getattr(PackageStorage, moment)


def die(self: PackageStorage, load_id: str, file_name: str, *arguments: object) -> object:
    if file_name.startswith(f"{table}.") and file_name.endswith(f".{file_format}"):
        os.kill(os.getpid(), signal.SIGKILL)
    return note(self, load_id, file_name, *arguments)


setattr(PackageStorage, moment, die)
stand_in_for_process()
sys.argv = ["pipelines", "run", "--no-site"]
main()
