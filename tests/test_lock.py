"""Two runs at once: the second stops before it reads anything."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.errors import WarehouseError
from pipelines.lock import only_run
from tests.project import ROOT, Project

HOLD = """
import sys
from pathlib import Path
from pipelines.lock import only_run
with only_run(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen[str]:
    """Another process that holds the folder until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_second_run_names_the_holder(holder: subprocess.Popen[str], demo: Path, tmp_path: Path) -> None:
    """It stops at once, says which process is at work, and has read and made nothing."""
    project = Project.of_demo(tmp_path, demo)
    try:
        done = project.cli()
    finally:
        holder.communicate()

    assert done.returncode == 1
    assert f"Another run is at work in {tmp_path}: process {holder.pid} on " in done.stderr
    assert not project.file.exists()


def test_lock_of_a_dead_process_does_not_block(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    """A process that was killed holds nothing any more."""
    with pytest.raises(WarehouseError), only_run(tmp_path):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.communicate()

    with only_run(tmp_path):
        pass
