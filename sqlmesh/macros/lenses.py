"""The ways of counting downloads, each a column of every KPI, and the descriptions of columns."""

import csv
import os
from contextlib import suppress
from pathlib import Path

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator

SEED = Path(__file__).parents[1] / "seeds" / "lenses.csv"

with SEED.open(encoding="utf-8", newline="") as file:
    ROWS = list(csv.DictReader(file))
LENSES = tuple(row["column_name"] for row in ROWS)
WORDS = {row["column_name"]: row["words"][0].lower() + row["words"][1:] for row in ROWS}

# SQLMesh keeps the models that it has loaded until a file of macros is newer; that a macro reads a seed it cannot know.
if SEED.stat().st_mtime > Path(__file__).stat().st_mtime:
    with suppress(OSError):
        os.utime(__file__, (SEED.stat().st_atime, SEED.stat().st_mtime))


@macro()
def lenses(evaluator: MacroEvaluator, template: exp.Literal) -> list[exp.Expression]:
    """`template` once for each lens, with its column for `$lens`: `@lenses('SUM($lens)::BIGINT AS $lens')`."""
    return [evaluator.parse_one(template.name.replace("$lens", lens)) for lens in LENSES]


@macro()
def by_lens(evaluator: MacroEvaluator, lens: exp.Expression, template: exp.Literal) -> exp.Expression:
    """The column of the lens that a row names: `@by_lens(l.column_name, 't.$lens')`."""
    cases = " ".join(f"WHEN '{name}' THEN {template.name.replace('$lens', name)}" for name in LENSES)
    return evaluator.parse_one(f"CASE {lens.sql('duckdb')} {cases} END")


# The words are no part of a model's data: who rewords one must not compute all marts again.
@macro(metadata_only=True)
def described(_evaluator: MacroEvaluator, *arguments: exp.Expression) -> list[exp.Expression]:
    """Columns with their meaning as a comment, which SQLMesh takes for their description.

    In the meaning `$lens` is the lens that the name of the column ends with, and `$downloads` what it counts:
    `@described(@lenses('SUM($lens)::BIGINT AS sum_$lens'), 'Sum of $downloads.')`.
    """
    *columns, meaning = arguments
    for column in columns:
        text = meaning.name
        if lens := next((lens for lens in WORDS if column.alias_or_name.endswith(lens)), None):
            text = text.replace("$lens", lens).replace("$downloads", WORDS[lens])
        column.comments = [f" {text[:1].upper()}{text[1:]} "]
    return columns
