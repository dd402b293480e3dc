"""Shows what changed models would change: SQLMesh's plan, and the rows that would differ; production stays as it is."""

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
SAMPLE = 3
"""Rows that are shown of each mart that was changed itself."""

_INTRODUCTION = """\

**Rows of the changed marts, here against production:**

| mart | rows in production | rows here | gone | new | changed | columns that differ |
|---|---:|---:|---:|---:|---:|---|"""


def show_plan(terminal: Console, warehouse: Warehouse, *, diff: bool = False) -> None:
    """Print what `transform` would change, without changing it: Markdown where the output is no terminal.

    With `diff`, the changed models are computed beside production, and the rows of their marts compared with its own.
    """
    review = _TerminalReview if terminal.is_terminal else _MarkdownReview
    # Less, and the list of models would end with "38 more", days to backfill and all.
    console = review(console=terminal, verbosity=Verbosity.VERY_VERBOSE)
    with open_context(warehouse, console) as context, translate_sqlmesh_errors(io.StringIO()):
        plan = context.plan(ENVIRONMENT, no_prompts=True, auto_apply=False)
        if diff:
            _show_differences(context, terminal, {snapshot.name for snapshot in plan.directly_modified})


def _show_differences(context: Context, terminal: Console, modified: set[str]) -> None:
    """Print how the rows of marts differ, and a sample of those of the `modified` ones; the others follow from them."""
    # It would log each statement of a comparison at its own level, which is that of warnings.
    logging.getLogger("sqlmesh.core.context").setLevel(logging.INFO)
    with _reviewed(context):
        with _printing_to(NoopConsole(), context):
            marts = context.table_diff(ENVIRONMENT, REVIEW, select_models=[f"{MARTS}.*"], limit=SAMPLE, show=False)
        differing = sorted(filter(_differs, marts), key=lambda mart: str(mart.model_name))
        if differing:
            terminal.print("\n".join([_INTRODUCTION, *map(_row, differing)]), soft_wrap=True, highlight=False)
        names = {context.models[name].name for name in modified if name in context.models}
        for mart in differing:
            if mart.model_name in names:
                context.console.show_table_diff([mart])
        terminal.print(f"\nMarts that would be computed again, with the same rows: {len(marts) - len(differing)}.")


@contextmanager
def _reviewed(context: Context) -> Iterator[None]:
    """The changed models in an environment of their own, which leaves nothing behind."""
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
            # Without it the tables would stay for a week, and miss what is loaded meanwhile.
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
    """Answers each of SQLMesh's questions, all of which ask whether to apply, with no."""

    def _confirm(self, message: str, **_options: Any) -> bool:  # noqa: ANN401 - SQLMesh's own
        del message
        return False


class _TerminalReview(_Review, TerminalConsole):
    pass


class _MarkdownReview(_Review, MarkdownConsole):
    pass
