"""Quarantine: what broken rows leave behind, what is shown of them, and how they leave it."""

import re
from pathlib import Path

import duckdb
import pytest
from sqlmesh import Context

from pipelines.errors import ContractError
from pipelines.pypi import contract, validation
from pipelines.pypi.contract import Rule
from tests.support.installation import Installation
from tests.support.models import Models
from tests.support.rows import download, july, write

pytestmark = pytest.mark.slow

DAYS = [july(1), july(2), july(3)]
HOSTILE = "[red]x[/red][/] \x1b[2J\x9b2J\r\n; \u202e (input 'y') \U0001f40d" + "p" * 1025


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Good rows on three days, a bad one on the first two, and one on the second that is bad twice."""
    bad = [download(DAYS[0], country_code="xx"), download(DAYS[1], country_code="yy")]
    worse = download(DAYS[1], country_code="zz", file__type="bdist_conda")
    two = download(DAYS[2], "two", file__project="one")
    good = [download(day, name) for day in DAYS for name in ("one", "two")]
    return write(tmp_path / "source" / "rows.parquet", [*good, *bad, worse, two])


@pytest.fixture
def broken(project: Installation, source: Path) -> Installation:
    return project.reading(source, "one", "two", TOLERANCE="1")


def test_counts_by_project_and_reason(broken: Installation) -> None:
    """Each reason has its rows, their share of the project's, and their first and last day; values do not split it."""
    broken.load()

    done = broken.cli("quarantine", "--examples", "0")

    assert "4 of 10 rows are in quarantine" in done.stdout
    assert re.search(
        r"^one +country_code: String should match.* 3 +50\.0000% +2026-07-01 +2026-07-02$", done.stdout, re.MULTILINE
    )
    assert re.search(
        r"^one +file\.type: Input should be.* 1 +16\.6667% +2026-07-02 +2026-07-02$", done.stdout, re.MULTILINE
    )
    assert re.search(r"^two +Value error, file\.project is not .* 1 +25\.0000% +2026-07-03", done.stdout, re.MULTILINE)
    assert "{" not in done.stdout


def test_examples_show_the_value_and_the_row(broken: Installation) -> None:
    """Below the counts each reason has its first rows, with the value that broke it and the whole content."""
    broken.load()

    done = broken.cli("quarantine", "--project", "One", "--examples", "2")

    [codes, types] = done.stdout.split("\none: ")[1:]
    assert re.findall(r"  (2026-07-0\d) \(input '(\w\w)'\)", codes) == [("2026-07-01", "xx"), ("2026-07-02", "yy")]
    assert "2026-07-02 (input 'bdist_conda')" in types
    assert '"tls_cipher": "AES128-GCM"}' in types
    assert "two" not in done.stdout


def test_output_to_a_pipe_is_plain_and_narrow(broken: Installation, source: Path) -> None:
    """Without a terminal there are no escape codes, nothing is cut off, and no line is longer than 100 characters."""
    write(source, [download(DAYS[0], file__filename="x" * 3000)])
    broken.with_settings(PROJECTS='["one"]').load()

    done = broken.cli("quarantine")

    assert max(map(len, done.stdout.splitlines())) <= 100
    assert done.stdout.isascii()
    assert "x" * 3000 in re.sub(r"\n +", "", done.stdout)


def test_hostile_values_cannot_garble_the_terminal(broken: Installation, source: Path) -> None:
    """Markup is not read, and control characters are shown as escapes, whoever wrote them to the table."""
    write(source, [download(DAYS[0], details__installer__name=HOSTILE)])
    one = broken.with_settings(PROJECTS='["one"]')
    one.load()
    with duckdb.connect(one.file) as connection:
        connection.execute("UPDATE raw.quarantine SET content = content || ?", [HOSTILE])

    done = one.cli("quarantine", FORCE_COLOR="1", TERM="xterm")
    shown = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)

    assert done.returncode == 0
    assert all(char.isprintable() or char == "\n" for char in shown)
    unwrapped = re.sub(r"\s", "", shown)
    assert r"""(input"[red]x[/red][/]\x1b[2J\x9b2J""" in unwrapped
    assert r"""GCM"}[red]x[/red][/]\x1b[2J\x9b2J\r;\u202e""" in unwrapped


def test_reason_has_each_error_with_the_value(broken: Installation, source: Path) -> None:
    """A row that breaks everything keeps Pydantic's text for each field; only the shown value is cut, not the row."""
    long = "p" * 5000
    said = {f"details__{name}": long for name in ("python", "cpu", "openssl_version", "rustc_version")}
    write(source, [download(DAYS[0], country_code="d\ne", url=None, tls_cipher=long, file__type="", **said)])
    broken.with_settings(PROJECTS='["one"]').load()

    [(reason, content)] = broken.query("SELECT reason, content FROM raw.quarantine")

    lines = reason.splitlines()
    assert ["country_code", "url", "file.type", "details.python", "details.cpu", "details.openssl_version"] == [
        line.partition(":")[0] for line in lines[:6]
    ]
    assert r"country_code: String should match pattern '^([A-Z][A-Z0-9]|[*][*]|[?]|)$' (input 'd\ne')" == lines[0]
    assert "url: Input should be a valid string (input None)" == lines[1]
    assert re.fullmatch(r"tls_cipher: String should have at most 1024 characters \(input 'p+\.\.\.p+'\)", lines[-1])
    assert max(map(len, lines)) < 300
    assert content.count(long) == 5


