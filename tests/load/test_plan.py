"""What may be loaded is bounded by the upstream's own time, and never by this machine's clock alone."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import cast

import pytest

from pipelines.errors import WarehouseError
from pipelines.load.plan import LoadRequest, plan
from pipelines.pypi.settings import resolve_settings
from pipelines.pypi.upstreams import Upstream
from pipelines.pypi.windows import Window
from pipelines.warehouse import resolve_warehouse
from tests.support.installation import Installation
from tests.support.rows import download, july, write

RIGHT = datetime(2026, 7, 5, 12, tzinfo=UTC)
AHEAD = datetime(2027, 7, 5, 12, tzinfo=UTC)


@dataclass
class Clock:
    """A table that is still being filled, like BigQuery's, with a clock of its own."""

    time: datetime | None

    def file_days(self, _project: str) -> dict[object, object]:
        return {}

    def available_until(self, _project: str, _end: date | None) -> None:
        return None


def planned(project: Installation, now: datetime, time: datetime | None) -> list[Window]:
    with project.warehouse():
        request = LoadRequest(resolve_settings(), resolve_warehouse(), now)
        return list(plan(request, cast("Upstream", Clock(time))).windows)


def test_machine_whose_clock_is_wrong_loads_what_upstream_has(project: Installation) -> None:
    """A year ahead, it loads up to upstream's last settled day; behind, it waits."""
    one = project.with_settings(PROJECTS='["one"]', START_DATE="2026-07-01", PARQUET_PATH="unused")

    assert [Window("one", july(1), july(4))] == planned(one, AHEAD, RIGHT)
    assert [Window("one", july(1), july(4))] == planned(one, RIGHT, AHEAD)


def test_days_that_are_not_over_stop_the_run_by_upstreams_clock(project: Installation) -> None:
    """Whatever this machine says: a day that upstream has not reached was loaded by mistake."""
    one = project.reading(write(project.folder / "rows.parquet", [download(july(7))]), "one")
    one.load()

    with pytest.raises(WarehouseError, match=r"Today is 2026-07-05, but 3 days .*2026-07-05 to 2026-07-07\.\n"):
        planned(one, AHEAD, RIGHT)
    assert [] != planned(one, AHEAD, AHEAD)
