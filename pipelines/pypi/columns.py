"""The columns that are derived from the contract: leaves, Arrow schemas, and the flat model that dlt enforces."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime
from functools import cached_property
from types import NoneType
from typing import Annotated, Any, ClassVar, get_args, get_type_hints

import pyarrow as pa
from dlt.common.libs.pydantic import DltConfig
from pydantic import BaseModel, ConfigDict, TypeAdapter, create_model
from pydantic.fields import FieldInfo

from pipelines.pypi.contract import FileDownload
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


LEAVES: tuple[Leaf, ...] = tuple(_leaves(FileDownload, (), required=True))

SOURCE_SCHEMA = pa.schema([pa.field(leaf.column, leaf.type) for leaf in LEAVES])
"""The leaves as the upstream's query returns them, before validation: any value may be NULL."""

_KEY_FIELDS = [
    pa.field("project", pa.string(), nullable=False),
    pa.field("day", pa.date32(), nullable=False),
    pa.field("ordinal", pa.int64(), nullable=False),
]
ROW_SCHEMA = pa.schema(
    [
        *(pa.field(leaf.column, leaf.type, nullable=not leaf.required) for leaf in LEAVES),
        *_KEY_FIELDS[1:],
    ]
)
"""`raw.file_downloads`: the leaves, the UTC `day` of the timestamp, and the row's `ordinal` in its load."""

QUARANTINE_SCHEMA = pa.schema(
    [
        *_KEY_FIELDS,
        pa.field("reason", pa.string(), nullable=False),
        pa.field("content", pa.string(), nullable=False),
    ]
)
"""`raw.quarantine`: rows that failed the contract, with Pydantic's error text and the row as JSON."""


def _schema(record: type[LoadedDay]) -> pa.Schema:
    types = get_type_hints(record)
    return pa.schema([pa.field(item.name, _ARROW_TYPES[types[item.name]], nullable=False) for item in fields(record)])


LOADED_DAYS_SCHEMA = _schema(LoadedDay)
"""`raw.loaded_days`, to which dlt adds the load's id."""

COMMITTED_DAYS_SCHEMA = _schema(CommittedDay)
"""`raw.committed_days`, and the manifest of a lake."""


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid")
    # Without it, dlt accepts undeclared columns when it creates the table, despite the frozen contract.
    dlt_config: ClassVar[DltConfig] = {"is_authoritative_model": True}


def _flat_model() -> type[BaseModel]:
    columns: dict[str, Any] = {}
    for leaf in LEAVES:
        base = _base_type(leaf.field.annotation)
        columns[leaf.column] = (base if leaf.required else base | None, ...)
    return create_model("FileDownloadRow", __base__=_Row, **columns, day=(date, ...), ordinal=(int, ...))


ROW_MODEL = _flat_model()
"""The columns of `raw.file_downloads`, as the Pydantic model that dlt enforces."""


def nested(row: dict[str, Any]) -> dict[str, Any]:
    """The upstream's nested record of a flat row; an optional record whose leaves are all NULL is NULL."""
    return _nest_record(FileDownload, (), row)


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
