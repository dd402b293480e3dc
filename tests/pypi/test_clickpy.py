"""The upstream `clickpy` against ClickHouse's own engine, with the public copy's table and limits."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pyarrow as pa
import pytest

from pipelines import doctor
from pipelines.errors import CredentialsError, SchemaError, SettingsError, SourceError, UnknownProjectError
from pipelines.pypi.clickpy_settings import ClickpySettings
from pipelines.pypi.columns import COUNTS
from pipelines.pypi.settings import Settings
from pipelines.pypi.upstreams.clickhouse_client import OVERFLOW_MODES, Server, TooLargeError
from pipelines.pypi.upstreams.clickpy import ClickpyUpstream
from pipelines.pypi.windows import Window
from tests.servers.clickhouse import ClickHouse
from tests.support.installation import NOW, Installation
from tests.support.rows import download, downloads, july, write

WINDOW = Window("one", july(1), july(9), "day")
COPIED = """
    SELECT project, day, country_code, file__filename, file__version, file__type, details__installer__name,
        details__python, details__distro__libc__lib, details__distro__libc__version, details__system__name,
        NULLIF(details__ci, FALSE), SUM(log_rows)
    FROM raw.daily_counts GROUP BY ALL ORDER BY ALL
"""
COUNTING = "count() AS log_rows"
"""In the text of a query for counts."""
Fill = Callable[[list[dict[str, Any]]], None]


@pytest.fixture
def fill(clickhouse: ClickHouse, tmp_path: Path) -> Fill:
    """Fills the server's table with rows, and nothing else."""
    return lambda rows: clickhouse.fill(write(tmp_path / "upstream.parquet", rows))


@pytest.fixture
def eight_days(fill: Fill) -> None:
    """Eight days of `one` with ten different counts a day, two downloads each, and of a busy project."""
    different = [download(day, version="3.1", country_code=f"A{n}") for day in WINDOW.days for n in range(10)]
    fill([*different, *different, *downloads({"pip": dict.fromkeys(range(1, 9), 3)})])


def connect(server: ClickHouse, *projects: str, now: datetime = NOW, **clickpy: Any) -> ClickpyUpstream:  # noqa: ANN401 - settings
    there = ClickpySettings(url=server.url, pause=0)
    for name, value in clickpy.items():
        setattr(there, name, value)
    settings = Settings(projects=list(projects or ["one"]), start_date="2026-07-01", upstream="clickpy", grain="day")
    settings.clickpy = there
    return ClickpyUpstream(settings, now)


def connect_to_other_limit(server: ClickHouse) -> ClickpyUpstream:
    """Connect to a server that allows fewer rows than it says."""
    upstream = connect(server)
    upstream.__dict__["_server"] = Server(NOW, 1000)
    return upstream


def read(upstream: ClickpyUpstream, window: Window = WINDOW) -> pa.Table:
    return pa.concat_tables(upstream.read(window))


def asked_parts(server: ClickHouse) -> list[tuple[str, str]]:
    """The first and last value of each part whose counts were asked for."""
    asked = [query["asked"] for query in server.queries() if COUNTING in query["sql"]]
    return [(parameters["param_first"], parameters["param_last"]) for parameters in asked]


def installation(folder: Path, server: ClickHouse, *projects: str, **settings: str) -> Installation:
    return Installation(folder / "clickpy").reading(Path(), *projects, **{**server.settings, **settings})


def test_counts_are_those_of_the_rows(clickhouse: ClickHouse, fill: Fill, tmp_path: Path) -> None:
    """Each count is that of the same rows read from files, in all columns that the copy has; others are NULL."""
    rows = [
        download(july(n), name, **said)
        for n in (1, 2)
        for name in ("one", "two")
        for said in (
            {},
            {},
            {"details__ci": True},
            {"details": None},
            {"details__system": None, "country_code": None},
            {"details__distro__libc": None, "details__python": "3.12"},
            {"details__installer__name": "uv", "file__version": "2.0", "file__type": "bdist_wheel"},
        )
    ]
    fill(rows)
    files = write(tmp_path / "files" / "rows.parquet", rows)

    copied, read_rows = installation(tmp_path, clickhouse, "one", "two"), Installation(tmp_path / "files" / "data")
    report, _ = copied.load(), read_rows.reading(files, "one", "two", GRAIN="day").load()

    assert (report.accepted, report.quarantined) == (28, 0)
    assert copied.query(COPIED) == read_rows.query(COPIED)
    assert copied.query("SELECT COUNT(details__cpu), COUNT(details__distro__name) FROM raw.daily_counts") == [(0, 0)]
    assert copied.query("SELECT DISTINCT origin, grain FROM raw.loaded_days") == [("clickpy", "day")]


