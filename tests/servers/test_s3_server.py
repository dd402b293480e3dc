"""The S3 server of the tests answers genuine clients as S3 does, breaks on demand, and keeps what it has."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import dlt
import duckdb
import pyarrow as pa
import pytest
import s3fs
from botocore.exceptions import ClientError
from dlt.destinations import filesystem
from dlt.pipeline.exceptions import PipelineStepFailed

from tests.servers.s3 import ALWAYS, S3Server, cut, delay, die, refuse
from tests.support.installation import ROOT

MEBIBYTE = 2**20
# The least that S3 takes as a part.
PART = 5 * MEBIBYTE
ROWS = 10_000


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of three parts, none like another."""
    file = tmp_path / "large"
    file.write_bytes(os.urandom(2 * PART + MEBIBYTE))
    return file


def impatient(s3: S3Server) -> s3fs.S3FileSystem:
    """Make a client that asks once: botocore and s3fs each have a loop of their own."""
    files = s3.files(config_kwargs={"retries": {"total_max_attempts": 1}}, skip_instance_cache=True)
    files.retries = 1
    return files


def load(s3: S3Server, bucket: str, folder: Path, rows: int) -> None:
    """Load a table of that many rows by dlt's own destination, whose client asks once."""
    # The option `config_kwargs` of dlt reaches no client.
    once = {"config_kwargs": {"retries": {"total_max_attempts": 1}}}
    destination = filesystem(f"s3://{bucket}", credentials=s3.credentials, kwargs=once)
    pipeline = dlt.pipeline("s3_server", destination=destination, dataset_name="raw", pipelines_dir=str(folder))
    table = pa.table({"number": range(rows)})
    pipeline.run(table, table_name="numbers", loader_file_format="parquet", write_disposition="append")


def since(s3: S3Server, entries: int) -> list[tuple[str, int | None]]:
    """The requests after the first `entries` of the log, as method and path, and the status of the answer."""
    return [(entry["request"], entry["status"]) for entry in s3.requests()[entries:]]


def statuses(s3: S3Server, match: str) -> list[int | None]:
    return [entry["status"] for entry in s3.requests() if match in entry["request"]]


def test_objects_are_written_listed_copied_and_deleted(s3: S3Server, bucket: str) -> None:
    """What s3fs writes it finds again, by folder and by pattern, until it deletes it; odd names included."""
    files = s3.files()

    files.pipe(f"{bucket}/day=1/ü +%.txt", b"one")
    files.copy(f"{bucket}/day=1/ü +%.txt", f"{bucket}/day=2/two.txt")

    assert b"one" == files.cat(f"{bucket}/day=2/two.txt")
    assert [f"{bucket}/day=1", f"{bucket}/day=2"] == files.ls(bucket)
    assert [f"{bucket}/day=2/two.txt"] == files.glob(f"{bucket}/*/t*.txt")

    files.rm(f"{bucket}/day=1", recursive=True)

    assert [f"{bucket}/day=2/two.txt"] == files.find(bucket)


def test_large_file_goes_in_parts(s3: S3Server, bucket: str, large: Path) -> None:
    """A file above twice the chunk size is announced, sent in parts and completed, and reads as it was."""
    before = len(s3.requests())

    s3.files().put_file(large, f"{bucket}/large", chunksize=PART)

    requests = [request.partition("uploadId")[0] for request, status in since(s3, before) if status == 200]
    assert [f"POST /{bucket}/large?uploads", f"POST /{bucket}/large?"] == [requests[0], requests[-1]]
    assert [f"PUT /{bucket}/large?partNumber={n}&" for n in (1, 2, 3)] == sorted(requests[1:-1])
    assert large.read_bytes() == s3.files().cat(f"{bucket}/large")


def test_small_parts_are_refused(s3: S3Server, bucket: str, large: Path) -> None:
    """A part under 5 MiB that is not the last fails the upload, as on S3, and leaves no object."""
    with pytest.raises(OSError, match="smaller than the minimum allowed object size"):
        s3.files().put_file(large, f"{bucket}/large", chunksize=PART - 1)

    assert not s3.files().exists(f"{bucket}/large")


