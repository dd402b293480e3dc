"""The four ways of counting downloads; every KPI is a column in each of them."""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator

LENSES = ("downloads", "downloads_without_mirrors", "downloads_by_installers", "downloads_outside_ci")


@macro()
def lenses(evaluator: MacroEvaluator, template: exp.Literal) -> list[exp.Expression]:
    """`template` once for each lens, with the lens for `$lens`: `@lenses('SUM($lens)::BIGINT AS $lens')`."""
    return [evaluator.parse_one(template.name.replace("$lens", lens)) for lens in LENSES]
