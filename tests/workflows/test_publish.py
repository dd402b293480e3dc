"""The workflow that publishes a site from a fork, with stand-ins of GitHub's API and Pages, and ClickHouse's engine."""

import os
import shutil
from pathlib import Path

import pytest
from sqlmesh import Context

from tests.servers.clickhouse import ClickHouse
from tests.servers.github import GitHub
from tests.support.few_models import write_few
from tests.support.rows import downloads, july, write
from tests.workflows.runner import Run, make_origin, stand_in_for_pip

IN_FULL = bool(os.environ.get("PUBLISH_IN_FULL"))
"""Whether all models are computed and Evidence builds the site, in minutes; or few, and a page in its place."""
ALERTS = ("marts.anomalies", "marts.anomaly_causes", "marts.load_status")
"""The marts that alerts read."""
PAGE = """
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const [, path = ""] = readFileSync("evidence.config.yaml", "utf8").match(/basePath: (\\S+)/) ?? [];
const marts = createHash("sha256").update(readFileSync(process.env.SITE_MARTS)).digest("hex");
mkdirSync("build", { recursive: true });
writeFileSync("build/index.html", `${path}/_app/ of the marts ${marts}`);
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not shutil.which("just"), reason="just is not installed"),
]


def fill(server: ClickHouse, file: Path, days: int) -> None:
    """Put so many days of July into the copy."""
    counts = dict.fromkeys(range(1, days + 1), 3)
    server.fill(write(file, downloads({"one": counts, "two": counts, "pip": counts})))
    server.faults()


def test_site_is_published_each_day_and_survives_a_run_that_fails(
    tmp_path: Path, clickhouse: ClickHouse, context: Context
) -> None:
    """A second run adds a day without asking for the first ones again; one that fails between them changes nothing.

    The one issue is opened by the run that fails, and closed by the next good one.
    """

    def make_small(work: Path) -> None:
        if not IN_FULL:
            shutil.rmtree(work / "sqlmesh")
            # One file has all of these models.
            by_value = [model.name for model in context.models.values() if model.name.startswith("marts.downloads_by_")]
            write_few(context, work / "sqlmesh", ("marts.project_summary", *ALERTS, *by_value))
            (work / "evidence" / "scripts" / "build.mjs").write_text(PAGE)

    origin = make_origin(tmp_path, make_small)
    tools = stand_in_for_pip(tmp_path / "tools")
    pages = tmp_path / "pages"

    with GitHub("you/stats") as github:

        def publish(name: str, projects: str = "one, two") -> Run:
            run = Run(
                "publish.yml",
                origin,
                tmp_path / name,
                pages,
                {
                    "vars.PYPI_PROJECTS": projects,
                    "vars.PYPI_START_DATE": "2026-07-01",
                    "github.token": "token",
                },
                {
                    "PATH": f"{tools}:/usr/local/bin:/usr/bin:/bin",
                    "GITHUB_API_URL": github.url,
                    "GITHUB_REPOSITORY": "you/stats",
                    "GITHUB_RUN_ID": "7",
                    "GITHUB_SERVER_URL": "https://github.test",
                    "SOURCES__PYPI__CLICKPY__URL": clickhouse.url,
                    "SOURCES__PYPI__CLICKPY__PAUSE": "0",
                    "SOURCES__PYPI__RELEASES__ENABLED": "false",
                },
            )
            (tmp_path / name).mkdir()
            return run()

        fill(clickhouse, tmp_path / "upstream.parquet", days=3)
        first = publish("first")

        assert first.results == dict.fromkeys(("build", "deploy", "tell"), "success"), "\n".join(first.printed)
        assert "There is no saved state" in first.outputs["summary"]
        assert "Loaded 2026-07-01 to 2026-07-03 of 2 projects" in first.outputs["summary"]
        assert "/stats/_app/" in (pages / "index.html").read_text()
        assert github.issues == []

        published = {file.name: file.read_bytes() for file in pages.iterdir() if file.is_file()}
        failed = publish("failed", projects="one; two")
        assert failed.results == {"build": "failure", "deploy": "skipped", "tell": "success"}
        assert published == {file.name: file.read_bytes() for file in pages.iterdir() if file.is_file()}
        assert [issue["title"] for issue in github.issues] == ["The daily run failed"]
        assert "'one;' is not a valid PyPI project name" in github.issues[0]["body"]
        assert "not a valid PyPI project name" in failed.outputs["summary"]

        fill(clickhouse, tmp_path / "upstream.parquet", days=4)
        second = publish("second")

        assert second.results == dict.fromkeys(("build", "deploy", "tell"), "success"), "\n".join(second.printed)
        assert "Loaded 2026-07-04 to 2026-07-04 of 2 projects" in second.outputs["summary"]
        asked = [query["asked"] for query in clickhouse.queries() if "param_start" in query["asked"]]
        assert {each["param_start"] for each in asked if each["param_project"] != "pip"} == {str(july(4))}
        assert published["index.html"] != (pages / "index.html").read_bytes()
        assert not IN_FULL or "4 July 2026" in (pages / "index.html").read_text()
        assert github.open_issues == []