@pytest.mark.parametrize(
    ("wrong", "code"), [({"key": "nobody"}, "InvalidAccessKeyId"), ({"secret": "wrong"}, "SignatureDoesNotMatch")]
)
def test_wrong_credentials_are_refused(s3: S3Server, bucket: str, wrong: dict[str, str], code: str) -> None:
    """An unknown key and a wrong secret get 403 and a code of their own, which s3fs keeps as the cause."""
    with pytest.raises(PermissionError) as refused:
        s3.files(**wrong).ls(bucket)

    assert isinstance(refused.value.__cause__, ClientError)
    assert code == refused.value.__cause__.response["Error"]["Code"]
    assert 403 == refused.value.__cause__.response["ResponseMetadata"]["HTTPStatusCode"]


def test_missing_bucket_is_told_from_a_missing_object(s3: S3Server, bucket: str) -> None:
    """Neither is made by looking for it, and writing makes no bucket."""
    with pytest.raises(FileNotFoundError, match="The specified bucket does not exist"):
        s3.files().pipe("no-such-bucket/file", b"")
    with pytest.raises(FileNotFoundError, match=f"{bucket}/file"):
        s3.files().cat(f"{bucket}/file")
    with pytest.raises(FileNotFoundError):
        s3.files().call_s3("head_bucket", Bucket="no-such-bucket")


def test_wrong_region_is_refused_with_the_right_one(s3: S3Server, bucket: str) -> None:
    """The answer is S3's, and names the region: s3fs reads it there and asks again, DuckDB does not."""
    before = len(s3.requests())

    assert [] == s3.files(client_kwargs={"region_name": "us-east-1"}).ls(bucket)

    assert [400, 200] == [status for _, status in since(s3, before)]
    with pytest.raises(duckdb.HTTPException, match="400"):
        s3.duckdb(region="us-east-1").sql(f"FROM glob('s3://{bucket}/*')").fetchall()


def test_duckdb_writes_and_reads_without_a_download(s3: S3Server, bucket: str) -> None:
    """The extension of a package is enough for `s3://`: partitions are written, found and told apart."""
    connection = s3.duckdb()

    rows = "SELECT n, n % 2 AS half FROM range(10) AS t(n)"
    connection.sql(f"COPY ({rows}) TO 's3://{bucket}/t' (FORMAT parquet, PARTITION_BY half)")

    read = connection.sql(f"SELECT sum(n), count(*) FROM 's3://{bucket}/t/*/*.parquet' WHERE half = '1'")
    assert [(25, 5)] == read.fetchall()
    with pytest.raises(duckdb.HTTPException, match="403"):
        s3.duckdb(secret="wrong").sql(f"FROM 's3://{bucket}/t/*/*.parquet'").fetchall()  # noqa: S106


@pytest.mark.parametrize("code", ["InternalError", "SlowDown"])
def test_passing_errors_are_tried_again(s3: S3Server, bucket: str, code: str) -> None:
    """The client outlives some answers of 500 or 503, and the object is there once."""
    s3.break_with(refuse(code, f"PUT /{bucket}/", times=3))

    s3.files().pipe(f"{bucket}/file", b"one")

    assert 3 == len([status for status in statuses(s3, f"PUT /{bucket}/file") if status != 200])
    assert 200 == statuses(s3, f"PUT /{bucket}/file")[-1]
    assert b"one" == s3.files().cat(f"{bucket}/file")


@pytest.mark.parametrize(("code", "status"), [("InternalError", 500), ("SlowDown", 503)])
def test_lasting_errors_surface(s3: S3Server, bucket: str, code: str, status: int) -> None:
    """After a bounded number of attempts the error is the caller's, and nothing is written."""
    s3.break_with(refuse(code, f"PUT /{bucket}/", times=ALWAYS))

    with pytest.raises(OSError, match=code):
        impatient(s3).pipe(f"{bucket}/file", b"one")

    assert [status] == statuses(s3, f"PUT /{bucket}/file")
    s3.break_with()
    assert [] == s3.files().find(bucket)


def test_late_answer_ends_by_the_read_timeout(s3: S3Server, bucket: str) -> None:
    """A client that waits for a bounded time gives up, and tries again."""
    s3.break_with(delay(5, f"GET /{bucket}"))

    assert [] == s3.files(config_kwargs={"read_timeout": 1}).ls(bucket)

    assert 2 == len(statuses(s3, f"GET /{bucket}?list-type"))


