"""The queries for downloads and their counts, built once and rendered in the dialect of the upstream that runs it."""

from collections.abc import Collection, Iterable

from sqlglot import exp

from pipelines.pypi.columns import COUNTS, ROWS, Leaf

PROJECT, START, END = "project", "start", "end"
"""The query's parameters: a normalized project name (PEP 503), and the UTC midnights of the half-open window."""
VERSIONED_INSTALLERS = ("pip", "uv")
"""Those whose minor version is counted: of others nobody has asked, and each version multiplies the counts."""


def downloads_query(grain: str, source: exp.Expr, timestamp_column: str, lacking: Collection[str] = ()) -> exp.Select:
    """The query whose rows have the grain of that name; columns in `lacking`, of fields not upstream, are NULL."""
    return {"row": select_downloads, "day": count_downloads}[grain](source, timestamp_column, lacking)


def select_downloads(source: exp.Expr, timestamp_column: str, lacking: Collection[str] = ()) -> exp.Select:
    """Select the contract's leaves, in its order, for one project's downloads in `[start, end)`.

    Only leaves are selected: BigQuery bills by leaf, and each destination would store a struct in a different shape.
    """
    timestamp = _field((timestamp_column,))
    columns = _columns(ROWS.leaves, lacking) | {"timestamp": timestamp}
    return _of_window(exp.select(*_aliased(columns)), source, timestamp)


def count_downloads(source: exp.Expr, timestamp_column: str, lacking: Collection[str] = ()) -> exp.Select:
    """Count one project's downloads in `[start, end)` by UTC day and all fields that the KPIs need.

    The columns are the leaves of `DailyCount`, in its order. A time zone other than UTC would shift the days.
    """
    timestamp = _field((timestamp_column,))
    columns = _columns(COUNTS.leaves, lacking)
    versioned = columns["details__installer__name"].copy().isin(*VERSIONED_INSTALLERS)
    columns |= {
        "day": exp.cast(timestamp.copy(), "date"),
        "details__python": _minor(columns["details__python"]),
        "details__installer__version": exp.case().when(versioned, _minor(columns["details__installer__version"])),
        "log_rows": exp.Count(this=exp.Star()),
    }
    groups = [exp.Literal.number(n) for n, name in enumerate(columns, 1) if name not in {"log_rows", *lacking}]
    return _of_window(exp.select(*_aliased(columns)), source, timestamp).group_by(*groups)


def _columns(leaves: Iterable[Leaf], lacking: Collection[str]) -> dict[str, exp.Expr]:
    return {
        leaf.column: exp.cast(exp.null(), "text") if leaf.column in lacking else _field(leaf.path) for leaf in leaves
    }


def _of_window(query: exp.Select, source: exp.Expr, timestamp: exp.Expr) -> exp.Select:
    return query.from_(source).where(
        _field(("project",)).eq(_parameter(PROJECT)),
        timestamp.copy() >= _parameter(START),
        timestamp.copy() < _parameter(END),
    )


def count_window(source: exp.Expr, timestamp_column: str) -> exp.Select:
    """Count one project's downloads in `[start, end)`; it reads the two columns of the condition alone."""
    count = exp.alias_(exp.Count(this=exp.Star()), "downloads", quoted=True)
    return _of_window(exp.select(count), source, _field((timestamp_column,)))


def _aliased(columns: dict[str, exp.Expr]) -> list[exp.Expr]:
    return [exp.alias_(column.copy(), name, quoted=True) for name, column in columns.items()]


def _minor(version: exp.Expr) -> exp.Expr:
    """3.12 of 3.12.4; what has no two parts is kept."""
    pattern = exp.Literal.string("^([^.]+[.][^.]+)")
    parts = exp.RegexpExtract(this=version.copy(), expression=pattern, group=exp.Literal.number(1))
    # What an engine gives where nothing matches is NULL or empty.
    return exp.func("COALESCE", exp.func("NULLIF", parts, exp.Literal.string("")), version.copy())


def _field(path: tuple[str, ...]) -> exp.Expr:
    column: exp.Expr = exp.column(exp.to_identifier(path[0], quoted=True))
    for name in path[1:]:
        column = exp.Dot(this=column, expression=exp.to_identifier(name, quoted=True))
    return column


def _parameter(name: str) -> exp.Parameter:
    return exp.Parameter(this=exp.var(name))
