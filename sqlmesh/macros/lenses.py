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
WIDEST = LENSES[0]
CI = next(row["column_name"] for row in ROWS if row["dimension"] == "ci")
"""The lens that counts nothing where the source does not record continuous integration."""
WORDS = {row["column_name"]: row["words"][0].lower() + row["words"][1:] for row in ROWS}


RULES = (
    "{row}.is_download",
    "{row}.is_download AND {row}.installer_class <> 'mirror'",
    "{row}.is_download AND {row}.installer_class = 'installer'",
    "{row}.is_download AND {row}.installer_class = 'installer' AND NOT COALESCE({row}.is_ci, FALSE)",
)
"""What each lens counts of a row of `staging.downloads`."""


def _each(template: str) -> list[str]:
    return [
        template.replace("$lens", lens).replace("$wider", ", ".join(f"'{name}'" for name in LENSES[: place + 1]))
        for place, lens in enumerate(LENSES)
    ]


# SQLMesh keeps the models that it has loaded until a file of macros is newer; that a macro reads a seed it cannot know.
if SEED.stat().st_mtime > Path(__file__).stat().st_mtime:
    with suppress(OSError):
        os.utime(__file__, (SEED.stat().st_atime, SEED.stat().st_mtime))


@macro()
def lenses(evaluator: MacroEvaluator, template: exp.Literal, *only: exp.Expression) -> list[exp.Expression]:
    """`template` once for each lens, or for the named ones: `@lenses('SUM($lens)::BIGINT AS $lens')`.

    In it `$lens` is the column of the lens, and `$wider` are the names of the lenses up to it, which count at least as
    much. A sum or mean over days some of which do not record the lens is NULL, as a part would look like the whole.
    """
    names = [lens.name for lens in only] or LENSES
    columns = dict(zip(LENSES, map(evaluator.parse_one, _each(template.name)), strict=True))
    if CI in names:
        _require_whole(columns[CI], evaluator.parse_one(_each(template.name)[0]))
    return [columns[name] for name in names]


def _require_whole(column: exp.Expression, widest: exp.Expression) -> None:
    """Make each aggregate of the column NULL where it has fewer values than that of the widest lens."""
    places = [tuple(each.find_all(exp.Sum, exp.Avg)) for each in (column, widest)]
    for own, other in zip(*places, strict=True):
        counts = [exp.Count(this=aggregate.this.copy()) for aggregate in (own, other)]
        whole = own
        if isinstance(own.parent, exp.Window):
            whole = own.parent
            counts = [_over(whole, count) for count in counts]
        condition = exp.EQ(this=counts[0], expression=counts[1])
        whole.replace(exp.Case(ifs=[exp.If(this=condition, true=whole.copy())]))


def _over(window: exp.Window, aggregate: exp.Expression) -> exp.Expression:
    copy = window.copy()
    copy.set("this", aggregate)
    return copy


@macro()
def sum_lenses(evaluator: MacroEvaluator, row: exp.Expression) -> list[exp.Expression]:
    """The sums of all lenses over rows of `staging.downloads`, and `ci`: 1 where a row says whether it was in CI.

    What follows from them is `@summed_lenses()`.
    """
    rules = [rule.format(row=row.name) for rule in RULES]
    sums = [
        f"SUM(CASE WHEN {rule} THEN {row.name}.log_rows ELSE 0 END) AS {lens}"
        for rule, lens in zip(rules, LENSES, strict=True)
    ]
    ci = f"MAX(CASE WHEN {rules[0]} AND NOT {row.name}.is_ci IS NULL THEN 1 ELSE 0 END) AS ci"
    return [evaluator.parse_one(column) for column in (*sums, ci)]


@macro()
def summed_lenses(evaluator: MacroEvaluator) -> list[exp.Expression]:
    """The lenses by `@sum_lenses`, without that outside CI on a day of which no row says whether it was in CI.

    Such a day comes from a source that does not record it.
    """
    recorded = f"CASE WHEN {WIDEST} = 0 OR MAX(ci) OVER (PARTITION BY day, project) = 1 THEN {CI} END"
    return [evaluator.parse_one(f"CAST({recorded if lens == CI else lens} AS BIGINT) AS {lens}") for lens in LENSES]


@macro()
def comparable(
    evaluator: MacroEvaluator, template: exp.Literal, now: exp.Expression, earlier: exp.Expression
) -> list[exp.Expression]:
    """`template` once for each lens, NULL unless the log counts it alike since the day `earlier` up to the row `now`.

    Each comparison of two periods goes through this: `@comparable('b.$lens', now, before.week)` is `b.$lens` where
    `now.comparable_since_$lens`, the last day on which the log has changed by the lens, is not after that day.
    """
    since = f"COALESCE({now.name}.comparable_since_$lens, CAST('1970-01-01' AS DATE))"
    case = f"CASE WHEN {since} <= {earlier.sql('duckdb')} THEN {{value}} END"
    values, names = template.name.rsplit(" AS ", 1)
    return [evaluator.parse_one(text) for text in _each(f"{case.format(value=values)} AS {names}")]


PARTS = {
    "version": ("version", "version"),
    "python": ("python", "python_minor"),
    "installer": ("installer", "installer"),
    "installer_class": ("installer_class", "installer_class"),
    "subcommand": ("subcommand", "CASE WHEN subcommand <> 'not recorded' THEN installer || ' ' || subcommand END"),
    "system": ("system", "system"),
    "country": ("country", "country_code"),
    "file_type": ("file_type", "file_type"),
    "wheel_kind": ("wheel", "kind"),
    "wheel_system": ("wheel", "platform_system"),
    "manylinux": ("wheel", "manylinux"),
    "musllinux": ("wheel", "musllinux"),
    "architecture": ("wheel", "architecture"),
    "threading": ("wheel", "threading"),
    "cpu": ("cpu", "cpu"),
    "distro": ("distro", "distro"),
    "libc": ("libc", "libc"),
}
"""By dimension: the mart that has it, without its `downloads_by_`, and its column, or an expression of them."""


@macro()
def parts(evaluator: MacroEvaluator, *dimensions: exp.Expression) -> exp.Expression:
    """The downloads of each day by each of the dimensions, as a query: `WITH parts AS (@parts(version, python, ci))`.

    Its columns are `day`, `project`, `dimension`, `value`, and the lenses. The dimension `ci` has one value. Where the
    source does not record a dimension its value is NULL, and the counts of `ci` are.
    """
    queries = []
    for name in (dimension.name for dimension in dimensions):
        if name == "ci":
            in_ci = f"downloads_by_installers - {CI}"
            source, value = "daily", "'in CI'"
            columns = ", ".join(f"{f'{CI} - {CI}' if lens == CI else in_ci} AS {lens}" for lens in LENSES)
        else:
            mart, value = PARTS[name]
            source, columns = f"by_{mart}", ", ".join(LENSES)
        queries.append(
            f"SELECT day, project, '{name}' AS dimension, {value} AS value, {columns} FROM marts.downloads_{source}"
        )
    return evaluator.parse_one(" UNION ALL ".join(queries))


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