def test_empty_text_and_unknown_ci_are_no_statements(clickhouse: ClickHouse, fill: Fill) -> None:
    """An empty text is NULL; so is `ci` where the column is younger than the row, but not where it is false."""
    fill([download(july(1))])
    clickhouse.execute(
        "INSERT INTO pypi.pypi SELECT date, '', project, type, '', '', '', version, ('', ''), 'unknown', filename"
        " FROM pypi.pypi"
    )

    said, silent = sorted(read(connect(clickhouse)).to_pylist(), key=lambda row: row["country_code"] is None)

    names = [name for name in COUNTS.source_schema.names if name.startswith("details") or name == "country_code"]
    assert dict.fromkeys(names) == {name: silent[name] for name in names}
    assert said["details__ci"] is False


@pytest.mark.usefixtures("eight_days")
def test_every_query_forbids_a_part_and_says_who_asks(clickhouse: ClickHouse) -> None:
    """No request leaves out that a part is an error, nor the name of the program; values are parameters."""
    upstream = connect(clickhouse)
    upstream.check(["one"])
    upstream.available_until("one", None)
    read(upstream)

    for query in clickhouse.queries():
        assert {"throw"} == {query["asked"][mode] for mode in OVERFLOW_MODES}
        assert "1" == query["asked"]["wait_end_of_query"]
        assert "duckdb-evidence-insights" == query["headers"]["user-agent"]
        assert "'one'" not in query["sql"]


@pytest.mark.usefixtures("eight_days")
@pytest.mark.parametrize("mode", ["read_overflow_mode", "result_overflow_mode"])
def test_server_that_would_answer_in_part_is_refused(clickhouse: ClickHouse, mode: str) -> None:
    """A proxy or profile that drops what forbids a part is found out before anything is read."""
    clickhouse.limit(result_overflow_mode="break")
    clickhouse.faults({"ignore": [mode]})

    with pytest.raises(SourceError, match=f"ignores {mode}"):
        connect(clickhouse).check(["one"])


@pytest.mark.usefixtures("eight_days")
@pytest.mark.parametrize(
    ("rows", "parts"),
    [(1000, [(1, 8)]), (45, [(1, 4), (5, 8)]), (10, [(day, day) for day in range(1, 9)])],
    ids=["whole", "two halves", "days"],
)
def test_window_is_cut_to_what_fits(clickhouse: ClickHouse, rows: int, parts: list[tuple[int, int]]) -> None:
    """Each part has as many days as their counts allow, by one estimate: no query is refused, no day is read twice."""
    clickhouse.limit(max_result_rows=rows)

    found = read(connect(clickhouse))

    assert 160 == sum(found["log_rows"].to_pylist())
    assert 80 == found.num_rows
    assert [(str(july(first)), str(july(last))) for first, last in parts] == asked_parts(clickhouse)


@pytest.mark.usefixtures("eight_days")
def test_what_was_read_is_not_read_again(clickhouse: ClickHouse) -> None:
    """After a refusal only what was refused is cut; later parts are as small, and grow again while they fit."""
    clickhouse.faults({"match": COUNTING, "code": 159, "times": 3})
    clickhouse.limit(max_result_rows=80)

    found = read(connect(clickhouse))

    refused, read_parts = asked_parts(clickhouse)[:3], asked_parts(clickhouse)[3:]
    assert [("01", "08"), ("01", "04"), ("01", "02")] == [(first[-2:], last[-2:]) for first, last in refused]
    assert [("01", "01"), ("02", "02"), ("03", "03"), ("04", "04"), ("05", "06"), ("07", "08")] == [
        (first[-2:], last[-2:]) for first, last in read_parts
    ]
    assert 160 == sum(found["log_rows"].to_pylist())