def test_empty_quarantine_says_so(broken: Installation, source: Path) -> None:
    """With all rows good the answer is one line."""
    write(source, [download(DAYS[0])])
    broken.with_settings(PROJECTS='["one"]').load()

    assert broken.cli("quarantine").stdout == "The quarantine is empty: all 1 rows passed the contract.\n"


def test_quarantine_of_nothing_is_one_message(broken: Installation) -> None:
    """Before the first load, and for a project without one, there is nothing to look at."""
    before = broken.cli("quarantine")
    broken.load()
    unknown = broken.cli("quarantine", "--project", "three")

    assert (before.returncode, unknown.returncode) == (1, 1)
    assert "Nothing has been loaded yet." in before.stderr
    assert "No day of 'three' has been loaded.\nThe warehouse holds: one, two." in unknown.stderr


def test_rows_of_a_dead_load_are_not_shown(broken: Installation, source: Path) -> None:
    """Jobs of a package commit one by one: rows count only once their load is complete."""
    write(source, [download(DAYS[0])])
    broken.with_settings(PROJECTS='["one"]', END_DATE="2026-07-02").load()
    write(source, [download(DAYS[1], country_code="xx")])
    broken.with_settings(PROJECTS='["one"]').load()
    with duckdb.connect(broken.file) as connection:
        connection.execute("DELETE FROM raw._dlt_loads WHERE load_id = (SELECT MAX(load_id) FROM raw._dlt_loads)")

    assert broken.query("SELECT COUNT(*) FROM raw.quarantine") == [(1,)]
    assert "The quarantine is empty: all 1 rows" in broken.cli("quarantine").stdout


def test_failure_on_loaded_days_leaves_those_of_the_project_as_they_were(broken: Installation, source: Path) -> None:
    """A later run that fails changes no row of the project, nor what is known as loaded; the other one is loaded."""
    write(source, [download(DAYS[0]), download(DAYS[0], "two")])
    strict = broken.with_settings(TOLERANCE="0", LAG_DAYS="1")
    strict.load()
    queries = [
        f"FROM raw.{table} WHERE project = 'two' ORDER BY ALL"
        for table in ("file_downloads", "quarantine", "loaded_days")
    ]
    before = [strict.query(query) for query in queries]
    write(source, [download(DAYS[0]), download(DAYS[0]), download(DAYS[0], "two", country_code="xx")])

    report = strict.load()

    assert [("two", ContractError)] == [(project, type(error)) for project, error in report.failures]
    assert before == [strict.query(query) for query in queries]
    assert strict.query("SELECT COUNT(*) FROM raw.file_downloads WHERE project = 'one'") == [(2,)]
    with strict.warehouse() as warehouse:
        assert not warehouse.pipeline.has_pending_data


def kpis(project: Installation, context: Context) -> list[int]:
    """The downloads of each day, as the models count them."""
    models = Models(context, warehouse=project.file)
    with models.reading():
        models.compute(models.upstream("marts.downloads_daily"))
    return [downloads for (downloads,) in models.rows("SELECT downloads FROM marts.downloads_daily ORDER BY day")]


def test_rows_leave_the_quarantine_once_the_contract_is_fixed(
    broken: Installation, source: Path, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading the days again under the right contract moves the rows, their counts and the KPIs."""

    def not_from_atlantis(country_code: str) -> None:
        if country_code == "XA":
            msg = "country_code is made up"
            raise ValueError(msg)

    lost = [download(DAYS[0], country_code="XA"), download(DAYS[1], country_code="XA")]
    write(source, [*(download(day) for day in DAYS), *lost])
    one = broken.with_settings(PROJECTS='["one"]')
    counts = "SELECT day, MAX_BY((accepted, quarantined), _dlt_load_id) FROM raw.loaded_days GROUP BY 1 ORDER BY 1"
    with monkeypatch.context() as patch:
        stricter = (*contract.RULES, Rule((("country_code",),), not_from_atlantis))
        patch.setattr(contract, "RULES", stricter)
        patch.setattr(validation, "RULES", stricter)
        one.load()
    assert [(1, 1), (1, 1), (1, 0)] == [row[1] for row in one.query(counts)]
    assert [1, 1, 1] == kpis(one, context)
    assert "country_code is made up" in one.cli("quarantine").stdout

    one.with_settings(LAG_DAYS="3").load()

    assert one.query("FROM raw.quarantine") == []
    assert one.query("SELECT day, COUNT(*) FROM raw.file_downloads GROUP BY 1 ORDER BY 1") == [
        *zip(DAYS, (2, 2, 1), strict=True)
    ]
    assert [(2, 0), (2, 0), (1, 0)] == [row[1] for row in one.query(counts)]
    assert [2, 2, 1] == kpis(one, context)
    assert "The quarantine is empty: all 5 rows" in one.cli("quarantine").stdout
