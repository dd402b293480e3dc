"""A server of the tests in a process and an environment of its own, which may be killed and started again."""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any, Self
from urllib.request import Request, urlopen

import pytest

from tests.support.installation import ROOT

START_SECONDS = 60


class ServerProcess:
    """A module that takes a folder, a file to write its ports to, and the ports it had before, if any.

    It ends with this process, if not before. `kill` and `start` keep the folder and the ports, so that a client that
    waits can go on.
    """

    def __init__(self, folder: Path, environment: str, module: str, *options: str) -> None:
        self.folder = folder
        self._python = ROOT / environment / "bin" / "python"
        self._module = module
        self._options = options
        self._ports: dict[str, int] = {}
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, and wait until it accepts connections; skip the test where its environment cannot be had."""
        require_interpreter(self._python)
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        ports = [f"--{name}-port={port}" for name, port in self._ports.items()]
        self._process = subprocess.Popen(
            [self._python, "-m", self._module, self.folder / "data", ready, *ports, *self._options],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        )
        deadline = time.monotonic() + START_SECONDS
        while not ready.exists():
            assert self._process.poll() is None, "the server ended at once"
            assert time.monotonic() < deadline, f"the server did not start in {START_SECONDS} s"
            time.sleep(0.05)
        self._ports = json.loads(ready.read_text())

    def kill(self) -> None:
        """End it by SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.communicate()

    def wait(self) -> int:
        """Wait for a server that a fault ends; its exit code."""
        assert self._process is not None
        return self._process.wait(START_SECONDS)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def address(self, name: str) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._ports[name]}"

    def control(self, path: str, content: object = None, *, name: str) -> Any:  # noqa: ANN401 - JSON
        """Ask what only a test asks: a request with JSON, if there is content, for JSON."""
        data = None if content is None else json.dumps(content).encode()
        with urlopen(Request(f"http://{self.address(name)}/{path}", data)) as answer:
            return json.load(answer)


def require_interpreter(python: Path) -> None:
    """Skip the test if that environment is not installed; in CI, fail it."""
    if not python.exists():
        reason = f"no {python}: `just setup --with-servers` makes it, and says so where it cannot"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
