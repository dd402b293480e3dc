"""A first load that needs more queries than a run may send: it arrives over several runs."""

import json
from pathlib import Path

import pytest
import yaml

from tests.servers.clickhouse import ClickHouse
from tests.support.installation import ROOT, Installation
from tests.support.rows import downloads, write

DAYS = 6


@pytest.mark.slow
def test_history_beyond_the_bound_of_a_run_arrives_over_several(tmp_path: Path, clickhouse: ClickHouse) -> None:
    """Each run keeps what it has loaded before its last query, because it commits little at once; the next goes on."""
    counts = dict.fromkeys(range(1, DAYS + 1), 3)
    clickhouse.fill(write(tmp_path / "upstream.parquet", downloads({"one": counts, "two": counts, "pip": counts})))
    settings = {"PROJECTS": json.dumps(["one", "two"]), "START_DATE": "2026-07-01", "CHUNK_ROWS": "6"}
    project = Installation(tmp_path / "data", {**clickhouse.settings, **settings, "CLICKPY__MAX_QUERIES": "11"})

    loaded: list[int] = []
    while not loaded or len(loaded) < DAYS:
        report = project.load()
        loaded.append(sum(len(window.days) for window in report.windows))
        if report.complete:
            break

    assert sum(loaded) == 2 * DAYS
    assert len(loaded) > 1
    assert all(loaded)


def test_the_workflow_commits_little_at_once() -> None:
    """With the default, of five million rows, all of a first load would be one chunk, of which nothing is kept."""
    settings = yaml.safe_load((ROOT / ".github" / "workflows" / "publish.yml").read_text())["env"]

    assert int(settings["SOURCES__PYPI__CHUNK_ROWS"]) <= 500_000
