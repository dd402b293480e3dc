"""Files as an upstream: each is read once and literally, and names itself where it cannot be read."""

import os
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.errors import SourceError, UnknownProjectError
from pipelines.pypi.columns import COUNTS
from pipelines.pypi.files import FileDay, SourceFile
from pipelines.pypi.source import _numbered
from pipelines.pypi.upstreams.parquet import ParquetUpstream
from pipelines.pypi.validation import split
from pipelines.pypi.windows import Window
from tests.support.installation import NOW
from tests.support.rows import SCHEMA, download, july, write

FIRST_DAYS = Window("one", july(1), july(8))


def upstream(path: Path | str) -> ParquetUpstream:
    return ParquetUpstream(str(path), "timestamp", NOW)


def read(path: Path | str, window: Window = FIRST_DAYS) -> pa.Table:
    return pa.concat_tables(upstream(path).read(window))


@pytest.mark.parametrize(
    "name", ["a*.parquet", "a?.parquet", "[ab].parquet", "a'b.parquet", "{a,b}.parquet", "a\\b.parquet", "**.parquet"]
)
def test_names_are_literal(tmp_path: Path, name: str) -> None:
    """A name that looks like a pattern is the name of one file."""
    write(tmp_path / "a.parquet", [download(july(1)) for _ in range(3)])
    write(tmp_path / "ab.parquet", [download(july(2))])
    write(tmp_path / name, [download(july(3))])

    assert 5 == read(tmp_path).num_rows


@pytest.mark.parametrize("folder", ["country_code=FR", "project=two", "timestamp=2026-07-02", "hidden=1/day=3"])
def test_rows_overrule_the_names_of_folders(tmp_path: Path, folder: str) -> None:
    """What a row says is not replaced by what the folder of its file is called."""
    write(tmp_path / folder / "a.parquet", [download(july(1))])

    rows = read(tmp_path)

    assert ["DE", "one", july(1)] == [
        rows["country_code"][0].as_py(),
        rows["project"][0].as_py(),
        rows["timestamp"][0].as_py().date(),
    ]


@pytest.mark.parametrize("link", [os.symlink, os.link], ids=["symbolic", "hard"])
def test_links_count_once(tmp_path: Path, link: object) -> None:
    """A file that has two names is one file, whether a folder or a glob leads to them."""
    file = write(tmp_path / "a.parquet", [download(july(1))])
    assert callable(link)
    link(file, tmp_path / "z.parquet")
    (tmp_path / "loop").symlink_to(tmp_path)

    assert (
        1 == read(tmp_path).num_rows == read(tmp_path / "*.parquet").num_rows == read(tmp_path / "z.parquet").num_rows
    )


