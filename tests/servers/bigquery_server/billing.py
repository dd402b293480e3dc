"""Bytes that a query processes and bills, by BigQuery's rules (https://cloud.google.com/bigquery/pricing).

Processed are the leaf columns that the query names, in the partitions that its conditions leave. It is what a dry run
says. A clustered table bills less: here exactly the rows that the conditions on the cluster columns leave.
Conditions on the partition column are taken to be at midnights, as the pipeline's are.
"""

import math
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


def install() -> None:
    """Make jobs report their bytes, and refuse a query that would bill more than `maximumBytesBilled`."""
    errors.STATUSES["bytesBilledLimitExceeded"] = (400, "INVALID_ARGUMENT")
    dry_run, query = runner._dry_run, runner._query

    def dry_run_with_bytes(project_id: str, configuration: Any) -> Any:
        job = dry_run(project_id, configuration)
        return job.replace(
            statistics=_with_bytes(job.statistics, _processed(project_id, configuration.query), billed=0)
        )

    def query_with_bytes(job: Any, session: Any, running: Any) -> Any:
        project, config = job.jobReference.projectId, job.configuration.query
        processed = _processed(project, config)
        billed = _billed(_processed(project, config, by_cluster=True))
        # The limit is compared with the estimate, not with what would be billed.
        if config.maximumBytesBilled and _billed(processed) > int(config.maximumBytesBilled):
            what = f"Query exceeded limit for bytes billed: {config.maximumBytesBilled}. {_billed(processed)} or higher"
            raise errors.BigQueryError("bytesBilledLimitExceeded", f"{what} required.")
        return _with_bytes(query(job, session, running), processed, billed)

    runner._dry_run, runner._query = dry_run_with_bytes, query_with_bytes


def _with_bytes(statistics: Any, processed: int, billed: int) -> Any:
    query = statistics.query.replace(totalBytesProcessed=str(processed), totalBytesBilled=str(billed))
    return statistics.replace(query=query, totalBytesProcessed=str(processed))


def _billed(processed: int) -> int:
    return max(LEAST_BILLED, math.ceil(processed / MEBIBYTE) * MEBIBYTE)


def _processed(project: str, config: Any, *, by_cluster: bool = False) -> int:
    [tree] = parse(config.query)
    context = Context(project, None, *params.bind(config.queryParameters or []))
    table = tree.find(exp.Table)
    if table is None:
        return 0
    resource = tables.load(*names.reference(table, project, None))
    leaves = dict(_leaves(tables.fields(resource)))
    filtered = {resource.timePartitioning.field} if resource.timePartitioning else set()
    if by_cluster and resource.clustering:
        filtered |= set(resource.clustering.fields)
    sizes = [_size(path, kind) for path, kind in leaves.items() if _is_named(tree, path)]
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


def _is_named(tree: Any, leaf: tuple[str, ...]) -> bool:
    """Whether the statement names the leaf, a record around it, or everything."""
    if isinstance(tree.expressions[0], exp.Star):
        return True
    for column in tree.find_all(exp.Column):
        path, node = [part.name for part in column.parts], column
        while isinstance(node.parent, exp.Dot):
            node = node.parent
            path.append(node.expression.name)
        if tuple(path) == leaf[: len(path)]:
            return True
    return False


def _conditions(tree: Any, columns: set[str]) -> list[Any]:
    """The statement's conditions that are on these columns alone."""
    where = tree.args.get("where")
    parts = where.this.flatten() if where and isinstance(where.this, exp.And) else [where.this] if where else []
    return [part.copy() for part in parts if {column.name for column in part.find_all(exp.Column)} <= columns]