def test_day_is_cut_along_the_key(clickhouse: ClickHouse, fill: Fill) -> None:
    """Values of one version, then of one country and so on are asked for, in ranges that fit; none is left out."""
    names = ["", "Linux", "a\\b", "tab\there", "two\nlines", "'quoted'", "{first:String}", "é", "%41"]
    rows = [
        download(july(1), file__version=version, country_code=country, details__system__name=system, details__ci=ci)
        for version, countries in {"1.0": "AB", "2.0": "A", "3.0": "C"}.items()
        for country in (f"{letter}{letter}" for letter in countries)
        for system in (names if version == "2.0" else ["Linux"])
        for ci in (None, True)
    ]
    fill([*rows, *rows])
    clickhouse.limit(max_result_rows=10)

    found = read(connect(clickhouse), Window("one", july(1), july(2), "day"))

    assert [2] * len(rows) == found["log_rows"].to_pylist()
    assert {name or None for name in names} == set(found["details__system__name"].to_pylist())
    # Of 2.0, five systems and then four.
    assert [("1.0", "1.0"), ("", ANY), (ANY, "é"), ("3.0", "3.0")] == asked_parts(clickhouse)


@pytest.mark.usefixtures("eight_days")
def test_estimate_that_exceeds_a_limit_is_made_of_less(clickhouse: ClickHouse) -> None:
    """Neither all days, nor one, nor its versions: downloads bound the counts until those of a part are estimated."""
    clickhouse.limit(max_result_rows=12)
    clickhouse.faults({"match": "uniq(", "code": 159, "times": 5})

    parts = list(connect(clickhouse).read(WINDOW))

    assert [10] * 8 == [part.num_rows for part in parts]
    assert [("A0", "A9"), *[("1.0", "1.0")] * 7] == asked_parts(clickhouse)


def test_millions_of_downloads_a_day_take_few_queries(clickhouse: ClickHouse) -> None:
    """A busy package, scaled down: hardly more queries than its counts fill answers, and none is refused."""
    clickhouse.generate("one", july(1), 2, 60_000)
    clickhouse.limit(max_result_rows=1500)

    parts = list(connect(clickhouse).read(Window("one", july(1), july(3), "day")))

    found = pa.concat_tables(parts)
    assert 120_000 == sum(found["log_rows"].to_pylist())
    assert len(parts) == len(asked_parts(clickhouse)) <= 1.25 * found.num_rows / 1500
    assert len(clickhouse.queries()) <= 1.3 * len(parts)


@pytest.mark.usefixtures("eight_days")
def test_count_that_no_split_makes_small_is_an_error(clickhouse: ClickHouse) -> None:
    """Where even the last split exceeds a limit, the load ends with the server's own words."""
    clickhouse.faults({"match": COUNTING, "code": 241, "message": "memory limit", "times": 1000})

    with pytest.raises(TooLargeError, match="memory limit"):
        read(connect(clickhouse))


@pytest.mark.parametrize("code", [158, 159, 241, 307, 396])
@pytest.mark.usefixtures("eight_days")
def test_each_limit_is_split_on(clickhouse: ClickHouse, code: int) -> None:
    """Rows and bytes read, rows of a result, time and memory: less may fit; also where days are only counted."""
    clickhouse.faults({"match": "countIf", "code": code}, {"match": COUNTING, "code": code})

    assert 160 == sum(read(connect(clickhouse))["log_rows"].to_pylist())


@pytest.mark.usefixtures("eight_days")
def test_rows_read_are_a_limit(clickhouse: ClickHouse) -> None:
    """The engine's own refusal to read as many rows is split on, too."""
    many = "SELECT pypi.* FROM pypi.pypi CROSS JOIN numbers(500) AS n WHERE project = 'one'"
    clickhouse.execute(f"INSERT INTO pypi.pypi {many}")
    clickhouse.limit(max_rows_to_read=50_000)

    assert 160 * 501 == sum(read(connect(clickhouse))["log_rows"].to_pylist())
    assert 1 < sum(COUNTING in query["sql"] for query in clickhouse.queries())


@pytest.mark.usefixtures("eight_days")
def test_part_of_a_result_is_noticed_by_its_sum(clickhouse: ClickHouse) -> None:
    """A result that ends at a limit without an error has other sums than the count, and is split."""
    clickhouse.limit(max_result_rows=15, result_overflow_mode="break", max_block_size=5)
    clickhouse.faults({"match": COUNTING, "ignore": ["result_overflow_mode"], "times": 1000})

    assert 160 == sum(read(connect_to_other_limit(clickhouse))["log_rows"].to_pylist())


