"""What a client said, read so that each engine reads the same; what cannot be read is `unknown`.

Patterns have no backslash: engines disagree on how to unescape it.
"""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator

UNKNOWN = "unknown"
LEVELS = 99
"""The highest minor version of a C library for which `oldest_level` looks."""


@macro()
def known(evaluator: MacroEvaluator, text: exp.Expression) -> exp.Expression:
    """The text; `unknown` where there is none or it is empty: `@known(d.details__cpu)`."""
    return evaluator.parse_one(f"COALESCE(NULLIF(TRIM({text.sql('duckdb')}), ''), '{UNKNOWN}')")


@macro()
def read(evaluator: MacroEvaluator, text: exp.Expression, pattern: exp.Literal) -> exp.Expression:
    """What the group of the pattern matches in the text; `unknown` where nothing does: `@read(d.x, '^([0-9]+)')`."""
    return evaluator.parse_one(
        f"COALESCE(NULLIF(REGEXP_EXTRACT({text.sql('duckdb')}, '{pattern.name}', 1), ''), '{UNKNOWN}')"
    )


@macro()
def oldest_level(evaluator: MacroEvaluator, platform: exp.Expression, family: exp.Literal) -> exp.Expression:
    """The lowest minor version that tags of the family name, in whatever order: 17 of `manylinux_2_28.manylinux_2_17`.

    `@oldest_level(platform, 'manylinux_2_')`; NULL where no tag is of that family.
    """
    name = platform.sql("duckdb")
    cases = " ".join(f"WHEN STRPOS({name}, '{family.name}{level}_') > 0 THEN {level}" for level in range(LEVELS))
    return evaluator.parse_one(f"CASE {cases} END")
