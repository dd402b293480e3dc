"""Killed at random points and resumed, a warehouse is as one that nothing has disturbed; `tests.kill` tries more."""

from itertools import islice
from pathlib import Path

import pytest

from tests.kill import PHASES, Harness

SEED = 1


@pytest.fixture(scope="module")
def harness(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Harness:
    return Harness(tmp_path_factory.mktemp("kills"), demo)


@pytest.mark.parametrize("number", range(len(PHASES)), ids=PHASES)
def test_killed_runs_end_exact(harness: Harness, number: int) -> None:
    """Rows, marts, exports and the files left are the same, whichever phase the first of the kills has struck."""
    kills = next(islice(harness.points(SEED), number, None))

    struck, different = harness.strike(f"point-{number}", kills)

    assert different == []
    assert struck > 0
