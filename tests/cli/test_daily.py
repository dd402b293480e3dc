"""The scheduled job of docs/alerts.md, run as cron runs it, with stand-ins for `just` and `mail`."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.installation import ROOT

JUST = """#!/bin/sh
[ "$(pwd)" = {folder} ] || exit 9
case "$*" in
run) echo "the run's output"; exit {run} ;;
"alerts --days 2") echo "| an alert |"; echo "a reason" >&2; exit {alerts} ;;
esac
exit 9
"""
MAIL = """#!/bin/sh
[ {mail} = 0 ] || exit {mail}
[ "$1 $2 $3" = "-s PyPI downloads you@example.org" ] && cat >> {folder}/mails
"""


@dataclass(frozen=True)
class Ended:
    """The exit code of the job, what cron would mail itself, and the mails that the job has sent."""

    code: int
    printed: str
    mails: str


def scheduled(folder: Path, *, run: int | None = 0, alerts: int = 0, mail: int = 0) -> Ended:
    """Run the crontab of the document in an installation whose commands end with these codes."""
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    tools = folder / "bin"
    tools.mkdir()
    for name, text in {"just": JUST, "mail": MAIL}.items():
        if name != "just" or run is not None:
            (tools / name).write_text(text.format(folder=folder, run=run, alerts=alerts, mail=mail))
            (tools / name).chmod(0o755)
    [(path, line)] = re.findall(
        r"```\nPATH=(.+)\n30 6 \* \* \* (.+)\n```", (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    )
    done = subprocess.run(
        ["/bin/sh", "-c", line.replace("/home/you/duckdb-evidence-insights", str(folder))],
        cwd="/",
        env={"PATH": path.replace("/home/you/.local/bin:/usr/local/bin", str(tools)), "HOME": "/", "SHELL": "/bin/sh"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    mails = folder / "mails"
    return Ended(done.returncode, done.stdout, mails.read_text() if mails.exists() else "")


def test_usual_day_sends_nothing(tmp_path: Path) -> None:
    """No mail, no output, exit code 0."""
    assert scheduled(tmp_path) == Ended(0, "", "")


def test_unusual_day_is_mailed(tmp_path: Path) -> None:
    """The mail is what `just alerts` printed, and nothing else; the job did what it should."""
    assert scheduled(tmp_path, alerts=3) == Ended(0, "", "| an alert |\n")


def test_run_that_fails_is_mailed_and_no_alert_of_an_earlier_day(tmp_path: Path) -> None:
    """Alerts of the last day that was loaded would pass for today's."""
    ended = scheduled(tmp_path, run=1, alerts=3)

    assert ended.code == 1
    assert "just run failed" in ended.mails
    assert "the run's output" in ended.mails
    assert "an alert" not in ended.mails


@pytest.mark.parametrize("code", [1, 2, 130])
def test_alerts_that_fail_are_mailed(tmp_path: Path, code: int) -> None:
    """A mail without text would look like a quiet day."""
    ended = scheduled(tmp_path, alerts=code)

    assert ended.code == 1
    assert "just alerts failed" in ended.mails
    assert "a reason" in ended.mails


def test_missing_command_is_mailed(tmp_path: Path) -> None:
    """Cron's PATH is short."""
    ended = scheduled(tmp_path, run=None)

    assert ended.code == 1
    assert "just run failed" in ended.mails
    assert "not found" in ended.mails


def test_mail_that_cannot_be_sent_is_printed(tmp_path: Path) -> None:
    """Cron then mails it to the user of the machine."""
    ended = scheduled(tmp_path, alerts=3, mail=1)

    assert ended.code == 1
    assert "could not be sent" in ended.printed
    assert "| an alert |" in ended.printed
