"""Measures how a package with many downloads a day is read from ClickHouse: `python -m tests.harness.busy`.

The downloads are generated. The server is one of this machine, with the limits of the public copy's user; a pause
between queries, as with the public one, is added to the seconds.
"""

import argparse
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from rich.console import Console

from pipelines.pypi.clickpy_settings import ClickpySettings
from pipelines.pypi.settings import Settings
from pipelines.pypi.upstreams.clickpy import ClickpyUpstream
from pipelines.pypi.windows import Window
from tests.servers.clickhouse import ClickHouse

FIRST_DAY = date(2026, 7, 1)
LIMITS = {
    "max_rows_to_read": 10**9,
    "max_bytes_to_read": 50 * 10**9,
    "max_result_rows": 10_000,
    "max_result_bytes": 10**7,
    "max_execution_time": 60,
}
"""Of the public copy's user."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--downloads", type=int, default=60_000_000, help="of each day")
    parser.add_argument("--days", type=int, default=3)
    arguments, console = parser.parse_args(), Console(highlight=False)
    window = Window("busy", FIRST_DAY, FIRST_DAY + timedelta(days=arguments.days), "day")
    with TemporaryDirectory() as folder, ClickHouse(Path(folder)) as server:
        started = monotonic()
        server.generate(window.project, window.start, arguments.days, arguments.downloads)
        console.print(
            f"{arguments.days} days of {arguments.downloads:,} generated downloads in {monotonic() - started:.0f} s"
        )
        server.limit(**LIMITS)
        settings = Settings(projects=[window.project], start_date=window.start.isoformat(), upstream="clickpy")
        settings.clickpy = ClickpySettings(url=server.url, max_queries=10_000)
        server.faults()
        started, counts, downloads = monotonic(), 0, 0
        for table in ClickpyUpstream(settings, datetime.now(UTC)).read(window):
            counts += table.num_rows
            downloads += sum(table["log_rows"].to_pylist())
        seconds, queries = monotonic() - started, server.queries()
    assert downloads == arguments.days * arguments.downloads, downloads
    waited = (len(queries) - 1) * settings.clickpy.pause
    console.print(
        f"{counts:,} counts read in {seconds:.0f} s, {waited:.0f} s of them pauses, by {len(queries)} queries"
    )


if __name__ == "__main__":
    main()
