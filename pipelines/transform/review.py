"""Shows the effect of changed models: SQLMesh's plan, and the rows that would differ; production is not changed."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from sqlmesh import Context
from sqlmesh.core.console import Console as SQLMeshConsole
from sqlmesh.core.console import MarkdownConsole, NoopConsole, TerminalConsole, set_console
from sqlmesh.core.table_diff import TableDiff
from sqlmesh.utils import Verbosity

from pipelines.transform import MARTS
from pipelines.transform.context import ENVIRONMENT, WIDTH, open_context, translate_sqlmesh_errors
from pipelines.warehouse import Warehouse

REVIEW = "review"
SAMPLE_ROWS = 3
"""Example rows of each directly changed mart."""

_INTRODUCTION = """\

**Rows of the changed marts, compared with production:**

| mart | rows in production | rows here | removed | new | changed | columns that differ |
|---|---:|---:|---:|---:|---:|---|"""


def show_plan(terminal: Console, warehouse: Warehouse, *, diff: bool = False) -> None:
    """Print the plan that `transform` would apply, without applying it; as Markdown if the output is not a terminal.

    With `diff`, also compute the changed models beside production, and print how the rows of their marts differ.

    Raises:
        TransformError: a model cannot be read, planned or computed.
        WarehouseError: there is no warehouse yet, or it cannot be opened.

    """
    review = _TerminalReview if terminal.is_terminal else _MarkdownReview
    # With less, SQLMesh shortens the list of models and of their backfills to "38 more".
    console = review(console=terminal, verbosity=Verbosity.VERY_VERBOSE)
    with open_context(warehouse, console) as context, translate_sqlmesh_errors(io.StringIO()):
        plan = context.plan(ENVIRONMENT, no_prompts=True, auto_apply=False)
        if diff:
            _show_differences(context, terminal, {snapshot.name for snapshot in plan.directly_modified})


def _show_differences(context: Context, terminal: Console, modified: set[str]) -> None:
    """Print how the rows of the marts differ, with examples for the `modified` marts, from which the others follow."""
    # SQLMesh logs each statement of a comparison at this logger's own level, which would print it as a warning.
    logging.getLogger("sqlmesh.core.context").setLevel(logging.INFO)
    with _reviewed(context):
        with _printing_to(NoopConsole(), context):
            marts = context.table_diff(ENVIRONMENT, REVIEW, select_models=[f"{MARTS}.*"], limit=SAMPLE_ROWS, show=False)
        differing = sorted(filter(_differs, marts), key=lambda mart: str(mart.model_name))
        if differing:
            terminal.print("\n".join([_INTRODUCTION, *map(_row, differing)]), soft_wrap=True, highlight=False)
        names = {context.models[name].name for name in modified if name in context.models}
        for mart in differing:
            if mart.model_name in names:
                context.console.show_table_diff([mart])
        terminal.print(f"\nMarts that would be recomputed with the same rows: {len(marts) - len(differing)}.")


@contextmanager
def _reviewed(context: Context) -> Iterator[None]:
    """Compute the changed models in a temporary environment, which is removed at the end."""
    output = io.StringIO()
    try:
        with (
            _printing_to(TerminalConsole(console=Console(file=output, width=WIDTH)), context),
            translate_sqlmesh_errors(output),
        ):
            context.plan(REVIEW, create_from=ENVIRONMENT, skip_tests=True, no_prompts=True, auto_apply=True)
        yield
    finally:
        with _printing_to(NoopConsole(), context):
            context.invalidate_environment(REVIEW, sync=True)
            # Otherwise the tables would stay for a week, and a later review would miss newer loads.
            context.run_janitor(ignore_ttl=True)


@contextmanager
def _printing_to(console: SQLMeshConsole, context: Context) -> Iterator[None]:
    before = context.console
    context.console = console
    set_console(console)
    try:
        yield
    finally:
        context.console = before
        set_console(before)


def _differs(difference: TableDiff) -> bool:
    rows = difference.row_diff()
    return difference.schema_diff().has_changes or rows.full_match_count != max(rows.source_count, rows.target_count)


def _row(difference: TableDiff) -> str:
    rows = difference.row_diff()
    columns = [str(name) for name, stats in rows.column_stats.iterrows() if stats["pct_match"] < 100]  # noqa: PLR2004
    cells = [
        f"{rows.source_count:,}",
        f"{rows.target_count:,}",
        f"{rows.s_only_count:,}",
        f"{rows.t_only_count:,}",
        f"{rows.join_count - rows.full_match_count:,}",
        ", ".join(columns),
    ]
    return f"| {difference.model_name} | {' | '.join(cells)} |"


class _Review:
    """Answers no to SQLMesh's questions, which all ask whether to apply the plan."""

    def _confirm(self, message: str, **_options: Any) -> bool:  # noqa: ANN401 - SQLMesh's own
        del message
        return False


class _TerminalReview(_Review, TerminalConsole):
    pass


class _MarkdownReview(_Review, MarkdownConsole):
    pass
