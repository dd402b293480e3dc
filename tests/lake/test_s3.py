"""A lake in a bucket, over the wire: refused, broken and killed, it ends with the rows of the warehouse."""

import os
from pathlib import Path
from socket import gaierror

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.errors import LakeError, LakeOutageError
from pipelines.lake.sync import check_lake
from tests.servers.s3 import ALWAYS, S3Server, cut, delay, die, refuse
from tests.support.installation import Installation
from tests.support.lakes import COLUMNS, ROWS, assert_agree, fill_lake, open_lake, read_by_polars, read_by_pyarrow
from tests.support.rows import SCHEMA, download, july, write

pytestmark = pytest.mark.slow

DAYS = [july(1), july(2), july(3)]
RUN = ("run", "--no-site")
PART = 5 * 2**20
"""The least that S3 takes as a part of an upload."""


@pytest.fixture(autouse=True)
def in_bucket(s3: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment leads to a lake in the bucket, with the right key."""
    monkeypatch.setenv("DESTINATIONS", '["warehouse", "lake"]')
    for name, value in s3.environment(bucket).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LOAD__RAISE_ON_MAX_RETRIES", "1")


@pytest.fixture
def small(project: Installation, tmp_path: Path) -> Installation:
    """Two projects and three days upstream, with equal rows, and one that breaks the contract."""
    rows = [download(day, name) for day in DAYS for name in ("one", "one", "two")]
    source = write(tmp_path / "source" / "rows.parquet", [*rows, download(DAYS[1], country_code="xx")])
    return project.reading(source, "one", "two", TOLERANCE="1")


@pytest.fixture
def large(project: Installation, tmp_path: Path) -> Installation:
    """A day whose file takes three parts: each of its rows has another address."""
    rows = 400_000
    day = pa.Table.from_pylist([download(DAYS[0])], schema=SCHEMA).take(pa.repeat(0, rows))
    noise = os.urandom(rows * 32).hex()
    urls = pa.array([f"/{noise[n * 64 : n * 64 + 64]}" for n in range(rows)])
    day = day.set_column(day.schema.get_field_index("url"), "url", urls)
    pq.write_table(day, tmp_path / "large.parquet")
    return project.reading(tmp_path / "large.parquet", "one")


def test_readers_see_the_rows_of_the_warehouse(small: Installation, s3: S3Server, bucket: str) -> None:
    """DuckDB's own `s3://`, PyArrow and Polars read each row as often as the warehouse has it."""
    small.load()
    assert 6 == fill_lake(small)

    expected = small.query(ROWS)
    connection = s3.duckdb()
    connection.execute("SET TimeZone = 'UTC'")
    found = connection.sql(
        f"SELECT {COLUMNS} FROM read_parquet('s3://{bucket}/lake/raw/file_downloads/*/*.parquet') ORDER BY ALL"
    )
    assert expected == found.fetchall()
    lake = open_lake(small)
    assert expected == read_by_pyarrow(lake)
    options = {**s3.credentials, "aws_region": s3.region, "aws_allow_http": "true"}
    options.pop("region_name")
    assert expected == read_by_polars(lake, **options)
    assert_agree(small)


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("CREDENTIALS__AWS_ACCESS_KEY_ID", "nobody", "does not accept the credentials"),
        ("CREDENTIALS__AWS_SECRET_ACCESS_KEY", "planted-secret", "does not accept the credentials"),
        ("CREDENTIALS__REGION_NAME", "us-east-1", "Check `region_name`"),
        ("BUCKET_URL", "s3://no-such-bucket/lake", "was not found"),
    ],
)
def test_refusal_stops_the_run_before_it_loads(
    small: Installation, s3: S3Server, setting: str, value: str, said: str
) -> None:
    """A wrong key, secret, region or bucket is one message before anything is loaded; no secret is repeated."""
    done = small.cli(*RUN, **{f"DESTINATION__LAKE__{setting}": value})

    assert done.returncode == 1
    assert said in done.stderr
    assert not small.file.exists()
    assert not s3.files().exists("no-such-bucket")
    assert "planted-secret" not in done.stdout + done.stderr
    kept = [path.read_bytes() for path in small.folder.parent.rglob("*") if path.is_file()]
    assert not any(b"planted-secret" in content for content in kept)


