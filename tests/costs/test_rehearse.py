"""`just rehearse`: the first load of a month, on a server that bills like the real table."""

from datetime import date
from pathlib import Path

import pytest

from pipelines.run import Published
from tests.harness.rehearse import Downloads, rehearse

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("grain", "bound"), [("row", 100), ("day", 50)])
def test_first_month_is_billed_as_expected(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grain: str, bound: float
) -> None:
    """By default it passes, at a bound of hundreds of dollars and within twice what is expected, which is cents."""
    monkeypatch.setattr("pipelines.run.publish", lambda *_arguments, **_options: Published([], None))
    said: list[str] = []

    found = rehearse(tmp_path, Downloads(demo, "copper-kettle", date(2026, 7, 1)), said.append, grain)

    assert found["exit"] == 0
    assert found["at_most_usd"] > bound
    assert found["expected_usd"] / 2 < found["billed_usd"] < min(1, 2 * found["expected_usd"])
    assert found["rows"] > 10_000
    estimate, strict, *_ = said
    assert "unknown" in estimate
    assert "Error: The load costs at most" in strict
