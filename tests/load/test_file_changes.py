"""Which days have other files than those that they were loaded from."""

from datetime import date

from pipelines.load.file_changes import compare_files
from pipelines.pypi.days import CommittedDay
from pipelines.pypi.files import FileDay, SourceFile
from tests.support.rows import july

COMMITTED = {july(1): CommittedDay("one", july(1), 2, 1, "parquet", "1")}


def held(name: str, version: int = 1, rows: int = 3) -> FileDay:
    """The first of July in a file; each version of the file is other content."""
    return FileDay(SourceFile(name, 9, version, "digest"), "one", "one", july(1), rows)


def judged(found: list[FileDay], recorded: list[FileDay]) -> tuple[set[date], dict[date, str], list[FileDay]]:
    """What has changed, what is gone, and where the day comes from until it is loaded again."""
    changes = compare_files(dict.fromkeys(found, july(1)), {july(1): recorded} if recorded else {}, COMMITTED)
    return changes.changed, changes.gone, changes.sources.get(july(1), [])


def test_same_files_are_no_change() -> None:
    """Also under another path."""
    assert (set(), {}, [held("b")]) == judged([held("b")], [held("a")])


def test_new_or_changed_file_is_a_change_and_the_record_stays() -> None:
    """Until the day is loaded again, it comes from what it was loaded from: a later run must not take it for loaded."""
    assert ({july(1)}, {}, [held("a")]) == judged([held("a", 2)], [held("a")])
    assert ({july(1)}, {}, [held("a")]) == judged([held("a"), held("b")], [held("a")])
    assert ({july(1)}, {}, [held("a")]) == judged([held("b", 2)], [held("a")])


def test_copy_of_a_file_is_a_new_file() -> None:
    """Two files with the same content have twice its rows."""
    assert ({july(1)}, {}, [held("a")]) == judged([held("a"), held("b")], [held("a")])


def test_file_that_is_gone_keeps_its_days() -> None:
    """As long as nothing that holds the day is new."""
    assert (set(), {july(1): "a"}, [held("a"), held("b")]) == judged([held("b")], [held("a"), held("b")])
    assert ({july(1)}, {}, [held("a"), held("b")]) == judged([held("b", 2)], [held("a"), held("b")])


def test_day_without_a_record_is_judged_by_its_number_of_rows() -> None:
    """Rows in quarantine are rows of the file, too; without a file there is nothing to compare."""
    assert (set(), {}, [held("a")]) == judged([held("a")], [])
    assert ({july(1)}, {}, []) == judged([held("a", rows=4)], [])
    assert (set(), {}, []) == judged([], [])