def test_host_that_is_not_known_is_said_at_once(project: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is not asked: its client would try again for half a minute."""

    def look_up(*_arguments: object) -> None:
        raise gaierror(-2, "Name or service not known")

    monkeypatch.setattr("pipelines.lake.getaddrinfo", look_up)
    lake = open_lake(project)

    for ask in (lake.require_reachable, lake.manifest):
        with pytest.raises(LakeOutageError, match="The host of the lake 'lake' was not found"):
            ask()


def test_key_that_may_only_read_is_told_so(small: Installation, s3: S3Server) -> None:
    """Where the store refuses to write, the message says what to grant."""
    small.load()
    s3.break_with(refuse("AccessDenied", "PUT /", times=ALWAYS))

    with pytest.raises(LakeError, match="they lack a permission") as refused:
        fill_lake(small)

    assert not isinstance(refused.value, LakeOutageError)


@pytest.mark.parametrize("request_", ["raw/init", "raw/file_downloads/", "raw/_dlt_loads/"])
def test_upload_that_stalls_is_given_up(
    small: Installation, s3: S3Server, bucket: str, request_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that takes an upload and does not answer holds the run for the bounded time, and no longer."""
    small.load()
    monkeypatch.setattr("pipelines.lake.destination.UPLOAD_SECONDS", 1)
    s3.break_with(delay(60, f"PUT /{bucket}/lake/{request_}", times=ALWAYS))

    with pytest.raises(LakeOutageError, match="FSTimeoutError"):
        fill_lake(small)

    s3.heal()
    fill_lake(small)
    assert_agree(small)


@pytest.mark.parametrize("code", ["InternalError", "SlowDown"])
@pytest.mark.parametrize("request_", ["PUT /", "GET /", "HEAD /"])
def test_passing_errors_are_outlived(small: Installation, s3: S3Server, code: str, request_: str) -> None:
    """Some answers of 500 or 503 delay the fill, and change nothing."""
    small.load()
    s3.break_with(refuse(code, request_, after=1, times=3))

    assert 6 == fill_lake(small)

    s3.heal()
    assert_agree(small)


@pytest.mark.parametrize("code", ["InternalError", "SlowDown"])
def test_lasting_errors_delay_nothing_but_the_lake(small: Installation, s3: S3Server, code: str) -> None:
    """They stop no run before it loads, are told from a wrong setting, and the next run fills the lake."""
    s3.break_with(refuse(code, times=ALWAYS))
    with small.warehouse() as warehouse:
        check_lake(open_lake(small), warehouse)
    small.load()

    with pytest.raises(LakeOutageError, match="The lake 'lake' does not answer as it should"):
        fill_lake(small)

    s3.heal()
    assert 6 == fill_lake(small)
    assert_agree(small)


@pytest.mark.parametrize("request_", ["raw/file_downloads/", "raw/quarantine/", "raw/manifest/"])
@pytest.mark.parametrize("fault", [die, cut])
def test_server_that_breaks_under_an_upload_loses_nothing(
    small: Installation, s3: S3Server, bucket: str, fault: type, request_: str
) -> None:
    """Killed while days are replaced, or with each connection cut, and started anew: lake and warehouse agree again."""
    small.load()
    fill_lake(small)
    rows = [download(day, name) for day in DAYS for name in ("one", "two", "two")]
    write(small.source, [*rows, download(DAYS[2], country_code="yy")])
    small.with_settings(LAG_DAYS="9").load()
    s3.break_with(fault(f"PUT /{bucket}/lake/{request_}", times=ALWAYS))

    with pytest.raises(LakeOutageError):
        fill_lake(small)
    s3.restart()

    assert 6 >= fill_lake(small) > 0
    assert_agree(small)


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uploads go in parts from twice the least size on; s3fs's own limit of 100 MB would make the test slow."""
    monkeypatch.setattr("s3fs.core.calculate_chunksize", lambda _size, **_options: PART)


@pytest.mark.usefixtures("in_parts")
def test_large_file_goes_in_parts(large: Installation, s3: S3Server, bucket: str) -> None:
    """A large day is sent in parts; the server dies under the second, and with the next run the file is whole."""
    large.load()
    s3.break_with(die("partNumber=2"))
    with pytest.raises(LakeOutageError):
        fill_lake(large)
    s3.wait()
    s3.start()
    assert [] == open_lake(large).keys("file_downloads")

    assert 1 == fill_lake(large)

    # S3 notes the number of parts in the tag; requests would count one that was sent again, after a wait too long.
    object_ = s3.files().info(f"{bucket}/lake/raw/file_downloads/day=2026-07-01/one.parquet")
    assert object_["ETag"].strip('"').endswith("-3")
    [(rows,)] = (
        s3.duckdb()
        .sql(f"SELECT COUNT(DISTINCT url) FROM 's3://{bucket}/lake/raw/file_downloads/*/*.parquet'")
        .fetchall()
    )
    assert rows == 400_000


def test_marts_are_exported_into_the_bucket(computed_once: Installation, s3: S3Server, bucket: str) -> None:
    """A mart lies beside the tables of the lake, where DuckDB reads it; a refusal is one message."""
    assert computed_once.cli("export", "downloads_daily", "--to", "lake").returncode == 0

    found = s3.duckdb().sql(f"SELECT SUM(downloads) FROM 's3://{bucket}/lake/marts/downloads_daily.parquet'")
    assert [(10 * 2 + 8 * 3,)] == found.fetchall()
    s3.break_with(refuse("AccessDenied", "PUT /", times=ALWAYS))
    refused = computed_once.cli("export", "downloads_daily", "--to", "lake")
    assert refused.returncode == 1
    assert "they lack a permission" in refused.stderr