@pytest.mark.usefixtures("eight_days")
def test_wrong_sum_of_a_day_is_an_error(clickhouse: ClickHouse) -> None:
    """A day that stays another one than was counted is not loaded."""
    upstream = connect(clickhouse)
    upstream.count_days("one", WINDOW.start, WINDOW.end)
    clickhouse.execute("INSERT INTO pypi.pypi SELECT * FROM pypi.pypi WHERE project = 'one' LIMIT 1")

    with pytest.raises(SourceError, match="gave 21 of 20 downloads of one on 2026-07-01"):
        read(upstream)


@pytest.mark.usefixtures("eight_days")
def test_error_in_the_body_of_a_success_is_an_error(clickhouse: ClickHouse) -> None:
    """Status 200 with an exception after some rows, as without `wait_end_of_query`, is split on like the status 500."""
    clickhouse.limit(max_result_rows=40)
    clickhouse.faults({"match": COUNTING, "ignore": ["wait_end_of_query"]})

    assert 160 == sum(read(connect_to_other_limit(clickhouse))["log_rows"].to_pylist())


@pytest.mark.usefixtures("eight_days")
@pytest.mark.parametrize(
    "fault",
    [{"cut": "end"}, {"cut": "connection", "times": 9}, {"append": "garbage"}, {"status": 200, "body": "<html>"}],
    ids=["no end", "half", "more", "html"],
)
def test_answer_that_is_not_whole_is_an_error(clickhouse: ClickHouse, fault: dict[str, Any]) -> None:
    """A stream without its end, a connection that ends early, text after the stream, and another text are errors."""
    clickhouse.faults({"match": COUNTING} | fault)

    with pytest.raises(SourceError, match=r"cut off|ends the connection"):
        read(connect(clickhouse))


def test_row_may_quote_an_error(clickhouse: ClickHouse, fill: Fill) -> None:
    """What a client calls itself is free text, and no answer of the server."""
    name = "Code: 396. DB::Exception: hello"
    fill([download(july(1), details__installer__name=name)])

    assert [name] == read(connect(clickhouse))["details__installer__name"].to_pylist()


@pytest.mark.usefixtures("eight_days")
def test_queries_are_few_and_apart(clickhouse: ClickHouse) -> None:
    """Queries go in series with a pause between them, and end at the settings' bound."""
    clickhouse.limit(max_result_rows=10)

    with pytest.raises(SourceError, match=r"more than `max_queries` \(4\)"):
        read(connect(clickhouse, pause=0.2, max_queries=4))

    times = [query["at"] for query in clickhouse.queries()]
    assert 4 == len(times)
    assert all(later - earlier >= 0.2 for earlier, later in pairwise(times))


def busy(days: int, last: int = 100) -> list[dict[str, Any]]:
    return downloads({"pip": dict.fromkeys(range(1, days), 100) | {days: last}})


@pytest.mark.parametrize(
    ("rows", "until"),
    [
        (busy(5) + downloads({"one": {3: 1}}), 6),
        (busy(5, last=40) + downloads({"one": {5: 1}}), 5),
        (busy(5) + downloads({"one": {7: 1}}), 6),
        (downloads({"one": {3: 1}, "two": {4: 1}}), 5),
    ],
    ids=["own day without downloads", "last day is filling", "ahead of the busy one", "no busy one"],
)
@pytest.mark.parametrize("days_later", [2, 200, 2000])
def test_copy_ends_with_its_last_whole_day(
    clickhouse: ClickHouse, tmp_path: Path, rows: list[dict[str, Any]], until: int, days_later: int
) -> None:
    """A busy project tells which day is the last complete one, also after a stall; without it, the tracked ones do."""
    clickhouse.fill(write(tmp_path / "upstream.parquet", rows))
    upstream = connect(clickhouse, "one", "two")
    upstream.__dict__["_server"] = Server(datetime(2026, 7, 5, 12, tzinfo=UTC) + timedelta(days=days_later), 10_000)

    assert july(until) == upstream.available_until("one", None)
    assert all(query["sql"].count("UNION ALL") < 30 for query in clickhouse.queries())
    assert [f"The copy at {clickhouse.url} ends on {july(until - 1)}; run again later for the days after it."] == (
        upstream.remarks
    )


def test_days_that_the_copy_lacks_stay_missing(clickhouse: ClickHouse, fill: Fill, tmp_path: Path) -> None:
    """A day after the copy's last one is not loaded as zero: it is loaded when it is there, and the summary says so."""
    project = installation(tmp_path, clickhouse, "one")
    fill(busy(3) + downloads({"one": {1: 2}}))
    report = project.load()
    fill(busy(4) + downloads({"one": {1: 2, 4: 5}}))
    project.load()

    assert any("ends on 2026-07-03" in remark for remark in report.remarks)
    assert [(july(1), 2), (july(2), 0), (july(3), 0), (july(4), 5)] == project.query(
        "SELECT day, accepted FROM raw.committed_days ORDER BY day"
    )


