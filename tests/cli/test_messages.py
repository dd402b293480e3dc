"""What commands say, where it was wrong, silent or cut before; each message by the cheapest means that reaches it."""

import io
import json
import socket
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from rich.console import Console

from pipelines import exports, transform
from pipelines import run as flow
from pipelines.choices import Severity
from pipelines.cli.printing import summary
from pipelines.cli.printing.alerts import show_anomalies
from pipelines.cli.printing.terminal import Terminal
from pipelines.errors import LakeError, LakeOutageError
from pipelines.lake import Lake, sync
from pipelines.lake.store_errors import translate_store_errors
from pipelines.lenses import Lens
from pipelines.load import LoadReport
from pipelines.pypi.days import CommittedDay
from pipelines.run import Published, RunReport
from pipelines.transform import Transformed
from pipelines.transform.anomalies import Anomalies, Anomaly
from pipelines.warehouse import Warehouse, bookkeeping
from tests.support.installation import Installation

DAY = date(2026, 7, 1)
NUMBERS = ("1,234,567,890", "98,765,432,100")


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """A warehouse that answers each query with one project's last week, and holds no demo data."""
    monkeypatch.setattr(bookkeeping, "origins", lambda _warehouse: set())
    rows = [("a-project-with-a-long-name", DAY, 1_234_567_890, 0.5, 98_765_432_100)]
    monkeypatch.setattr(Warehouse, "query", lambda _self, _sql: rows)
    return Warehouse(tmp_path / "warehouse.duckdb")


def printed(show: Callable[[Console], None], width: int = 120) -> str:
    output = io.StringIO()
    show(Console(file=output, width=width))
    return output.getvalue()


def shown(warehouse: Warehouse, site: Path | None, width: int = 120) -> str:
    report = RunReport(warehouse, LoadReport([]), Published([], site))
    return printed(lambda console: summary.show_summary(console, report), width)


def test_site_is_offered_only_where_there_is_one(warehouse: Warehouse, tmp_path: Path) -> None:
    """`just serve` would fail after `--no-site`."""
    assert "just serve" in shown(warehouse, tmp_path)
    assert "just serve" not in shown(warehouse, None)


@pytest.mark.parametrize("width", [40, 60, 120])
def test_no_number_is_cut(warehouse: Warehouse, width: int) -> None:
    """In a narrow terminal a number is folded: cut, it would be another number."""
    text = shown(warehouse, None, width)

    assert "…" not in text
    for number in NUMBERS:
        digits = {digit: text.count(digit) for digit in set(number) - {","}}
        assert all(count >= number.count(digit) for digit, count in digits.items())


