"""A few points of the kill harness, without its delays: where they strike is certain. CONTRIBUTING.md runs many."""

import shutil
from dataclasses import replace
from itertools import islice

import pytest
from sqlmesh import Context

from tests.harness.kill import PHASES, Harness, Kill
from tests.support.installation import Installation
from tests.support.models import marts_of_loads

pytestmark = pytest.mark.slow

SEED = 2


@pytest.fixture(scope="module")
def harness(computed_once: Installation, tmp_path_factory: pytest.TempPathFactory) -> Harness:
    """A run that adds two days and replaces one, in several chunks."""
    wanted = computed_once.with_settings(END_DATE="2026-07-13", LAG_DAYS="1", CHUNK_ROWS="5")
    return Harness(tmp_path_factory.mktemp("kill"), wanted)


@pytest.fixture(scope="module")
def unexported(harness: Harness, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """What the run makes up to the exports, which are those from before it."""
    project = harness.undisturbed.copy(tmp_path_factory.mktemp("unexported") / "data")
    shutil.rmtree(project.folder / "exports")
    shutil.copytree(harness.base.folder / "exports", project.folder / "exports")
    return project


def kill_in(harness: Harness, phase: str) -> list[Kill]:
    return [replace(next(islice(harness.points(SEED), PHASES.index(phase), None))[0], delay=0)]


@pytest.mark.parametrize("phase", ["extract", "normalize", "load"])
def test_next_load_makes_what_an_undisturbed_one_makes(harness: Harness, phase: str) -> None:
    """A load that is killed in any phase leaves nothing that the next one would count twice, or not at all."""
    assert (1, []) == harness.strike(phase, kill_in(harness, phase), publish=False)


def test_undisturbed_run_computes_what_the_models_make_of_its_loads(harness: Harness, context: Context) -> None:
    """A run that adds days to those with KPIs, and replaces one, leaves the marts of a run that loads all at once."""
    assert marts_of_loads(context, harness.undisturbed) == harness.undisturbed.marts()


def test_next_run_computes_what_an_undisturbed_one_computes(harness: Harness) -> None:
    """A run that is killed while KPIs are computed leaves their days to the next one."""
    assert (1, []) == harness.strike("transform", kill_in(harness, "transform"))


def test_next_run_exports_what_an_undisturbed_one_exports(harness: Harness, unexported: Installation) -> None:
    """A run that is killed while marts are exported leaves the old exports or the new, and the next one the new."""
    assert (1, []) == harness.strike("export", kill_in(harness, "export"), unexported)
