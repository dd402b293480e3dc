"""A run that dies by SIGKILL between a destination's commit and dlt's note of it: `python -m tests.crash TABLE FORMAT`.

It is the worst moment there is: dlt runs the job again when it resumes.
"""

import os
import signal
import sys

from dlt.common.storages.load_package import PackageStorage

from pipelines.__main__ import main

table, file_format = sys.argv[1:]
complete_job = PackageStorage.complete_job


def die_on_completion(self: PackageStorage, load_id: str, file_name: str) -> str:
    if file_name.startswith(f"{table}.") and file_name.endswith(f".{file_format}"):
        os.kill(os.getpid(), signal.SIGKILL)
    return complete_job(self, load_id, file_name)


PackageStorage.complete_job = die_on_completion  # type: ignore[method-assign]
sys.argv = ["pipelines", "run", "--no-site"]
main()