@pytest.mark.parametrize(
    ("transformed", "said"),
    [
        (Transformed([], models_changed=True), "changed models applied"),
        (Transformed([], models_changed=False), "0 days recomputed"),
        (Transformed([DAY], models_changed=True), "1 days recomputed"),
        (Transformed([], models_changed=False, releases_changed=True), "changed releases applied"),
    ],
)
def test_step_of_changed_models_says_so(
    transformed: Transformed, said: str, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an upgrade no day is pending, but a minute passes."""
    monkeypatch.setattr(transform, "transform", lambda _warehouse: transformed)
    monkeypatch.setattr(exports, "export", lambda _warehouse: exports.Export(Path(), {}, changed=False))
    steps = Steps()

    flow.publish(warehouse, steps, with_site=False)

    assert steps.results["Compute the KPIs"] == said


class Steps:
    """Progress that keeps the last text of each step."""

    def __init__(self) -> None:
        self.results: dict[str, str] = {}
        self._title = ""

    def step(self, title: str) -> "Steps":
        self._title = title
        return self

    def __enter__(self) -> Callable[[str], None]:
        return self._update

    def __exit__(self, *_error: object) -> None:
        pass

    def _update(self, text: str) -> None:
        self.results[self._title] = text


@pytest.mark.parametrize("command", [("run",), ("backfill", "2026-07-01", "2026-07-02")])
def test_quiet_run_prints_errors_only(
    command: tuple[str, ...], project: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scheduled job that mails what is printed sends nothing on a usual day."""

    def run(_settings: object, _warehouse: object, terminal: Terminal, *_backfill: object, **_options: object) -> None:
        with terminal.step("Load"):
            terminal.console.print("1 row")
        raise LakeOutageError("The lake is away.", remedy="Wait.")

    monkeypatch.setattr("pipelines.run.run", run)
    project = project.reading(Path("source"), "one")

    done = project.cli(*command, "--quiet")

    assert ("", "Error: The lake is away.\nWait.\n") == (done.stdout, done.stderr)


def test_host_that_does_not_exist_is_named_as_such() -> None:
    """Not by the class of an error."""
    failed = EndpointConnectionError(endpoint_url="https://nowhere.invalid")
    failed.__cause__ = socket.gaierror(-2, "Name or service not known")

    with (
        pytest.raises(LakeOutageError, match="The host of the lake 'lake' was not found") as raised,
        translate_store_errors("lake"),
    ):
        raise failed

    assert "endpoint_url" in raised.value.remedy
    assert "The warehouse has the rows" not in raised.value.remedy


@pytest.mark.parametrize(
    ("origin", "advice"), [("demo", "set another `bucket_url`"), ("bigquery", "`just restore lake` loads them")]
)
def test_lake_of_demo_data_is_not_offered_for_real_downloads(
    origin: str, advice: str, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To restore it would load the demo again, which the next run refuses."""
    day = CommittedDay("one", DAY, 1, 0, origin, "1")
    monkeypatch.setattr(Lake, "require_reachable", lambda _self: None)
    monkeypatch.setattr(Lake, "manifest", lambda _self: [day])
    monkeypatch.setattr(bookkeeping, "committed_days", lambda _warehouse: [])

    with pytest.raises(LakeError, match="and the warehouse none") as raised:
        sync.check_lake(Lake("lake", str(warehouse.folder), warehouse.folder), warehouse)

    assert ("demo data" in raised.value.what) == (origin == "demo")
    assert advice in raised.value.remedy


def test_strangers_text_stays_in_its_cell() -> None:
    """A version of the log ends neither the cell nor the line of an alert."""
    anomaly = Anomaly(DAY, "one", "info", "release", 1, 1.0, 0.0, 0.0, "1.0|x\n\x1b[31m", None)
    found = Anomalies([anomaly], Severity.INFO, 7, Lens.ALL, DAY, is_demo=False)

    line = printed(lambda console: show_anomalies(console, found)).splitlines()[-1]

    assert r"| release (1.0\|x \x1b[31m) |" in line


def test_destination_that_no_run_fills_is_no_folder(
    project: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name of the settings is not silently taken for a folder of the repository; a path is."""
    monkeypatch.setenv("DESTINATION__COLD__BUCKET_URL", str(tmp_path / "bucket"))
    monkeypatch.setenv("DESTINATION__COLD__DESTINATION_TYPE", "filesystem")

    named, path = (project.cli("export", "--to", to) for to in ("cold", "./cold"))

    assert "The settings have a destination 'cold'" in named.stderr
    assert "`destinations`" in named.stderr
    assert "There are no exported marts" in path.stderr
    assert (named.returncode, path.returncode) == (1, 1)
    assert not Path("cold").exists()


JSON: dict[str, tuple[list[str], int, str]] = {
    "alerts": (["--days", "62"], 3, "rows"),
    "quarantine": (["--examples", "1"], 0, "examples"),
    "costs": ([], 0, "queries"),
    "estimate": ([], 0, "windows"),
}


@pytest.mark.slow
@pytest.mark.parametrize("command", JSON)
def test_json_is_one_document(command: str, demo_project: Installation) -> None:
    """Commands that read have `--json`: the same exit code, and nothing else in the output."""
    arguments, code, key = JSON[command]

    done = demo_project.cli(command, "--json", *arguments)

    assert done.returncode == code, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    assert isinstance(document[key], list)
    for row in document[key]:
        assert isinstance(row, dict)
        datetime.fromisoformat(row.get("day") or row["start"])
    assert bool(document[key]) == (command in {"alerts", "quarantine"})
