"""`just report`: one month of one project, from the exported marts alone."""

import json
from datetime import date
from typing import Any

import duckdb
import pytest

from pipelines.lenses import Lens
from tests.support.installation import Done, Installation

JUNE, MAY = date(2026, 6, 1), date(2026, 5, 1)
HOSTILE = "1.0[bold]|<script>\n\x1b[31m"
NOTES = {5: "30 of 31 days are there.", 6: "All days are there.", 7: "Days that may still grow: 1."}
INSTALLERS, ALL = Lens.INSTALLERS.column, Lens.ALL.column


def fill(connection: duckdb.DuckDBPyConnection, mart: str, types: str, *rows: tuple[Any, ...]) -> None:
    connection.execute(f"CREATE TABLE marts.{mart} ({types})")
    for row in rows:
        connection.execute(f"INSERT INTO marts.{mart} VALUES ({', '.join('?' * len(row))})", row)


@pytest.fixture
def exported(project: Installation) -> Installation:
    """A project with the marts of a report, exported by hand: May is not whole, June is, July has begun."""
    (project.folder / "exports").mkdir(parents=True)
    with duckdb.connect(project.folder / "exports" / "pypi.duckdb") as connection:
        connection.execute("CREATE SCHEMA marts")
        fill(connection, "load_status", "is_demo BOOLEAN", (False,))
        columns = ", ".join(f"{x.column} BIGINT, change_{x.column} DOUBLE, change_year_{x.column} DOUBLE" for x in Lens)
        fill(
            connection,
            "downloads_monthly",
            "month DATE, project TEXT, is_whole BOOLEAN, days INT, days_counted INT, days_wrong INT, "
            f"days_provisional INT, {columns}",
            (MAY, "one", False, 31, 30, 1, 0, *(900, None, None) * 4),
            (JUNE, "one", True, 30, 30, 0, 0, *(1234, 0.031, None) * 3, None, None, None),
            (date(2026, 7, 1), "one", False, 31, 2, 0, 1, *(50, None, None) * 4),
        )
        fill(
            connection,
            "answers",
            "project TEXT, page TEXT, subject TEXT, lens TEXT, period TEXT, sentence TEXT, note TEXT, last_day DATE",
            *(
                ("one", "report", "", lens.column, f"2026-0{month}", f"{month}: by {lens}.", NOTES[month], None)
                for lens in Lens
                for month in (5, 6, 7)
            ),
            ("one", "report", "python", INSTALLERS, "2026-06", "Python 3.9 is old.", "", date(2026, 7, 2)),
            ("one", "python", "3.10", INSTALLERS, "4w", "Python 3.10 is not.", "", date(2026, 7, 2)),
        )
        parts = ", ".join(f"{x.column} BIGINT, share_{x.column} DOUBLE, change_share_{x.column} DOUBLE" for x in Lens)
        places = ", ".join(f"place_{lens.column} INT" for lens in Lens)
        fill(
            connection,
            "breakdown_periods",
            f"project TEXT, period TEXT, dimension TEXT, label TEXT, {parts}, {places}",
            ("one", "2026-06", "country", "Germany", *(100, 0.1, None) * 4, *(1,) * 4),
            ("one", "2026-06", "version", HOSTILE, *(1000, 0.9, -0.012) * 4, *(1,) * 4),
            ("one", "2026-06", "version", "gone", *(0, 0.0, -0.5) * 4, *(3,) * 4),
            ("one", "4w", "version", "other period", *(7, 1.0, None) * 4, *(1,) * 4),
        )
        fill(
            connection,
            "events",
            "project TEXT, lens TEXT, first_day DATE, last_day DATE, kind TEXT, what TEXT, sentence TEXT, source TEXT",
            ("one", INSTALLERS, date(2026, 5, 31), JUNE, "rise", "rise", "Twice the usual.", None),
            ("one", ALL, JUNE, JUNE, "rise", "rise", "By another lens.", None),
            ("one", "", date(2026, 6, 9), date(2026, 6, 9), "release", "2.0", "Release of 2.0.", None),
            ("one", "", date(2026, 7, 1), date(2026, 7, 1), "release", "3.0", "Release of 3.0.", None),
        )
    return project


def ask(project: Installation, *arguments: str) -> Done:
    done = project.cli("report", *arguments)
    assert done.returncode == 0, done.stderr
    return done


def test_report_is_of_the_last_whole_month(exported: Installation) -> None:
    """It has the sentence, the lenses, the largest values and the events of that month, by the lens asked for."""
    text = ask(exported, "One").stdout
    lines = [" ".join(line.split()) for line in text.splitlines()]

    assert ["one in June 2026", "", "6: by installers.", "All days are there.", "", "Downloads"] == lines[:6]
    assert "By installers 1,234 +3.1% -" in lines
    assert "Outside CI - - -" in lines
    assert "Germany 100 10.0% -" in lines
    assert "Python 3.9 is old. (28 days to 2 July 2026)" in lines
    assert ["31 May 2026 to 1 June 2026: Twice the usual.", "9 June 2026: Release of 2.0."] == lines[-2:]
    assert not [line for line in lines if line.startswith(("gone", "other period"))]
    assert "6: by all.\n" in ask(exported, "one", "--lens", "all").stdout


def test_report_says_what_is_not_to_be_trusted(exported: Installation) -> None:
    """A month with missing, wrong or provisional days says so; what is not known of it is left out."""
    may, july = (ask(exported, "one", "--month", month).stdout for month in ("2026-05", "2026-07"))

    assert "30 of 31 days are there.\n" in may
    assert "Days that may still grow: 1.\n" in july
    assert "Versions" not in may
    assert "Python 3.9" not in may


def test_text_from_outside_is_no_markup(exported: Installation) -> None:
    """A version's name ends no cell, colours no terminal, and is no HTML where the Markdown is shown."""
    text = ask(exported, "one").stdout
    markdown = ask(exported, "one", "--format", "markdown").stdout

    assert "1.0[bold]|<script>" in text
    assert "\x1b" not in text + markdown
    assert "| 1.0\\[bold]\\|&lt;script> \\x1b\\[31m | 1,000 | 90.0% | -1.2 |" in markdown
    assert markdown.startswith(
        "# one in June 2026\n\n6: by installers.\nAll days are there.\n\n## Downloads\n\n| lens |"
    )
    assert "- 9 June 2026: Release of 2.0.\n" in markdown


def test_json_has_the_numbers(exported: Installation) -> None:
    """For other programs: fractions, days as text, NULL as null."""
    document = json.loads(ask(exported, "one", "--json").stdout)

    assert (document["month"], document["lens"]) == ("2026-06", INSTALLERS)
    assert {"lens": "All", "downloads": 1234, "change": 0.031, "change_year": None} == document["counts"][0]
    assert [HOSTILE, "Germany"] == [share["label"] for share in document["shares"]]
    assert ["2026-05-31", "2026-06-09"] == [event["first_day"] for event in document["events"]]


def test_what_is_not_there_is_named(exported: Installation) -> None:
    """A project without downloads, a month without a report, and no month at all are errors with a remedy."""
    errors = [exported.cli("report", *given).stderr for given in (["two"], ["one", "--month", "2020-01"])]

    assert errors[0] == "Error: There is no report of 'two'.\nThe projects are one.\n"
    assert errors[1] == (
        "Error: There is no report of 'one' for 2020-01.\nThere are reports of its last months, 2026-05 to 2026-07.\n"
    )
    assert exported.cli("report", "one", "--month", "June").returncode == 2