def test_damaged_page_names_its_file(tmp_path: Path) -> None:
    """The file is named with what to do about it: its schema is right, so it is found only when its rows are read."""
    write(tmp_path / "a.parquet", [download(july(1))])
    file = write(tmp_path / "b.parquet", [download(july(1), url=f"/{number}") for number in range(5_000)])
    content = bytearray(file.read_bytes())
    content[4 : len(content) // 2] = bytes(len(content) // 2 - 4)
    file.write_bytes(content)

    with pytest.raises(SourceError, match=r"b\.parquet cannot be read.*\nExport it again, or remove it"):
        read(tmp_path)


def test_damaged_footer_names_its_file(tmp_path: Path) -> None:
    """So does a file whose end is garbage or missing."""
    content = write(tmp_path / "a.parquet", [download(july(1))]).read_bytes()
    for damaged in (content[:-400] + bytes(392) + content[-8:], content[:-1], b"", b"PAR1" * 3):
        (tmp_path / "b.parquet").write_bytes(damaged)

        with pytest.raises(SourceError, match=r"b\.parquet (is not a Parquet file|cannot be read)"):
            upstream(tmp_path).check(["one"])


def test_folder_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that may not be listed could hold files: it is not passed over."""
    write(tmp_path / "a.parquet", [download(july(1))])

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(SourceError, match=f"{tmp_path} cannot be read: Permission denied"):
        upstream(tmp_path).check(["one"])


def test_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """Neither DuckDB nor the warehouse can hold such a name."""
    write(tmp_path / "a.parquet", [download(july(1))]).rename(tmp_path / os.fsdecode(b"a\xff.parquet"))

    with pytest.raises(SourceError, match="not UTF-8"):
        upstream(tmp_path).check(["one"])


def test_other_spellings_are_the_same_project(tmp_path: Path) -> None:
    """Names are compared and loaded in their normal form, in whatever form the file has them."""
    write(tmp_path / "a.parquet", [download(july(1), name) for name in ("my-pkg", "My_Pkg", "my.-pkg", "mypkg")])

    rows = read(tmp_path, Window("my-pkg", july(1), july(2)))

    assert ["my-pkg"] * 3 == rows["project"].to_pylist()


def test_project_without_rows_stops_only_itself(tmp_path: Path) -> None:
    """A project that has no download yet is no error beside one that has; alone it is."""
    write(tmp_path / "a.parquet", [download(july(1))])

    assert [] == upstream(tmp_path).check(["one", "new"])
    assert date.min == upstream(tmp_path).available_until("new", None)
    with pytest.raises(
        UnknownProjectError, match=r"No download of the project 'new' or 'newer'.*\n.*among others: one"
    ):
        upstream(tmp_path).check(["new", "newer"])


def test_projects_end_by_themselves(tmp_path: Path) -> None:
    """Each project is known up to its own last row; the end of the settings covers all, but no day after the files."""
    write(tmp_path / "a.parquet", [download(july(3)), download(july(9), "two"), download(date(2990, 1, 1))])
    files = upstream(tmp_path)

    assert [july(4), july(10)] == [files.available_until(name, None) for name in ("one", "two")]
    assert july(20) == files.available_until("one", july(20))
    os.utime(tmp_path / "a.parquet", (0, NOW.timestamp()))
    assert NOW.date() == upstream(tmp_path).available_until("one", date(2031, 1, 1))


def test_rows_from_the_future_fail_on_the_last_day_of_their_file(tmp_path: Path) -> None:
    """They extend no window, are read with that day, and fail the contract; so do those that Python cannot hold."""
    beyond = pa.scalar(2**62, pa.timestamp("us", tz="UTC"))
    rows = [download(july(1)), download(july(2)), download(date(2990, 1, 1), "One")]
    write(tmp_path / "a.parquet", rows)
    write(tmp_path / "b.parquet", [download(july(4))])
    timestamp = pa.array([beyond.value], beyond.type)
    late = pa.Table.from_pylist([download(july(1))], schema=SCHEMA).set_column(0, SCHEMA.field(0), timestamp)
    pq.write_table(
        pa.concat_tables([late, pa.Table.from_pylist([download(july(3))], schema=SCHEMA)]), tmp_path / "c.parquet"
    )

    accepted, failed = 0, []
    for batch in upstream(tmp_path).read(FIRST_DAYS):
        passed, quarantined = split(_numbered(batch, 0), "one")
        accepted += passed.num_rows
        failed += quarantined.to_pylist()

    assert 4 == accepted
    assert [(july(2), "2990-01-01"), (july(3), "9999-12-30")] == [
        (row["day"], row["reason"].partition("(input ")[2][:10]) for row in failed
    ]
    assert all("Rows from the future" in row["reason"] for row in failed)


def test_counts_from_the_future_fail_too(tmp_path: Path) -> None:
    """At the grain of a day, a count of the year 2990 is quarantined on the last day of its file."""
    write(
        tmp_path / "a.parquet", [download(july(2)), download(july(2)), *(download(date(2990, 1, 1)) for _ in range(3))]
    )
    batches = [*upstream(tmp_path).read(Window("one", july(1), july(8), "day"))]

    [accepted, future] = [split(_numbered(batch, 0), "one", COUNTS) for batch in batches]

    assert ([2], 0) == (accepted[0]["log_rows"].to_pylist(), accepted[1].num_rows)
    rejected = future[1]
    assert (0, [july(2)], [3]) == (future[0].num_rows, rejected["day"].to_pylist(), rejected["log_rows"].to_pylist())


def test_future_alone_and_no_timestamp_are_no_day(tmp_path: Path) -> None:
    """What no day can be said of is counted, and not loaded."""
    nullable = SCHEMA.set(0, SCHEMA.field(0).with_nullable(True))  # noqa: FBT003 - Arrow's own
    write(tmp_path / "a.parquet", [download(NOW.date() + timedelta(days=1))])
    write(tmp_path / "b.parquet", [download(july(1)), download(july(1), timestamp=None)], nullable)

    assert 2 == upstream(tmp_path).count_without_day("one")
    assert 1 == read(tmp_path).num_rows


def test_known_files_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their days are taken from the record; those of a file that is new or has changed are counted."""
    write(tmp_path / "a.parquet", [download(july(1))])
    write(tmp_path / "b.parquet", [download(july(2))])
    first = upstream(tmp_path)
    first.check(["one"])
    write(tmp_path / "b.parquet", [download(july(3))])
    second, counted = upstream(tmp_path), list[str]()

    def count(file: SourceFile, names: Sequence[str]) -> list[FileDay]:
        counted.append(file.path)
        return upstream(tmp_path)._count(file, names)

    monkeypatch.setattr(second, "_count", count)

    second.check(["one"], first.file_days("one"))

    assert [str(tmp_path / "b.parquet")] == counted
    assert {july(1), july(3)} == {day for day in second.file_days("one").values() if day}
