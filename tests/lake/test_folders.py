"""A lake in a folder: what the disk refuses for good is not told as an outage, which a later run would overcome."""

from pathlib import Path

import pytest

from pipelines.errors import LakeError, LakeOutageError, SettingsError
from tests.support.installation import Installation
from tests.support.lakes import fill_lake, open_lake
from tests.support.rows import downloads, write


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
