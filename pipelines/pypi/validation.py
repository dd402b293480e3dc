"""Splits Arrow rows into those that keep the contract and those that break it, with Pydantic's own verdict.

Each constrained column is validated by its distinct values, each rule that spans columns by its distinct
combinations; only failing rows become Python objects, for Pydantic's full error text.
"""

import json
from functools import reduce
from reprlib import Repr
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pipelines.pypi.columns import LEAVES, QUARANTINE_SCHEMA, ROW_SCHEMA, Leaf, column_name, nested
from pipelines.pypi.contract import RULES, FileDownload, Rule

INPUT_LIMIT = 80
"""Characters of a broken value that a reason shows; the row's content has it whole."""

_INPUT = Repr()
_INPUT.maxstring = INPUT_LIMIT


def split(rows: pa.Table, project: str) -> tuple[pa.Table, pa.Table]:
    """`rows` (the leaves, `day` and `ordinal`) as accepted rows (`ROW_SCHEMA`) and rejected ones (`QUARANTINE_SCHEMA`).

    A rejected row is filed under the `project` of the query, whatever it says of itself.
    """
    masks = [_broken_by_leaf(rows, leaf) for leaf in LEAVES] + [_broken_by_rule(rows, rule) for rule in RULES]
    found = [mask for mask in masks if mask is not None]
    if not found:
        return rows.cast(ROW_SCHEMA), QUARANTINE_SCHEMA.empty_table()
    broken = reduce(pc.or_, found)
    return rows.filter(pc.invert(broken)).cast(ROW_SCHEMA), _quarantine(rows.filter(broken), project)


def _broken_by_leaf(rows: pa.Table, leaf: Leaf) -> pa.ChunkedArray | None:
    values = rows.column(leaf.column)
    if not leaf.constrained:
        # The Arrow type has decided all but NULL.
        return values.is_null() if leaf.required and values.null_count else None
    distinct = values.unique()
    try:
        leaf.adapter.validate_python(distinct.to_pylist())
    except ValidationError as error:
        failing = sorted({int(detail["loc"][0]) for detail in error.errors(include_url=False)})
        return pc.is_in(values, value_set=distinct.take(pa.array(failing)))
    return None


def _broken_by_rule(rows: pa.Table, rule: Rule) -> pa.ChunkedArray | None:
    columns = [column_name(path) for path in rule.paths]
    masks = [
        reduce(pc.and_, (pc.equal(rows.column(column), combination[column]) for column in columns))
        for combination in rows.select(columns).group_by(columns).aggregate([]).to_pylist()
        if not _keeps(rule, combination)
    ]
    # NULL equals nothing and is not false either: a row that has one would be neither accepted nor rejected.
    return pc.fill_null(reduce(pc.or_, masks), False) if masks else None  # noqa: FBT003 - Arrow's own


def _keeps(rule: Rule, combination: dict[str, Any]) -> bool:
    """A rule has no say over a row that lacks one of its values: the leaf has failed already."""
    values = combination.values()
    if any(value is None for value in values):
        return True
    try:
        rule.check(*values)
    except ValueError:
        return False
    return True


def _quarantine(rows: pa.Table, project: str) -> pa.Table:
    records = [nested(row) for row in rows.to_pylist()]
    return pa.table(
        {
            "project": pa.repeat(project, rows.num_rows),
            "day": rows.column("day"),
            "ordinal": rows.column("ordinal"),
            "reason": pa.array([_reason(record) for record in records], pa.string()),
            "content": pa.array([json.dumps(record, default=str) for record in records], pa.string()),
        },
    ).cast(QUARANTINE_SCHEMA)


def _reason(record: dict[str, Any]) -> str:
    """All that Pydantic says against the record, an error a line: `field: message (input value)`."""
    try:
        FileDownload.model_validate(record)
    except ValidationError as error:
        return "\n".join(_line(detail) for detail in error.errors(include_url=False))
    msg = f"a column failed and the whole row did not: {record}"
    raise AssertionError(msg)


def _line(detail: ErrorDetails) -> str:
    # A rule's input is the whole record: its message names the values.
    where, value = ".".join(map(str, detail["loc"])), f" (input {_INPUT.repr(detail['input'])})"
    return f"{where}: {detail['msg']}{value}" if where else detail["msg"]
