"""What upstreams that bill nothing have in common."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import date

from pipelines.pypi.billed_queries import Probe
from pipelines.pypi.windows import Window


class FreeUpstream(ABC):
    """The part of an `Upstream` that is about bills, for one whose rows may be counted and read for nothing."""

    @abstractmethod
    def count_days(self, project: str, start: date, end: date) -> Mapping[date, int]:
        """The project's rows on the days of `[start, end)` that have some."""

    def estimate(self, window: Window) -> int:
        """0: reading is free."""
        del window
        return 0

    def estimate_probe(self, window: Window) -> int:
        """0: counting is free."""
        del window
        return 0

    def probe(self, window: Window) -> Probe:
        """Count the window's rows; nothing is billed, so the share of the table is nobody's concern."""
        return Probe(window, sum(self.count_days(window.project, window.start, window.end).values()), 1)

    def settle_open_queries(self) -> Sequence[Window]:
        """None: no query was billed."""
        return ()