def test_upload_that_is_cut_off_leaves_no_object(s3: S3Server, bucket: str, large: Path) -> None:
    """A connection that ends within a part is tried again; if each ends, the upload is given up as a whole."""
    s3.break_with(cut("partNumber=2"))
    s3.files().put_file(large, f"{bucket}/once", chunksize=PART)
    assert large.read_bytes() == s3.files().cat(f"{bucket}/once")

    s3.break_with(cut("partNumber=2", times=ALWAYS))
    with pytest.raises(Exception, match=r"Could not connect|Connection was closed"):
        impatient(s3).put_file(large, f"{bucket}/always", chunksize=PART)

    s3.break_with()
    assert [f"{bucket}/once"] == s3.files().find(bucket)
    assert not s3.files().call_s3("list_multipart_uploads", Bucket=bucket).get("Uploads")


def test_download_that_is_cut_off_is_read_again(s3: S3Server, bucket: str, large: Path) -> None:
    """Half an answer is no answer."""
    s3.files().put_file(large, f"{bucket}/large")
    s3.break_with(cut(f"GET /{bucket}/large"))

    assert large.read_bytes() == s3.files().cat(f"{bucket}/large")

    assert 2 == len(statuses(s3, f"GET /{bucket}/large"))


def test_faults_wait_match_and_end(s3: S3Server, bucket: str) -> None:
    """A fault lets pass what does not match and what comes before it, strikes as often as told, and heals."""
    s3.files().pipe({f"{bucket}/{name}": b"" for name in "ab"})
    files = impatient(s3)
    s3.break_with(refuse("AccessDenied", f"GET /{bucket}/a", after=1, times=1))

    assert [b"", b""] == [files.cat(f"{bucket}/{name}") for name in "ba"]
    with pytest.raises(PermissionError):
        files.cat(f"{bucket}/a")
    assert b"" == files.cat(f"{bucket}/a")

    s3.break_with(refuse("AccessDenied", times=ALWAYS))
    with pytest.raises(PermissionError):
        files.info(f"{bucket}/a")
    s3.heal()
    assert b"" == files.cat(f"{bucket}/a")


def test_objects_survive_a_kill(s3: S3Server, bucket: str, large: Path) -> None:
    """After SIGKILL and a start the same address has the same objects; what was half sent is not among them."""
    endpoint, files = s3.endpoint, s3.files()
    files.put_file(large, f"{bucket}/whole", chunksize=PART)
    s3.break_with(die(f"PUT /{bucket}/half"))

    with pytest.raises(Exception, match=r"[Cc]onnect"):
        impatient(s3).pipe(f"{bucket}/half", b"half")
    s3.wait()
    s3.start()

    assert endpoint == s3.endpoint
    assert [f"{bucket}/whole"] == s3.files().find(bucket)
    assert large.read_bytes() == files.cat(f"{bucket}/whole")
    s3.restart()
    assert large.read_bytes() == files.cat(f"{bucket}/whole")


def test_dlt_loads_while_the_server_dies_and_returns(
    s3: S3Server, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The destination of dlt fails when the server dies under a data file, and completes with the next run."""
    monkeypatch.setenv("LOAD__RAISE_ON_MAX_RETRIES", "1")
    s3.break_with(die(f"PUT /{bucket}/raw/numbers/"))
    with pytest.raises(PipelineStepFailed):
        load(s3, bucket, tmp_path, ROWS)
    s3.wait()
    s3.start()

    load(s3, bucket, tmp_path, ROWS)

    read = s3.duckdb().sql(f"SELECT count(*), count(DISTINCT number) FROM 's3://{bucket}/raw/numbers/*.parquet'")
    assert [(ROWS, ROWS)] == read.fetchall()


@pytest.mark.slow
def test_server_ends_with_its_parent(tmp_path: Path) -> None:
    """A test process that is killed leaves no server behind."""
    code = (
        "import os, pathlib, sys; from tests.servers.s3 import S3Server; server = S3Server(pathlib.Path(sys.argv[1]));"
    )
    code += "print(server.address('s3'), flush=True); os.kill(os.getpid(), 9)"

    # The server has the same standard output: it is only closed when both have ended.
    run = subprocess.run(
        [sys.executable, "-c", code, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, timeout=60, check=False
    )

    host, port = run.stdout.decode().strip().split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))
