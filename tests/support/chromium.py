"""A headless Chromium for the tests of the site: found on this machine, or installed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Error, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
INSTALL_SECONDS = 600

# Chromium looks up its vendor's hosts at every start unless told not to.
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)


class ChromiumNotFoundError(Exception):
    """No Chromium was found, and none could be installed."""


def launch_arguments() -> list[str]:
    """Chromium's own arguments; it stays in its sandbox, except as root, where it would refuse to start."""
    return [*QUIET, "--no-sandbox"] if _is_root() else [*QUIET]


def find_chromium() -> Path | None:
    """The executable of the system's Chromium or of Playwright's download, whichever there is."""
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    with sync_playwright() as playwright:
        downloaded = Path(playwright.chromium.executable_path)
    return downloaded if downloaded.exists() else None


def ensure_chromium() -> Path:
    """Find a Chromium, or install one: Playwright's, else the system's package.

    Raises ChromiumNotFoundError, with the output of each attempt, if neither can be installed.
    """
    if found := find_chromium():
        return found
    attempts = []
    for commands in _installations():
        said = _run(commands)
        if found := find_chromium():
            return found
        attempts.append(said)
    msg = (
        f"no Chromium for the tests of the site: none of {', '.join(NAMES)} is on PATH, and Playwright has none. "
        "Install one: `apt-get install chromium` as root, or `playwright install chromium`."
    )
    msg = "\n".join([msg, *attempts])
    raise ChromiumNotFoundError(msg)


@contextmanager
def launch_chromium() -> Iterator[Browser]:
    """Open a headless Chromium, and close it at the end."""
    executable = ensure_chromium()
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=executable, args=launch_arguments())
        except Error as error:
            msg = f"{executable} does not start: {error.message}"
            raise ChromiumNotFoundError(msg) from error
        try:
            yield browser
        finally:
            browser.close()


def _installations() -> Iterator[list[list[str]]]:
    """Ways to install a Chromium, each a list of commands, the least intrusive first."""
    yield [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get"):
        if _is_root():
            prefix = []
        elif shutil.which("sudo"):
            prefix = ["sudo", "--non-interactive"]
        else:
            return
        yield [
            [*prefix, "apt-get", "update", "--quiet"],
            [*prefix, "apt-get", "install", "--quiet", "--yes", "--no-install-recommends", "chromium"],
        ]


def _run(commands: list[list[str]]) -> str:
    """Run commands until one fails; what the last one said, in short."""
    said = ""
    for command in commands:
        try:
            run = subprocess.run(
                command,
                check=False,
                capture_output=True,
                text=True,
                timeout=INSTALL_SECONDS,
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            )
        except subprocess.TimeoutExpired:
            return f"{' '.join(command)}: not done after {INSTALL_SECONDS} s"
        lines = (run.stderr or run.stdout).strip().splitlines()
        said = f"{' '.join(command)}: exit {run.returncode}: {' '.join(lines[-3:])}"
        if run.returncode != 0:
            break
    return said


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0
