"""Which loaded days to load again, because the files that hold them are new, have changed, or are gone."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

from pipelines.pypi.days import CommittedDay
from pipelines.pypi.files import FileDay


@dataclass(frozen=True)
class FileChanges:
    """The loaded days of a project whose files are no longer those that they were loaded from.

    The `changed` days have a file that is new or has changed. The `gone` days have lost a file, whose path is named,
    and no other file of theirs has changed: they are kept as they are.
    """

    changed: set[date] = field(default_factory=set)
    gone: dict[date, str] = field(default_factory=dict)
    sources: dict[date, list[FileDay]] = field(default_factory=dict)
    """The files that each day comes from, until it is loaded again."""


def compare_files(
    found: Mapping[FileDay, date | None],
    recorded: Mapping[date, Collection[FileDay]],
    committed: Mapping[date, CommittedDay],
) -> FileChanges:
    """Compare the files that are there with those that the committed days were loaded from, for one project.

    `recorded` has no files of a day that a lake or an earlier version has loaded, or a run that died before it recorded
    them: such a day is up to date if it has as many rows as its files.
    """
    changes = FileChanges()
    paths = {entry.file.path for entry in found}
    held: dict[date, list[FileDay]] = {}
    for entry, day in found.items():
        if day:
            held.setdefault(day, []).append(entry)
    for day, loaded in committed.items():
        now, then = held.get(day, []), recorded.get(day, ())
        if not then:
            if now and sum(entry.rows for entry in now) != loaded.accepted + loaded.quarantined:
                changes.changed.add(day)
            else:
                changes.sources[day] = now
            continue
        new, lost = _contents(now) - _contents(then), _contents(then) - _contents(now)
        there = {entry.file for entry in now}
        gone = [entry.file.path for entry in then if entry.file.content in lost and entry.file not in there]
        changes.sources[day] = list(then)
        if new or any(path in paths for path in gone):
            changes.changed.add(day)
        elif gone:
            changes.gone[day] = gone[0]
        else:
            changes.sources[day] = now
    return changes


def _contents(entries: Collection[FileDay]) -> Counter[tuple[int, int, str]]:
    return Counter(entry.file.content for entry in entries)