def test_doctor_says_where_the_copy_ends(clickhouse: ClickHouse, fill: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor's check of the upstream names the last day that a load would find."""
    fill(busy(5) + downloads({"one": {1: 1}}))
    project = installation(Path("nowhere"), clickhouse, "one")
    for name, value in project.environment.items():
        monkeypatch.setenv(name, value)

    finding = doctor._run_check("upstream", doctor._upstream)

    assert (
        doctor.Outcome.OK,
        f"{clickhouse.url} (clickpy) has the contract's columns; its last whole day is {july(5)}",
    ) == (
        finding.outcome,
        finding.found,
    )


def test_unknown_project_is_an_error(clickhouse: ClickHouse, fill: Fill) -> None:
    """A name without any download is probably misspelt; names are told that a slip would turn into it."""
    fill(downloads({"requests": {1: 1}, "pytwo": {1: 1}}))

    connect(clickhouse).check(["requests", "reqeusts"])
    with pytest.raises(UnknownProjectError, match="no download of reqeusts") as slip:
        connect(clickhouse).check(["reqeusts"])
    with pytest.raises(UnknownProjectError) as missing:
        connect(clickhouse).check(["reuests"])
    with pytest.raises(UnknownProjectError) as prefix:
        connect(clickhouse).check(["two"])
    with pytest.raises(UnknownProjectError) as unlike:
        connect(clickhouse).check(["a"])

    assert "Did you mean requests?" in slip.value.remedy
    assert "Did you mean requests?" in missing.value.remedy
    assert "Did you mean pytwo?" in prefix.value.remedy
    assert "Did you mean" not in unlike.value.remedy


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("DROP COLUMN filename", "lacks the column filename"),
        ("MODIFY COLUMN ci String", "has ci as String"),
        ("MODIFY COLUMN country_code Nullable(String)", r"has country_code as Nullable\(String\)"),
    ],
)
def test_changed_schema_is_an_error(clickhouse: ClickHouse, fill: Fill, change: str, message: str) -> None:
    """A column that is gone or retyped is named before a row is read."""
    fill(downloads({"one": {1: 1}}))
    keyed = "country_code" in change
    clickhouse.execute(
        *(
            (
                "CREATE TABLE pypi.other ENGINE = Memory AS SELECT * FROM pypi.pypi",
                "DROP TABLE pypi.pypi",
                "RENAME TABLE pypi.other TO pypi.pypi",
            )
            if keyed
            else ()
        ),
        f"ALTER TABLE pypi.pypi {change}",
    )

    with pytest.raises(SchemaError, match=message):
        connect(clickhouse).check(["one"])


def test_new_column_is_reported(clickhouse: ClickHouse, fill: Fill) -> None:
    """A column that the copy has gained is named, and not read."""
    fill(downloads({"one": {1: 1}}))
    clickhouse.execute("ALTER TABLE pypi.pypi ADD COLUMN cpu String")

    assert ["cpu"] == connect(clickhouse).check(["one"])


def test_days_without_file_names_are_an_error(clickhouse: ClickHouse, fill: Fill) -> None:
    """Days before the column `filename` are named, with the day to load from."""
    fill([download(july(1), file__filename=""), download(july(2), file__filename=""), download(july(3))])

    with pytest.raises(SourceError, match="no file names of one on 2 days from 2026-07-01 to 2026-07-02") as caught:
        read(connect(clickhouse))

    assert "Load from 2026-07-03 on" in caught.value.remedy
    assert 1 == read(connect(clickhouse), Window("one", july(3), july(4), "day")).num_rows


@pytest.mark.usefixtures("eight_days")
def test_wrong_password_is_refused_and_not_shown(clickhouse: ClickHouse, tmp_path: Path) -> None:
    """The server's refusal names the settings, and no output has the password."""
    password = "correct-horse"  # noqa: S105 - of no server
    done = installation(tmp_path, clickhouse, "one", CLICKPY__PASSWORD=password).cli("run", "--no-site")

    assert done.returncode == 1
    assert "refuses the user demo" in done.stderr
    assert password not in done.stdout + done.stderr
    assert {password} == {query["headers"]["x-clickhouse-key"] for query in clickhouse.queries()}
    assert all(password not in str(query["asked"]) for query in clickhouse.queries())
    with pytest.raises(CredentialsError):
        connect(clickhouse, password="x").check(["one"])  # noqa: S106 - as above


