"""The columns that are derived from the contract: leaves, Arrow schemas, and the flat model that dlt enforces."""

from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from datetime import date, datetime
from functools import cached_property
from types import NoneType
from typing import Annotated, Any, ClassVar, get_args, get_type_hints

import pyarrow as pa
from dlt.common.libs.pydantic import DltConfig
from pydantic import BaseModel, ConfigDict, TypeAdapter, create_model
from pydantic.fields import FieldInfo

from pipelines.pypi.contract import DailyCount, FileDownload
from pipelines.pypi.days import CommittedDay, LoadedDay

_ARROW_TYPES: dict[Any, pa.DataType] = {
    datetime: pa.timestamp("us", tz="UTC"),
    date: pa.date32(),
    str: pa.string(),
    int: pa.int64(),
    bool: pa.bool_(),
}


@dataclass(frozen=True)
class Leaf:
    """A field that is not a record: one column of the warehouse.

    `path` is its path upstream, `column` its name in the warehouse (dlt's naming), `type` its Arrow type. A `required`
    field is never NULL; a `constrained` field has more rules than its type.
    """

    path: tuple[str, ...]
    field: FieldInfo
    required: bool

    @property
    def column(self) -> str:
        return column_name(self.path)

    @property
    def may_lack(self) -> bool:
        """Whether a table or file may lack the field, which is NULL then."""
        return not self.field.is_required()

    @property
    def type(self) -> pa.DataType:
        return _ARROW_TYPES[_base_type(self.field.annotation)]

    @property
    def constrained(self) -> bool:
        return bool(self.field.metadata) or _without_none(self.field.annotation) not in _ARROW_TYPES

    @cached_property
    def adapter(self) -> TypeAdapter[list[Any]]:
        """Validates a list of values by the field's constraints."""
        item = Annotated[self.field.annotation, self.field]  # type: ignore[name-defined]  # known at run time only
        return TypeAdapter(list[item], config=ConfigDict(strict=True))


def column_name(path: tuple[str, ...]) -> str:
    """`details__installer__name` of `details.installer.name`: dlt's naming."""
    return "__".join(path)


def _is_optional(annotation: object) -> bool:
    return NoneType in get_args(annotation)


def _without_none(annotation: object) -> Any:  # noqa: ANN401 - Python has no type for annotations
    """`T` of `T | None`, or of `T`."""
    return next(arg for arg in get_args(annotation) if arg is not NoneType) if _is_optional(annotation) else annotation


def _base_type(annotation: object) -> Any:  # noqa: ANN401 - as above
    inner = _without_none(annotation)
    if inner in _ARROW_TYPES:
        return inner
    first = get_args(inner)[0]
    return type(first) if isinstance(first, str) else first


def _leaves(model: type[BaseModel], path: tuple[str, ...], *, required: bool) -> Iterator[Leaf]:
    for name, field in model.model_fields.items():
        inner = _without_none(field.annotation)
        needed = required and not _is_optional(field.annotation)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _leaves(inner, (*path, name), required=needed)
        elif _is_optional(field.annotation) or needed:
            yield Leaf((*path, name), field, needed)
        else:
            msg = f"{name}: a required field of an optional record cannot be judged by its values alone"
            raise TypeError(msg)


WINDOW_DAY = pa.field("window_day", pa.date32(), nullable=False)
"""The UTC day that a row is loaded with, where its own might be another; the row then fails the contract."""

_KEY_FIELDS = [
    pa.field("project", pa.string(), nullable=False),
    pa.field("day", pa.date32(), nullable=False),
    pa.field("ordinal", pa.int64(), nullable=False),
]
QUARANTINE_SCHEMA = pa.schema(
    [
        *_KEY_FIELDS,
        pa.field("reason", pa.string(), nullable=False),
        pa.field("content", pa.string(), nullable=False),
        pa.field("log_rows", pa.int64()),
    ]
)
"""`raw.quarantine`: rows that failed the contract, with Pydantic's error text, the row as JSON, and the
rows of the log that it stands for, which is NULL where an earlier version wrote it: each stood for one."""


def _schema(record: type[LoadedDay]) -> pa.Schema:
    types = get_type_hints(record)
    # A field with a default is NULL in what earlier versions have written.
    return pa.schema(
        [
            pa.field(item.name, _ARROW_TYPES[types[item.name]], nullable=item.default is not MISSING)
            for item in fields(record)
        ]
    )


LOADED_DAYS_SCHEMA = _schema(LoadedDay)
"""`raw.loaded_days`, to which dlt adds the load's id."""

COMMITTED_DAYS_SCHEMA = _schema(CommittedDay)
"""`raw.committed_days`, and the manifest of a lake."""


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid")
    # Without it, dlt accepts undeclared columns when it creates the table, despite the frozen contract.
    dlt_config: ClassVar[DltConfig] = {"is_authoritative_model": True}


@dataclass(frozen=True)
class Grain:
    """What a row of a table of downloads is: one download, or the equal downloads of a day.

    `table` is the table of `raw`, `record` the contract of a row, from which all columns are derived.
    """

    table: str
    record: type[BaseModel]

    @cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """The columns of the contract, in its order."""
        return tuple(_leaves(self.record, (), required=True))

    @cached_property
    def source_schema(self) -> pa.Schema:
        """The leaves as the upstream's query returns them, before validation: any value may be NULL."""
        return pa.schema([pa.field(leaf.column, leaf.type) for leaf in self.leaves])

    @cached_property
    def row_schema(self) -> pa.Schema:
        """The table: the leaves, the UTC `day`, and the row's `ordinal` in its load."""
        leaves = [pa.field(leaf.column, leaf.type, nullable=not leaf.required) for leaf in self.leaves]
        return pa.schema(leaves + [key for key in _KEY_FIELDS if key.name not in self.source_schema.names])

    @cached_property
    def row_model(self) -> type[BaseModel]:
        """The columns of the table, as the Pydantic model that dlt enforces."""
        columns: dict[str, Any] = {}
        for leaf in self.leaves:
            base = _base_type(leaf.field.annotation)
            columns[leaf.column] = (base if leaf.required else base | None, ...)
        keys = {"day": (date, ...), "ordinal": (int, ...)}
        return create_model(f"{self.record.__name__}Row", __base__=_Row, **columns | keys)

    def nested(self, row: dict[str, Any]) -> dict[str, Any]:
        """The upstream's nested record of a flat row; an optional record whose leaves are all NULL is NULL."""
        return _nest_record(self.record, (), row)


ROWS = Grain("file_downloads", FileDownload)
COUNTS = Grain("daily_counts", DailyCount)
GRAINS = {"row": ROWS, "day": COUNTS}
"""By their names in the settings."""

TABLES: dict[str, pa.Schema] = {
    **{grain.table: grain.row_schema for grain in GRAINS.values()},
    "quarantine": QUARANTINE_SCHEMA,
    "loaded_days": LOADED_DAYS_SCHEMA,
}
"""The tables of `raw` that dlt fills."""


def _nest_record(model: type[BaseModel], path: tuple[str, ...], row: dict[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        inner = _without_none(field.annotation)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            inner_record = _nest_record(inner, (*path, name), row)
            empty = _is_optional(field.annotation) and all(value is None for value in inner_record.values())
            record[name] = None if empty else inner_record
        else:
            record[name] = row[column_name((*path, name))]
    return record
