"""Shows what is in quarantine: how many rows for which reason, and examples of them."""

import textwrap
from itertools import groupby
from operator import itemgetter

from packaging.utils import canonicalize_name
from rich.table import Table
from rich.text import Text

from pipelines.console import open_console
from pipelines.errors import UnknownProjectError, WarehouseError
from pipelines.plain import plain
from pipelines.warehouse import COMMITTED_DAYS, Warehouse

WIDTH = 100
"""Columns where the output is no terminal: rows are long, and folded."""

_READ = f"""
    WITH latest AS (
        SELECT project, day, MAX_BY(accepted + quarantined, _dlt_load_id) AS read FROM ({COMMITTED_DAYS}) GROUP BY ALL
    )
    SELECT project, SUM(read)::BIGINT FROM latest WHERE project = COALESCE(%s, project) GROUP BY 1 ORDER BY 1
"""
_ROWS = f"quarantine SEMI JOIN ({COMMITTED_DAYS}) USING (project, day, _dlt_load_id)"
_COUNT = f"SELECT COUNT(*) FROM {_ROWS} WHERE project = COALESCE(%s, project)"
_ERRORS = f"""
    SELECT project, day, ordinal, line, content, REGEXP_REPLACE(line, ' [(]input .*', '') AS message
    FROM (SELECT *, UNNEST(STRING_SPLIT(reason, CHR(10))) AS line FROM {_ROWS})
    WHERE project = COALESCE(%s, project)
"""
_REASONS = f"""
    SELECT project, message, COUNT(*), MIN(day), MAX(day) FROM ({_ERRORS}) GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2
"""
_EXAMPLES = f"""
    SELECT project, message, day, line, content FROM ({_ERRORS})
    QUALIFY ROW_NUMBER() OVER (PARTITION BY project, message ORDER BY day, ordinal) <= %s
    ORDER BY project, message, day, ordinal
"""


def show(warehouse: Warehouse, project: str | None, examples: int) -> None:
    """Print the rows of committed loads that are in quarantine, by project and reason, with `examples` of each.

    Raises:
        UnknownProjectError: no committed load has covered a day of the `project`.
        WarehouseError: no load is committed, or the warehouse cannot be opened.

    """
    name = project and canonicalize_name(project)
    read: dict[str, int] = dict(warehouse.query(_READ, name))
    if not read:
        held = sorted(warehouse.loaded_days())
        if name and held:
            remedy = f"The warehouse holds: {', '.join(held)}."
            raise UnknownProjectError(f"No day of {name!r} has been loaded.", remedy=remedy)
        raise WarehouseError("Nothing has been loaded yet.", remedy="`just run` loads the days that are missing.")
    console = open_console(WIDTH)
    reasons = warehouse.query(_REASONS, name)
    if not reasons:
        console.print(f"The quarantine is empty: all {sum(read.values()):,} rows keep the contract.")
        return
    [(rows,)] = warehouse.query(_COUNT, name)
    console.print(f"{rows:,} of {sum(read.values()):,} rows are in quarantine. A row counts for each of its reasons.\n")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("project", no_wrap=True)
    table.add_column("reason", overflow="fold")
    for heading in ("rows", "share", "first day", "last day"):
        table.add_column(heading, justify="right", no_wrap=True)
    for of, message, count, first, last in reasons:
        share = f"{count / read[of]:.4%}"
        table.add_row(of, Text(plain(message)), f"{count:,}", share, str(first), str(last))
    console.print(table)
    shown = warehouse.query(_EXAMPLES, name, examples)
    for (of, message), rows_of_reason in groupby(shown, itemgetter(0, 1)):
        console.print(Text.assemble("\n", (f"{of}: ", "bold"), plain(message)), overflow="fold")
        for *_, day, line, content in rows_of_reason:
            console.print(Text(f"  {day}{plain(line.removeprefix(message))}"), overflow="fold")
            console.print(Text(_indented(plain(content), console.width)))


def _indented(text: str, width: int) -> str:
    return textwrap.fill(text, width, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
