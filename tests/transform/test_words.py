"""Numbers, trends and days as sentences write them."""

from typing import Any

import duckdb
import pytest
from sqlglot import parse_one
from sqlmesh import Context
from sqlmesh.core.macros import MacroEvaluator


def say(context: Context, name: str, *arguments: str) -> Any:  # noqa: ANN401 - text, or None
    """What the macro makes of these expressions."""
    macro: Any = context._macros[name]
    text = macro.func(MacroEvaluator("duckdb"), *map(parse_one, arguments))
    [(said,)] = duckdb.sql(f"SELECT {text.sql('duckdb')}").fetchall()
    return said


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("count_words 0", "0"),
        ("count_words 999", "999"),
        ("count_words 1005", "1,005"),
        ("count_words 999999", "999,999"),
        ("count_words 1000000", "1.00M"),
        ("count_words 9994999", "9.99M"),
        ("count_words 9995000", "10.0M"),
        ("count_words 123456789", "123M"),
        ("count_words 999500000", "1.00B"),
        ("count_words 6500000000", "6.50B"),
        ("gibibytes_words 1610612736", "1.50 GiB"),
        ("percent_words 0.0", "0.0%"),
        ("percent_words 0.0004", "less than 0.1%"),
        ("percent_words 0.1125", "11.3%"),
        ("percent_words 1.0", "100.0%"),
        ("roughly_words 0.004", "less than 1%"),
        ("roughly_words 0.0876", "about 9%"),
        ("trend_words 0.018 0.016 0.02", "rising 1.8 points a month (± 0.2)"),
        ("trend_words -0.0034 -0.006 -0.0008", "falling 0.34 points a month (± 0.26)"),
        ("trend_words 0.018 -0.001 0.037", "steady"),
        ("trend_words NULL::DOUBLE NULL::DOUBLE NULL::DOUBLE", None),
        ("change_words 0.031", "up 3.1%"),
        ("change_words -0.5", "down 50.0%"),
        ("change_words 0.0004", "unchanged"),
        ("change_words NULL::DOUBLE", None),
        ("points_words 0.031", "up 3.1 points"),
        ("points_words -0.004", "down 0.4 points"),
        ("day_words '2026-06-01'::DATE", "1 June 2026"),
        ("month_words '2026-12-31'::DATE", "December 2026"),
        ("lens_words 'All downloads'", "downloads"),
        ("lens_words 'Downloads by installers outside CI'", "downloads by installers outside CI"),
    ],
)
def test_words(context: Context, call: str, said: str | None) -> None:
    """A number is short and exact, and what is not known has no words."""
    name, arguments = call.split(" ", 1)

    assert said == say(context, name, *([arguments] if "'" in arguments else arguments.split()))
