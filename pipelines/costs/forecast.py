"""What queries will probably bill: the share that a project has of the table, and the bytes that follow from it.

BigQuery says before a query only what whole days of the table would bill, over all projects. As the table is clustered
by project, a query reads the blocks that hold its project, mostly less than a thousandth.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipelines.costs.ledger import ExtractLedger
from pipelines.pypi.billed_queries import MIN_BYTES_BILLED, Probe, bytes_to_bill
from pipelines.pypi.settings import Settings
from pipelines.pypi.windows import DAY, Window

if TYPE_CHECKING:
    # Arrow takes a tenth of a second, which whoever only shows costs need not wait.
    from pipelines.pypi.upstreams import Upstream

UNCLUSTERED_SHARE = 0.5
"""A project that seems to have so much of a table has not: the query has read the blocks of all projects."""


@dataclass(frozen=True)
class WindowCost:
    """The bytes that reading a window will bill: at most, and as expected; `None` where nothing is known yet."""

    window: Window
    at_most: int
    expected: int | None


@dataclass(frozen=True)
class Estimate:
    """The cost of a load, window by window; `probe_bytes` are the most that asking for what is unknown can bill."""

    windows: Sequence[WindowCost]
    settings: Settings
    probe_bytes: int = 0

    @property
    def at_most(self) -> float:
        """US dollars, before BigQuery's free tier, as all amounts."""
        return self.settings.price_of(sum(cost.at_most for cost in self.windows))

    @property
    def expected(self) -> float | None:
        """US dollars; `None` where it is unknown for a window."""
        expected = [cost.expected for cost in self.windows]
        return None if None in expected else self.settings.price_of(sum(filter(None, expected)))

    @property
    def likely(self) -> float:
        """US dollars: as expected, and the most where nothing better is known."""
        return self.settings.price_of(sum(map(likely_bytes, self.windows)))


@dataclass
class Forecast:
    """The costs of windows, by the bills of earlier queries or by a probe."""

    upstream: "Upstream"
    ledger: ExtractLedger
    settings: Settings
    probes: list[Probe] = field(default_factory=list)
    unclustered: bool = False
    """Whether a probe has read so much that the table cannot be clustered by project."""
    _shares: dict[str, float | None] = field(default_factory=dict)

    def cost_of(self, window: Window) -> WindowCost:
        at_most = self.upstream.estimate(window)
        if at_most <= MIN_BYTES_BILLED:
            return WindowCost(window, at_most, at_most)
        share = self._share(window.project)
        if share is None:
            return WindowCost(window, at_most, at_most if self.unclustered else None)
        # A project without a download on the probed day has some on others: of each of those days the least.
        least = MIN_BYTES_BILLED * (1 if share else len(window.days))
        return WindowCost(window, at_most, min(at_most, max(least, bytes_to_bill(share * at_most))))

    def estimate(self, windows: Iterable[Window]) -> Estimate:
        """The cost of the windows; asks nothing that is billed."""
        costs = [self.cost_of(window) for window in windows]
        return Estimate(costs, self.settings, sum(map(self.upstream.estimate_probe, _unknown(costs))))

    def probe(self, window: Window) -> None:
        """Count the project's downloads on the window's day, which is billed, and reckon with what it has read."""
        probe = self.upstream.probe(window)
        self.probes.append(probe)
        self._shares[window.project] = probe.share
        self.unclustered = probe.share > UNCLUSTERED_SHARE

    def rows_per_day(self, window: Window) -> float:
        """The rows of a day to reckon with; 0 where they are unknown."""
        return self.ledger.rows_per_day(window.project, window.grain)

    def _share(self, project: str) -> float | None:
        if project not in self._shares:
            self._shares[project] = self.ledger.share_of(project)
        return self._shares[project]


def days_to_probe(estimate: Estimate) -> list[Window]:
    """The last day of each project about which nothing is known."""
    return _unknown(estimate.windows)


def likely_bytes(cost: WindowCost) -> int:
    return cost.at_most if cost.expected is None else cost.expected


def _unknown(costs: Iterable[WindowCost]) -> list[Window]:
    last = {cost.window.project: cost.window.end for cost in costs if cost.expected is None}
    return [Window(project, end - DAY, end) for project, end in last.items()]
