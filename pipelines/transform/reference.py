"""Writes docs/metrics.md from the models, where each KPI is defined: `python -m pipelines.transform.reference`."""

import os
from collections.abc import Iterator
from pathlib import Path

from sqlglot import exp
from sqlmesh import Context
from sqlmesh.core.console import NoopConsole, set_console
from sqlmesh.core.model import Model

from pipelines.lenses import Lens
from pipelines.transform.fingerprint import MODELS_FOLDER

DOCUMENT = MODELS_FOLDER.parent / "docs" / "metrics.md"
LAYERS = {
    "marts": "Marts: what the site shows and the exports hold",
    "staging": "Staging: what the marts are made of",
    "reference": "Reference: lists that are kept by hand",
}
_INTRODUCTION = """\
# Metrics

For whoever looks up a column of a mart. Written by `just format` from the models; a test fails where
it is not current.

A download is a row of PyPI's log for a file of a release: a fetch, not a user. A share and a change are fractions,
0.12 being 12 % or +12 %; a change of a share is in points, 0.01 being one percentage point. A period is whole where
all of its days are loaded, and the log neither lacks one nor has it wrong; a day is provisional while upstream may
still fill it. A trend is a line of least squares through whole weeks. Its interval of 95 % is by their scatter, as if
each week were independent of the others: a series with waves of several weeks is less certain than that. Variables
such as minimum_days are those of `sqlmesh/config.yaml`.

Days are UTC days, weeks start on Monday. What a client did not say is `unknown`, never left out. A loaded day without a
row is 0; a day that the log is known to lack is NULL; a day that is not loaded has no row. Nothing is compared across a
day on which the log is wrong, or from which on it counts by other rules (`reference.incidents`). Each KPI has a column
for each way to count downloads, each a part of the one before:

| lens | column | counts |
|---|---|---|
{lenses}
"""


def write_metrics(document: Path = DOCUMENT) -> None:
    """Write the definitions of all models as Markdown."""
    os.environ["WAREHOUSE"] = ":memory:"
    set_console(NoopConsole())
    context = Context(paths=[str(MODELS_FOLDER)])
    try:
        document.write_text(describe(context))
    finally:
        context.close()


def describe(context: Context) -> str:
    """The Markdown text: the models by layer and name, each with grain, columns and audits."""
    models = {model.name: model for model in context.models.values()}
    lenses = "\n".join(f"| {lens.label} | `{lens.column}` | {lens.counts} |" for lens in Lens)
    parts = [_INTRODUCTION.format(lenses=lenses)]
    for layer, title in LAYERS.items():
        parts.append(f"## {title}\n")
        parts += [_section(models[name]) for name in sorted(models) if name.startswith(f"{layer}.")]
    return "\n".join(parts)


def _section(model: Model) -> str:
    descriptions = model.column_descriptions or {}
    grain = ", ".join(f"`{column.name}`" for grain in model.grains for column in grain.find_all(exp.Column))
    lines = [
        f"### {model.name}",
        "",
        model.description or "",
        "",
        f"One row for each {grain}." if grain else "Rows have no key.",
        "",
        "| column | type | meaning |",
        "|---|---|---|",
        *(
            f"| `{name}` | {kind.sql('duckdb')} | {descriptions[name]} |"
            for name, kind in (model.columns_to_types or {}).items()
        ),
        "",
        f"Audits: {', '.join(_audits(model))}.",
        "",
    ]
    return "\n".join(lines)


def _audits(model: Model) -> Iterator[str]:
    for name, arguments in model.audits:
        criteria = arguments.get("criteria")
        condition = f" {criteria.sql('duckdb')}" if criteria else ""
        warns = " (warns only)" if arguments.get("blocking") == exp.false() else ""
        yield f"`{name}{condition}`{warns}"


if __name__ == "__main__":
    write_metrics()
