"""Splits Arrow rows into those that pass the contract and those that fail it, with Pydantic's own verdict.

A constrained column is validated by its distinct values, a rule across columns by their distinct combinations. Only
failed rows become Python objects, for Pydantic's full error text.
"""

import json
from functools import reduce
from itertools import repeat
from reprlib import Repr
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pipelines.pypi.columns import QUARANTINE_SCHEMA, ROWS, WINDOW_DAY, Grain, Leaf, column_name
from pipelines.pypi.contract import RULES, Rule

MAX_INPUT_LENGTH = 80
"""Characters of a wrong value that a reason shows; the row's `content` has the whole value."""

_MISDATED = "timestamp: Rows from the future are no downloads"
_INPUT_REPR = Repr()
_INPUT_REPR.maxstring = MAX_INPUT_LENGTH


def split(rows: pa.Table, project: str, grain: Grain = ROWS) -> tuple[pa.Table, pa.Table]:
    """Split `rows` (leaves, `day`, `ordinal`) into accepted ones (`row_schema`) and failed ones (`QUARANTINE_SCHEMA`).

    A failed row gets the `project` of the query: its own may be wrong.
    """
    masks = [
        *(_failed_leaf(rows, leaf) for leaf in grain.leaves),
        *(_failed_rule(rows, rule) for rule in RULES),
        _failed_day(rows),
    ]
    found = [mask for mask in masks if mask is not None]
    if not found:
        return _cast(rows, grain), QUARANTINE_SCHEMA.empty_table()
    failed = reduce(pc.or_, found)
    return _cast(rows.filter(pc.invert(failed)), grain), _quarantine(rows.filter(failed), project, grain)


def _cast(rows: pa.Table, grain: Grain) -> pa.Table:
    return rows.select(grain.row_schema.names).cast(grain.row_schema)


def _failed_leaf(rows: pa.Table, leaf: Leaf) -> pa.ChunkedArray | None:
    """The mask of rows whose value of the leaf fails; `None` if there are none."""
    values = rows.column(leaf.column)
    if not leaf.constrained:
        # The Arrow type guarantees everything but the absence of NULL.
        return values.is_null() if leaf.required and values.null_count else None
    distinct = values.unique()
    try:
        leaf.adapter.validate_python(distinct.to_pylist())
    except ValidationError as error:
        failing = sorted({int(detail["loc"][0]) for detail in error.errors(include_url=False)})
        return pc.is_in(values, value_set=distinct.take(pa.array(failing)))
    return None


def _failed_rule(rows: pa.Table, rule: Rule) -> pa.ChunkedArray | None:
    """The mask of rows whose values fail the rule; `None` if there are none."""
    columns = [column_name(path) for path in rule.paths]
    masks = [
        reduce(pc.and_, (pc.equal(rows.column(column), combination[column]) for column in columns))
        for combination in rows.select(columns).group_by(columns).aggregate([]).to_pylist()
        if not _passes(rule, combination)
    ]
    # A comparison with NULL gives NULL: a row with it would be neither accepted nor quarantined.
    return pc.fill_null(reduce(pc.or_, masks), False) if masks else None  # noqa: FBT003 - Arrow's own


def _failed_day(rows: pa.Table) -> pa.ChunkedArray | None:
    """The mask of rows that are loaded with another day than theirs; `None` if there are none."""
    if WINDOW_DAY.name not in rows.column_names:
        return None
    return pc.fill_null(pc.not_equal(rows.column("day"), rows.column(WINDOW_DAY.name)), False)  # noqa: FBT003 - Arrow's own


def _passes(rule: Rule, combination: dict[str, Any]) -> bool:
    """Whether the values pass the rule; where one is NULL, its leaf has failed already."""
    values = combination.values()
    if any(value is None for value in values):
        return True
    try:
        rule.check(*values)
    except ValueError:
        return False
    return True


def _quarantine(rows: pa.Table, project: str, grain: Grain) -> pa.Table:
    records = [grain.nested(row) for row in rows.to_pylist()]
    misdated = _failed_day(rows)
    late = [False] * rows.num_rows if misdated is None else misdated.to_pylist()
    return pa.table(
        {
            "project": pa.repeat(project, rows.num_rows),
            "day": rows.column(WINDOW_DAY.name if WINDOW_DAY.name in rows.column_names else "day"),
            "ordinal": rows.column("ordinal"),
            "reason": pa.array([*map(_reason, records, late, repeat(grain))], pa.string()),
            "content": pa.array([json.dumps(record, default=str) for record in records], pa.string()),
            "log_rows": [record.get("log_rows", 1) for record in records],
        },
    ).cast(QUARANTINE_SCHEMA)


def _reason(record: dict[str, Any], misdated: bool, grain: Grain) -> str:  # noqa: FBT001 - mapped over all
    """All reasons for which the record has failed, one a line."""
    lines = [f"{_MISDATED} (input {record.get('timestamp') or record['day']})"] if misdated else []
    try:
        grain.record.model_validate(record)
    except ValidationError as error:
        lines.append(describe_errors(error))
    if not lines:
        msg = f"a column failed, but the whole row passed: {record}"
        raise AssertionError(msg)
    return "\n".join(lines)


def describe_errors(error: ValidationError) -> str:
    """All of Pydantic's errors, one a line: `field: message (input value)`."""
    return "\n".join(map(_line, error.errors(include_url=False)))


def _line(detail: ErrorDetails) -> str:
    # The input of a rule is the whole record, so its own message names the values.
    field, value = ".".join(map(str, detail["loc"])), f" (input {_INPUT_REPR.repr(detail['input'])})"
    return f"{field}: {detail['msg']}{value}" if field else detail["msg"]
