"""A lake in a folder: what the disk refuses for good is not told as an outage, which a later run would overcome."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.errors import LakeError, LakeOutageError, SettingsError
from pipelines.lake.restore import restore_warehouse
from pipelines.lake.sync import rewrite_lake
from pipelines.pypi.windows import Backfill
from tests.support.installation import Installation
from tests.support.lakes import assert_agree, fill_lake, open_lake
from tests.support.rows import downloads, july, write

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATIONS", '["warehouse", "lake"]')
    monkeypatch.setenv("DESTINATION__LAKE__BUCKET_URL", str(tmp_path / "lake"))


def test_name_that_is_too_long_for_the_disk_is_no_outage(project: Installation, tmp_path: Path) -> None:
    """The contract allows 256 characters, and a disk fewer: each run would fail in the same way."""
    name = "a" * 250
    loaded = project.reading(write(tmp_path / "rows.parquet", downloads({name: {1: 2}})), name)
    loaded.load()

    with pytest.raises(LakeError, match="takes no file that is named after so long a project name") as raised:
        fill_lake(loaded)

    assert not isinstance(raised.value, LakeOutageError)
    assert "Use a bucket" in raised.value.remedy


@pytest.mark.parametrize(
    ("bucket_url", "folder"),
    [("lake", "lake"), ("./lake", "lake"), ("file:lake", "lake"), ("file:///somewhere/lake", "/somewhere/lake")],
)
def test_folder_is_found_from_the_working_folder(
    project: Installation, monkeypatch: pytest.MonkeyPatch, bucket_url: str, folder: str
) -> None:
    """Whatever the form of its name, it is absolute from the start."""
    monkeypatch.setenv("DESTINATION__LAKE__BUCKET_URL", bucket_url)

    assert str(Path(folder).absolute()) == open_lake(project).bucket_url


@pytest.mark.parametrize("bucket_url", ["a*", "b?", "c[1]"])
def test_folder_that_is_a_pattern_is_refused(
    project: Installation, monkeypatch: pytest.MonkeyPatch, bucket_url: str
) -> None:
    """Files are looked for by patterns below it."""
    monkeypatch.setenv("DESTINATION__LAKE__BUCKET_URL", bucket_url)

    with pytest.raises(SettingsError, match="would be taken for a pattern"):
        open_lake(project)


def test_password_in_a_url_is_not_shown(project: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run and `just doctor` print where a lake is."""
    monkeypatch.setenv("DESTINATION__LAKE__BUCKET_URL", "s3://key:password@bucket/prefix")
    monkeypatch.setenv("DESTINATION__LAKE__CREDENTIALS__AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("DESTINATION__LAKE__CREDENTIALS__AWS_SECRET_ACCESS_KEY", "secret")

    assert "s3://***@bucket/prefix" == open_lake(project).url


@pytest.fixture
def filled(project: Installation, tmp_path: Path) -> Installation:
    """A project that has filled its lake with two days."""
    loaded = project.reading(write(tmp_path / "rows.parquet", downloads({"one": {1: 2, 2: 3}})), "one")
    loaded.load()
    fill_lake(loaded)
    return loaded


@pytest.mark.parametrize("content", [b"", b"PAR1 cut PAR1"])
def test_damaged_manifest_is_named_and_written_again(filled: Installation, tmp_path: Path, content: bytes) -> None:
    """The lake is derived from the warehouse."""
    (tmp_path / "lake/raw/manifest/manifest.parquet").write_bytes(content)

    with pytest.raises(LakeError, match=r"manifest\.parquet of the lake is damaged") as raised:
        fill_lake(filled)
    with filled.warehouse() as warehouse:
        written = rewrite_lake(open_lake(filled), warehouse)

    assert "just sync" in raised.value.remedy
    assert 2 == written
    assert_agree(filled)


def test_manifest_of_another_shape_is_named(filled: Installation, tmp_path: Path) -> None:
    """So is a file of another program under its name."""
    pq.write_table(pa.table({"day": [1]}), tmp_path / "lake/raw/manifest/manifest.parquet")

    with pytest.raises(LakeError, match=r"manifest\.parquet of the lake is damaged"):
        fill_lake(filled)


@pytest.mark.parametrize("damage", ["cut", "a byte of a page"])
def test_damaged_day_is_named_and_not_told_as_an_outage(filled: Installation, tmp_path: Path, damage: str) -> None:
    """A restore names the file: trying again would not help."""
    file = tmp_path / "lake/raw/file_downloads/day=2026-07-02/one.parquet"
    content = bytearray(file.read_bytes())
    content[20:60] = bytes(40)
    file.write_bytes(b"PAR1" if damage == "cut" else content)
    empty = Installation(tmp_path / "other" / "data", filled.settings)

    with empty.warehouse() as warehouse, pytest.raises(LakeError, match=r"day=2026-07-02/one\.parquet") as raised:
        restore_warehouse(warehouse, open_lake(empty))

    assert not isinstance(raised.value, LakeOutageError)
    assert "just backfill 2026-07-02 2026-07-03 one`" in raised.value.remedy
    empty.load(backfill=Backfill(["one"], july(2), july(3)))
    with empty.warehouse() as warehouse:
        assert 1 == restore_warehouse(warehouse, open_lake(empty))
    assert [(5,)] == empty.query("SELECT COUNT(*) FROM raw.file_downloads")