@pytest.mark.usefixtures("eight_days")
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"code": 201}, "quota of the user demo"),
        ({"code": 452}, "refuses a setting"),
        ({"code": 60}, "has no table pypi.pypi"),
        ({"code": 47}, "has another schema"),
        ({"code": 49}, "has failed with code 49"),
        ({"status": 503, "times": 3}, "status 503"),
        ({"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}}, "status 302"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_failure_of_the_server_is_one_message(clickhouse: ClickHouse, fault: dict[str, Any], message: str) -> None:
    """Quota, rights, a missing table and the server's own faults each have their message."""
    clickhouse.faults(fault)

    with pytest.raises(SourceError, match=message):
        connect(clickhouse).check(["one"])


@pytest.mark.usefixtures("eight_days")
def test_passing_failure_is_tried_again(clickhouse: ClickHouse) -> None:
    """A gateway that fails for a moment costs a try, not the run."""
    clickhouse.faults({"status": 503})

    assert connect(clickhouse).check(["one"]) == []


@pytest.mark.usefixtures("eight_days")
def test_slow_server_ends_at_the_deadline(clickhouse: ClickHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not answer within `timeout` is one message."""
    monkeypatch.setattr("pipelines.pypi.upstreams.clickhouse_client.ATTEMPTS", 1)
    clickhouse.faults({"delay": 1.5})

    with pytest.raises(SourceError, match=r"within `timeout` \(1 s\)"):
        connect(clickhouse, timeout=1).check(["one"])


@pytest.mark.parametrize(
    ("url", "proxy", "message"),
    [
        ("http://127.0.0.1:1", "", "cannot be reached"),
        ("http://no-such-host.invalid", "", "cannot be found"),
        ("http://no-such-host.invalid", "http://me:secret@127.0.0.1:1", "The proxy between here"),
        ("https", "", "is not safe"),
    ],
    ids=["refused", "DNS", "proxy", "TLS"],
)
def test_network_failure_is_one_message(
    clickhouse: ClickHouse, monkeypatch: pytest.MonkeyPatch, url: str, proxy: str, message: str
) -> None:
    """No network, no such name, a proxy that fails, no TLS: each says what to check, and nobody's password."""
    monkeypatch.setattr("pipelines.pypi.upstreams.clickhouse_client.ATTEMPTS", 1)
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    with pytest.raises(SourceError, match=message) as caught:
        connect(clickhouse, url=clickhouse.url.replace("http", "https") if url == "https" else url).check(["one"])

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"GRAIN": "row"}, "it must be 'day'"),
        ({"GRAINS": '{"one": "row"}'}, "it must be 'day'"),
        ({"CLICKPY__URL": "https://me:hunter2@host"}, "must not contain a user or a password"),
        ({"CLICKPY__URL": "ftp://host"}, "must have the form https://host"),
        ({"CLICKPY__TABLE": "pypi"}, "is not of the form database.table"),
        ({"CLICKPY__TABLE": "pypi.pypi; DROP"}, "is not of the form database.table"),
        ({"CLICKPY__PAUSE": "-1"}, "between 0 and 60"),
        ({"CLICKPY__PAUZE": "1"}, "Did you mean `SOURCES__PYPI__CLICKPY__PAUSE`"),
    ],
)
def test_wrong_setting_is_refused(tmp_path: Path, settings: dict[str, str], message: str) -> None:
    """A setting that cannot be right is named before anything is asked; an address is not shown."""
    project = Installation(tmp_path / "data").reading(
        Path(), "one", **{"UPSTREAM": "clickpy", "GRAIN": "day"} | settings
    )

    with pytest.raises(SettingsError, match=message) as caught:
        project.load()

    assert "hunter2" not in str(caught.value)


def test_user_of_the_machine_is_not_the_servers(
    clickhouse: ClickHouse, fill: Fill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dlt also finds a setting by its bare name, and USER is who works at this machine."""
    monkeypatch.setenv("USER", "somebody")
    monkeypatch.setenv("URL", "http://127.0.0.1:1")
    fill(downloads({"one": {1: 1}}))

    assert 1 == installation(tmp_path, clickhouse, "one").load().accepted
