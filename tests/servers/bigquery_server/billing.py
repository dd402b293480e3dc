"""Bytes that a query processes and bills, by BigQuery's rules (https://cloud.google.com/bigquery/pricing).

A dry run says the leaf columns that the query names, in the partitions that its conditions leave. The query itself
reads less of a clustered table: here exactly the rows that the conditions on the cluster columns leave. An `Account`
may count as if the table were larger than it is.
Conditions on the partition column are taken to be at midnights, as the pipeline's are.
"""

import math
from dataclasses import dataclass
from typing import Any

from local_bigquery import errors
from local_bigquery.catalog import names, tables
from local_bigquery.engine import database
from local_bigquery.jobs import runner
from local_bigquery.sql import params
from local_bigquery.sql.translate import Context, parse, translate
from sqlglot import exp

MEBIBYTE = 2**20
LEAST_BILLED = 10 * MEBIBYTE
_FIXED = {"TIMESTAMP": 8, "BOOLEAN": 1, "DATE": 8, "INTEGER": 8, "FLOAT": 8}


_REFUSALS = {
    "bytesBilledLimitExceeded": (400, "INVALID_ARGUMENT"),
    "quotaExceeded": (403, "PERMISSION_DENIED"),
    "responseTooLarge": (403, "PERMISSION_DENIED"),
}


@dataclass
class Account:
    """How the server bills; `tests.servers.bigquery.Server.bill` describes the fields."""

    row_scale: float = 1
    table_scale: float = 1
    prunes: bool = True
    quota: float = math.inf
    result_limit: float = math.inf
    sessions: bool = True
    used: int = 0

    def set(self, changes: dict[str, Any]) -> None:
        self.__init__(**changes)  # type: ignore[misc]  # all other fields get their defaults again

    def estimate(self, project: str, config: Any) -> int:
        """What a dry run says: the whole partitions, of all projects."""
        return int(_processed(project, config) * self.row_scale * self.table_scale)

    def read(self, project: str, config: Any) -> int:
        """What the query reads: the blocks of its project, where the table is clustered."""
        if not self.prunes:
            return self.estimate(project, config)
        return int(_processed(project, config, by_cluster=True) * self.row_scale)

    def check(self, config: Any, estimate: int, read: int) -> None:
        """Refuse a query as BigQuery does, by the estimate; the size of its result is known only once it has run."""
        bound = _billed(estimate)
        if config.maximumBytesBilled and bound > int(config.maximumBytesBilled):
            what = f"Query exceeded limit for bytes billed: {config.maximumBytesBilled}. {bound} or higher required."
            raise errors.BigQueryError("bytesBilledLimitExceeded", what)
        if self.used + bound > self.quota:
            what = "Custom quota exceeded: Your usage exceeded the custom quota for QueryUsagePerDay, which is set by"
            raise errors.BigQueryError("quotaExceeded", f"{what} your administrator.")
        self.used += _billed(read)
        if parse(config.query)[0].find(exp.Count) is None and read > self.result_limit:
            what = "Response too large to return. Consider specifying a destination table in your job configuration."
            raise errors.BigQueryError("responseTooLarge", what)


def install(account: Account) -> None:
    """Make jobs report their bytes, and refuse a query as BigQuery does."""
    errors.STATUSES.update(_REFUSALS)
    dry_run, query = runner._dry_run, runner._query

    def dry_run_with_bytes(project_id: str, configuration: Any) -> Any:
        job = dry_run(project_id, configuration)
        estimate = account.estimate(project_id, configuration.query)
        return job.replace(statistics=_with_bytes(job.statistics, estimate, billed=0))

    def query_with_bytes(job: Any, session: Any, running: Any) -> Any:
        project, config = job.jobReference.projectId, job.configuration.query
        read = account.read(project, config)
        account.check(config, account.estimate(project, config), read)
        return _with_bytes(query(job, session, running), read, _billed(read))

    runner._dry_run, runner._query = dry_run_with_bytes, query_with_bytes


def _with_bytes(statistics: Any, processed: int, billed: int) -> Any:
    query = statistics.query.replace(totalBytesProcessed=str(processed), totalBytesBilled=str(billed))
    return statistics.replace(query=query, totalBytesProcessed=str(processed))


def _billed(processed: int) -> int:
    return max(LEAST_BILLED, math.ceil(processed / MEBIBYTE) * MEBIBYTE)


def _processed(project: str, config: Any, *, by_cluster: bool = False) -> int:
    """The bytes of the tables that the statements select from; a CTE, and a table that is not there, have none."""
    return sum(
        _scanned(project, config, select, table, by_cluster=by_cluster)
        for statement in parse(config.query)
        for select in statement.find_all(exp.Select)
        for table in _sources(select)
    )


def _sources(select: Any) -> Any:
    """The tables with a dataset among those that a SELECT reads."""
    parts = [select.args.get("from_") or select.args.get("from"), *select.args.get("joins", ())]
    return [part.this for part in parts if part and isinstance(part.this, exp.Table) and part.this.db]


def _scanned(project: str, config: Any, tree: Any, table: Any, *, by_cluster: bool) -> int:
    try:
        resource = tables.load(*names.reference(table, project, None))
    except errors.BigQueryError:
        return 0
    leaves = dict(_leaves(tables.fields(resource)))
    filtered = {resource.timePartitioning.field} if resource.timePartitioning else set()
    if by_cluster and resource.clustering:
        filtered |= set(resource.clustering.fields)
    sizes = [_size(path, kind) for path, kind in leaves.items() if _is_named(tree, path, table.alias)]
    if resource.view or not sizes:
        return 0
    context = Context(project, None, *params.bind(config.queryParameters or []))
    measure = exp.select(*(f"COALESCE({size}, 0) AS s{n}" for n, size in enumerate(sizes)), dialect="bigquery")
    sql, values = translate(measure.from_(table.copy()).where(*_conditions(tree, filtered)), context)
    with database.cursor() as cursor:
        return int(sum(cursor.execute(sql, values).fetchone()))


def _leaves(fields: Any, path: tuple[str, ...] = ()) -> Any:
    for field in fields:
        if field.type == "RECORD":
            yield from _leaves(field.fields, (*path, field.name))
        else:
            yield (*path, field.name), field.type


def _size(path: tuple[str, ...], kind: str) -> str:
    # DuckDB's STRLEN counts bytes.
    column = ".".join(f"`{name}`" for name in path)
    return f"{_FIXED[kind]} * COUNT({column})" if kind in _FIXED else f"SUM(2 + STRLEN({column}))"


def _is_named(tree: Any, leaf: tuple[str, ...], alias: str) -> bool:
    """Whether the statement names the leaf, a record around it, or everything."""
    if isinstance(tree.expressions[0], exp.Star):
        return True
    for column in tree.find_all(exp.Column):
        path, node = [part.name for part in column.parts], column
        while isinstance(node.parent, exp.Dot):
            node = node.parent
            path.append(node.expression.name)
        path = path[1:] if alias and path[0] == alias else path
        if tuple(path) == leaf[: len(path)]:
            return True
    return False


def _conditions(tree: Any, columns: set[str]) -> list[Any]:
    """The statement's conditions that are on these columns alone."""
    where = tree.args.get("where")
    parts = where.this.flatten() if where and isinstance(where.this, exp.And) else [where.this] if where else []
    return [part.copy() for part in parts if {column.name for column in part.find_all(exp.Column)} <= columns]
