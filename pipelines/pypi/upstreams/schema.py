"""Compares an upstream's schema with the contract, before a row is read."""

from collections.abc import Callable
from typing import TypeVar

import pyarrow as pa

from pipelines.errors import SchemaError
from pipelines.pypi.columns import LEAVES

Type = TypeVar("Type")


def unknown_fields(
    present: dict[str, Type],
    timestamp_column: str,
    fits: Callable[[Type, pa.DataType], bool],
    *,
    where: str,
    remedy: str,
) -> set[str]:
    """The dotted paths of `present` (leaf types by path) that the contract does not know.

    Raises:
        SchemaError: a leaf of the contract is missing in the table or file `where`, or does not fit its type.

    """
    wanted = {timestamp_column if leaf.path == ("timestamp",) else ".".join(leaf.path): leaf.type for leaf in LEAVES}
    for path, expected in wanted.items():
        if path not in present:
            raise SchemaError(f"{where} lacks the column {path} ({expected}).", remedy=remedy)
        if not fits(present[path], expected):
            what = f"The column {path} of {where} is {present[path]}; the contract says {expected}."
            raise SchemaError(what, remedy=remedy)
    return set(present) - set(wanted)
