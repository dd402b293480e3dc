"""The query for downloads, built once and rendered in the dialect of the upstream that runs it."""

from sqlglot import exp

from pipelines.pypi.columns import LEAVES

PROJECT, START, END = "project", "start", "end"
"""The query's parameters: a normalized project name (PEP 503), and the UTC midnights of the half-open window."""


def select_downloads(source: exp.Expr, timestamp_column: str) -> exp.Select:
    """Select the contract's leaves, in its order, for one project's downloads in `[start, end)`.

    Only leaves are selected: BigQuery bills by leaf, and each destination would store a struct in a different shape.
    """
    timestamp = exp.column(exp.to_identifier(timestamp_column, quoted=True))
    return (
        exp.select(
            *(
                exp.alias_(timestamp if leaf.path == ("timestamp",) else _field(leaf.path), leaf.column, quoted=True)
                for leaf in LEAVES
            )
        )
        .from_(source)
        .where(
            exp.column(exp.to_identifier("project", quoted=True)).eq(_parameter(PROJECT)),
            timestamp.copy() >= _parameter(START),
            timestamp.copy() < _parameter(END),
        )
    )


def _field(path: tuple[str, ...]) -> exp.Expr:
    column: exp.Expr = exp.column(exp.to_identifier(path[0], quoted=True))
    for name in path[1:]:
        column = exp.Dot(this=column, expression=exp.to_identifier(name, quoted=True))
    return column


def _parameter(name: str) -> exp.Parameter:
    return exp.Parameter(this=exp.var(name))
