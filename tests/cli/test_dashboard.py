"""dlt's own dashboard, from the open-source wheel."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError
from playwright.sync_api import expect

from tests.support.chromium import launch_chromium
from tests.support.installation import ROOT, Installation

START_SECONDS = 60
WAIT = 60_000  # milliseconds
ATTEMPTS = 4
ALL_TEXT = """
() => {
    const text = (node) => [...node.childNodes].map(
        (child) => child.nodeType === Node.TEXT_NODE ? child.data : text(child.shadowRoot ?? child)
    ).join(" ");
    return text(document.body).replace(/\\s+/g, " ");
}
"""
"""The page's text, also that of marimo's own elements."""


@pytest.fixture(scope="module")
def dashboard(demo_project: Installation) -> Iterator[str]:
    """The address of the dashboard of the demo's pipeline, served by the command line."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "pipelines", "dashboard", "--no-browser", "--port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, env=os.environ | demo_project.environment, start_new_session=True)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address, server)
        yield address
    finally:
        os.killpg(server.pid, 15)
        server.wait(timeout=30)


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, "the dashboard ended at once"
        try:
            urllib.request.urlopen(address, timeout=1).close()
        except (URLError, OSError):
            time.sleep(0.5)
        else:
            return
    pytest.fail(f"no dashboard at {address} after {START_SECONDS} s")


def test_dashboard_shows_the_last_run_and_the_table_with_its_rows(dashboard: str, demo_project: Installation) -> None:
    """A person sees that the last run succeeded, its load package, the table, and how many rows it has."""
    [(downloads,)] = demo_project.query("SELECT COUNT(*) FROM raw.file_downloads")
    with launch_chromium() as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 2000})
        rows = page.get_by_text(f"{downloads}").or_(page.get_by_text(f"{downloads:,}")).first
        # The page is there before it listens: a click may come too early, and a person would reload and click again.
        # Not looked for twice: the counts go when a cell that was still at work renders the table anew.
        for _ in range(ATTEMPTS):
            page.goto(dashboard)
            expect(page.get_by_text("succeeded")).to_be_visible(timeout=WAIT)
            expect(page.get_by_text("loaded", exact=True)).to_be_visible(timeout=WAIT)
            expect(page.get_by_text("file_downloads", exact=True).first).to_be_visible(timeout=WAIT)
            page.get_by_role("button", name="Load row counts").click()
            with suppress(PlaywrightTimeoutError):
                rows.wait_for(timeout=WAIT / 2)
                break
        else:
            pytest.fail(page.evaluate(ALL_TEXT))

        # It does not keep the DuckDB file to itself: other commands work beside the open page.
        done = demo_project.cli("quarantine")
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("host", "code"), [("example.org", 400), ("127.0.0.1", 200), ("localhost", 200)])
def test_request_by_another_name_is_refused(dashboard: str, host: str, code: int) -> None:
    """A page of a stranger whose name leads to this machine reads neither tables nor the server's token."""
    request = urllib.request.Request(dashboard, headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            status = answer.status
    except HTTPError as refused:
        status = refused.code

    assert status == code


def test_taken_port_is_one_message(demo_project: Installation) -> None:
    """A port that something else serves is named, with the option that chooses another, and the exit code says so."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = demo_project.cli("dashboard", "--no-browser", "--port", str(port))

    assert done.returncode == 1
    assert f"Port {port} cannot be used" in done.stderr
    assert "--port" in done.stderr


def test_dlt_itself_inspects_the_pipeline_from_the_root(demo_project: Installation) -> None:
    """The commands of docs/loads.md show the state and the last run; the folder is that of the warehouse."""
    lines = re.findall(r"^\.venv/bin/(dlt pipeline .+)$", (ROOT / "docs" / "loads.md").read_text(), re.MULTILINE)
    printed = {}
    for line in lines:
        words = line.replace("data/dlt", str(demo_project.folder / "dlt")).split()
        command = [str(Path(sys.executable).with_name(words[0])), *words[1:]]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        printed[words[-1]] = done.stdout

    assert "destination_name: warehouse" in printed["info"]
    assert "COMPLETED" in printed["trace"]
