"""A part of the chaos that `just chaos` makes: no case breaks a rule, and the rules notice what they are for."""

import signal
from itertools import groupby
from pathlib import Path
from random import Random

import pytest

from tests.harness.chaos import Case, Chaos, Verdict
from tests.support.installation import Done, Installation

SEED = 1
DRAWN = {"file": 3, "table": 3, "variable": 4, "setting": 4, "key": 1, "tree": 3}
"""Cases of each kind; all of them take half a minute of CPU time."""


@pytest.mark.slow
def test_no_drawn_case_breaks_a_rule(computed: Installation, tmp_path: Path) -> None:
    """Whatever is damaged: a command ends well or says what to do, and the run afterwards is right or says so too."""
    chaos, random = Chaos(computed, tmp_path / "pristine"), Random(SEED)  # noqa: S311 - the same cases every time
    drawn: list[Case] = []
    for kind, cases in groupby(chaos.cases(), key=lambda case: case.kind):
        drawn += random.sample(list(cases), DRAWN.get(kind, 0))

    broken = [f"{case}: {violation}" for case in drawn for violation in chaos.judge(case).violations]

    assert [] == broken


RULES = {
    "signal": (Done(-signal.SIGSEGV, "", ""), "died by SIGSEGV"),
    "stack trace": (Done(1, "", "Traceback (most recent call last):\n  ...\nKeyError: 'a'\n"), "KeyError: 'a'"),
    "unforeseen": (
        Done(1, "", "Error: `just run` ended by an unexpected KeyError.\nIts trace is in x.\n"),
        "unforeseen",
    ),
    "code": (Done(7, "", "Error: it is so.\nDo this.\n"), "exit code 7"),
    "no remedy": (Done(1, "", "Error: it is so.\n"), "no remedy"),
}


@pytest.mark.parametrize(("done", "said"), RULES.values(), ids=RULES)
def test_each_rule_notices_what_it_is_for(done: Done, said: str) -> None:
    """A command that dies, is silent or shows its inside is a violation."""
    verdict = Verdict()

    assert not verdict.judge("run", done)
    [violation] = verdict.violations
    assert said in violation


def test_what_ends_well_or_says_what_to_do_breaks_no_rule() -> None:
    """An error of two lines is one that a person can act on; exit code 3 is meant."""
    verdict = Verdict()

    verdict.judge("run", Done(0, "Loaded.\n", ""))
    verdict.judge("run", Done(1, "", "Error: it is so.\nDo this.\n"))
    verdict.judge("alerts", Done(3, "an anomaly\n", ""))

    assert ([], {"ended well": 2, "said what to do": 1}) == (verdict.violations, dict(verdict.outcomes))
