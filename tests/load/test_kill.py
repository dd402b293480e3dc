"""A few points of the kill harness; CONTRIBUTING.md tells how to run many."""

from itertools import islice
from pathlib import Path

import pytest

from tests.harness.kill import PHASES, Harness

SEED = 2


@pytest.fixture(scope="module")
def harness(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Harness:
    return Harness(tmp_path_factory.mktemp("kill"), demo)


@pytest.mark.parametrize("point", range(len(PHASES)), ids=PHASES)
def test_next_run_makes_what_an_undisturbed_one_makes(harness: Harness, point: int) -> None:
    """A run that is killed in any phase leaves nothing that the next run would count twice, or not at all."""
    kills = next(islice(harness.points(SEED), point, None))[:1]

    struck, different = harness.strike(f"point-{point}", kills)

    assert struck == 1, f"the run ended before {kills[0]}"
    assert different == []
