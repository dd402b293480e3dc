"""Compares an upstream's schema with the contract, before a row is read."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeVar

import pyarrow as pa

from pipelines.errors import SchemaError
from pipelines.pypi.columns import ROWS

Type = TypeVar("Type")


def unknown_fields(
    schemas: Iterable[tuple[str, dict[str, Type]]],
    timestamp_column: str,
    fits: Callable[[Type, pa.DataType], bool],
    *,
    remedy: str,
) -> list[str]:
    """The dotted paths in `schemas` that are not in the contract; a schema may lack fields that were added later.

    A schema is the name of a table or file, and its leaf types by dotted path. `fits` says whether an upstream type
    fits the contract's.

    Raises:
        SchemaError: leaves of the contract are missing or have another type; each is reported for the first table or
            file that has the fault.

    """
    wanted = {
        timestamp_column if leaf.path == ("timestamp",) else ".".join(leaf.path): leaf.type for leaf in ROWS.leaves
    }
    optional = {".".join(leaf.path) for leaf in ROWS.leaves if leaf.may_lack}
    unknown: set[str] = set()
    misfits: dict[tuple[str, str], str] = {}
    for where, present in schemas:
        unknown |= present.keys() - wanted.keys()
        for path, expected in wanted.items():
            if path not in present and path in optional:
                continue
            if path not in present:
                misfits.setdefault((path, ""), f"{where} lacks the column {path} ({expected}).")
            elif not fits(present[path], expected):
                what = f"The column {path} of {where} is {present[path]}; the contract says {expected}."
                misfits.setdefault((path, str(present[path])), what)
    if misfits:
        raise SchemaError("\n".join(misfits.values()), remedy=remedy)
    return sorted(unknown)


def lacking_fields(present: Collection[str]) -> set[str]:
    """The columns that are NULL, as the contract's fields for them are not among the dotted paths `present`."""
    return {leaf.column for leaf in ROWS.leaves if leaf.may_lack and ".".join(leaf.path) not in present}


def refuse_unknown(fields: Sequence[str], where: str) -> None:
    """Raise `SchemaError` if the table or path `where` has `fields` that are not in the contract."""
    if fields:
        what = f"{where} has fields that are not in the contract, and the policy `columns` is freeze: "
        remedy = "Add them to the contract (docs/contract.md), or set `columns` of [sources.pypi] to report."
        raise SchemaError(f"{what}{', '.join(fields)}. Nothing was read.", remedy=remedy)
