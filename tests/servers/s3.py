"""An S3 server on this machine, and ways for genuine clients to reach it.

    s3 = S3Server(folder)       # starts it; `with` stops it
    s3.make_bucket("lake")
    s3.files().ls("lake")       # s3fs
    s3.duckdb().sql("FROM 's3://lake/*.parquet'")
    s3.credentials              # as dlt's `AwsCredentials` takes them

It answers as S3 does: 403 InvalidAccessKeyId and SignatureDoesNotMatch, 404 NoSuchBucket and NoSuchKey, 400
AuthorizationHeaderMalformed for a wrong region, 400 EntityTooSmall for a part under 5 MiB that is not the last.
"""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import duckdb
import s3fs

from tests.servers.process import ServerProcess

ALWAYS = sys.maxsize


class S3Server(ServerProcess):
    """The server; what is put into it survives `kill` and `restart`, faults and log do not."""

    access_key = "test:tester"
    secret_key = "testing"  # noqa: S105 - of this server only
    # Not the region that clients fall back to.
    region = "eu-central-1"

    def __init__(self, folder: Path) -> None:
        key = (f"--access-key={self.access_key}", f"--secret-key={self.secret_key}", f"--region={self.region}")
        super().__init__(folder, ".venv-s3", "tests.servers.s3_server", *key)

    @property
    def endpoint(self) -> str:
        return f"http://{self.address('s3')}"

    @property
    def credentials(self) -> dict[str, str]:
        """The fields of dlt's credentials for S3."""
        return {
            "aws_access_key_id": self.access_key,
            "aws_secret_access_key": self.secret_key,
            "endpoint_url": self.endpoint,
            "region_name": self.region,
        }

    def environment(self, bucket: str) -> dict[str, str]:
        """Settings that make a lake of the bucket."""
        url = {"DESTINATION__LAKE__BUCKET_URL": f"s3://{bucket}/lake"}
        keys = {f"DESTINATION__LAKE__CREDENTIALS__{name.upper()}": value for name, value in self.credentials.items()}
        return url | keys

    def restart(self) -> None:
        """Kill it and start it again on the same port, with the objects that it had."""
        self.kill()
        self.start()

    def make_bucket(self, name: str) -> str:
        """An empty bucket, new; its name."""
        self.files().mkdir(name)
        return name

    def files(self, **options: Any) -> s3fs.S3FileSystem:  # noqa: ANN401 - s3fs's
        """Return a client that caches no listing: of the right key and region, unless options of s3fs say otherwise."""
        defaults = {
            "key": self.access_key,
            "secret": self.secret_key,
            "endpoint_url": self.endpoint,
            "client_kwargs": {"region_name": self.region},
            "use_listings_cache": False,
        }
        return s3fs.S3FileSystem(**defaults | options)

    def duckdb(self, **secret: str) -> duckdb.DuckDBPyConnection:
        """Make a DuckDB that reads and writes `s3://` here, with the right key and region unless told otherwise."""
        connection = duckdb.connect(config={"autoinstall_known_extensions": False})
        connection.execute(f"LOAD '{httpfs()}'")
        values = {"key": self.access_key, "secret": self.secret_key, "region": self.region} | secret
        connection.execute(
            "CREATE SECRET (TYPE s3, KEY_ID $key, SECRET $secret, REGION $region, ENDPOINT $endpoint, URL_STYLE 'path',"
            " USE_SSL false)",
            values | {"endpoint": self.address("s3")},
        )
        return connection

    def break_with(self, *faults: dict[str, Any]) -> None:
        """Replace the faults by these; none heals the server. `refuse`, `delay`, `cut` and `die` make them."""
        self.control(".control/faults", list(faults), name="s3")

    def heal(self) -> None:
        """End all faults, and start it if it is dead."""
        if self.is_running:
            self.break_with()
        else:
            self.start()

    def requests(self) -> list[dict[str, Any]]:
        """Each since the start: `request`, as `PUT /bucket/key?partNumber=1&...`, and the `status` of its answer.

        One that was cut off has the status that nobody could read, or None.
        """
        entries: list[dict[str, Any]] = self.control(".control/log", name="s3")
        return entries


def refuse(code: str, match: str = "", **often: int) -> dict[str, Any]:
    """A fault: an error of S3 as the answer: `AccessDenied`, `InternalError` or `SlowDown`.

    Every fault strikes requests that have `match` in them, as `PUT /lake/`, `?uploads`, or `partNumber=2`; it lets
    `after` of them pass (0), then strikes `times` of them (1; ALWAYS).
    """
    return _fault(match, often, code=code)


def delay(seconds: float, match: str = "", **often: int) -> dict[str, Any]:
    """A fault: the answer is late."""
    return _fault(match, often, delay=seconds)


def cut(match: str = "", **often: int) -> dict[str, Any]:
    """A fault: the connection ends in the middle of the request's body, or of the answer if it has none."""
    return _fault(match, often, **{"break": "cut"})


def die(match: str = "", **often: int) -> dict[str, Any]:
    """A fault: there, the server kills itself; `wait` and `start` bring it back."""
    return _fault(match, often, **{"break": "die"})


def _fault(match: str, often: dict[str, int], **what: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"match": match, "after": 0, "times": 1} | often | what


def httpfs() -> Path:
    """The file of DuckDB's extension that a package has brought: nothing is downloaded."""
    spec = importlib.util.find_spec("duckdb_extension_httpfs")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "extensions" / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"
