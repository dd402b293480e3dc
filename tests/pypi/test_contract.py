"""The contract: one declaration, from which columns, schemas and verdicts follow."""

import json
from collections import Counter
from datetime import date
from typing import Any

import dlt
import pyarrow as pa
import pytest
import yaml
from dlt.pipeline.exceptions import PipelineStepFailed
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipelines.pypi.columns import ROWS
from pipelines.pypi.contract import FileDownload
from pipelines.pypi.source import FROZEN
from pipelines.pypi.validation import split
from tests.support.installation import ROOT
from tests.support.rows import LEAVES_OF_FILES, SCHEMA, download

DAY = date(2026, 7, 1)
BROKEN: dict[str, Any] = {
    "timestamp": [None],
    "country_code": ["de", "DEU", "D", "*", "DE\n"],
    "url": [None, "packages/x", "/" + "x" * 2048],
    "project": [None, "", "x" * 257],
    "file__filename": [None, "", "x" * 1025],
    "file__project": [None, "", "another"],
    "file__version": [None, "", "1" * 257],
    "file__type": [None, "", "wheel", "bdist_conda"],
    "tls_protocol": ["x" * 1025],
    "tls_cipher": ["x" * 1025],
} | {
    f"{'__'.join(leaf.path)}": ["x" * 1025]
    for leaf in ROWS.leaves
    if leaf.path[0] == "details" and leaf.path[-1] != "ci"
}


def flat(*rows: dict[str, Any]) -> pa.Table:
    """The rows as the upstream's query returns them, with day and ordinal."""
    columns = [[value(row, leaf.path) for row in rows] for leaf in ROWS.leaves]
    return numbered(pa.table(columns, schema=ROWS.source_schema))


def numbered(table: pa.Table) -> pa.Table:
    """The rows with the day and the ordinal that the source gives them."""
    ordinals = pa.array(range(table.num_rows), pa.int64())
    return table.append_column("day", pa.array([DAY] * table.num_rows)).append_column("ordinal", ordinals)


def value(row: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - any leaf
    for name in path:
        row = None if row is None else row[name]
    return row


def test_leaves_are_those_of_the_public_table() -> None:
    """The contract has each field of file_downloads, at its place, and no other but those that were added later."""

    def paths(fields: Any, prefix: str = "") -> list[str]:  # noqa: ANN401 - a schema or a struct
        found = []
        for field in fields:
            name = f"{prefix}{field.name}"
            found += paths(field.type, f"{name}.") if pa.types.is_struct(field.type) else [name]
        return found

    assert paths(SCHEMA) == [".".join(leaf.path) for leaf in LEAVES_OF_FILES]


@pytest.mark.parametrize(
    "package_type",
    ["bdist_wheel", "sdist", "bdist_egg", "bdist_wininst", "bdist_msi", "bdist_rpm", "bdist_dumb", "bdist_dmg"],
)
def test_each_documented_package_type_is_accepted(package_type: str) -> None:
    """The contract follows all that PyPI has ever accepted, not only what is common today."""
    FileDownload.model_validate(download(DAY, file__type=package_type))


def test_null_details_are_accepted() -> None:
    """A user agent that was not understood leaves no details at all."""
    accepted, rejected = split(flat(download(DAY, details=None, country_code=None)), "one")

    assert (accepted.num_rows, rejected.num_rows) == (1, 0)
    assert accepted.schema == ROWS.row_schema


@pytest.mark.parametrize(
    ("field", "broken"), [(field, broken) for field, values in BROKEN.items() for broken in values]
)
def test_fast_verdict_is_that_of_pydantic(field: str, broken: Any) -> None:  # noqa: ANN401 - any broken value
    """For each constraint of each field, the same row fails, alone, by distinct values and by the whole model."""
    bad = download(DAY, **{field: broken})
    with pytest.raises(ValidationError):
        FileDownload.model_validate(bad)

    accepted, rejected = split(flat(download(DAY), bad, download(DAY)), "one")

    assert accepted.column("ordinal").to_pylist() == [0, 2]
    assert rejected.column("ordinal").to_pylist() == [1]
    name = "project" if field == "file__project" and broken == "another" else field.replace("__", ".")
    assert name in rejected.column("reason")[0].as_py()


GOOD: dict[str, list[Any]] = {
    "timestamp": [value(download(DAY), ("timestamp",))],
    "country_code": [None, "DE", "A1", "EU", "**", "?", ""],
    "url": ["/", "/packages/x", "/" + "\U0001f40d" * 2047],
    "project": ["one", "One"],
    "file__filename": ["1", "x" * 1024, "\U0001f40d" * 1024],
    "file__project": ["one", "ONE"],
    "file__version": ["1", "1" * 256],
    "file__type": ["sdist", "bdist_wheel", "bdist_dmg"],
    "details__ci": [None, True, False],
}
SAID = [None, "", "x" * 1024, "\U0001f40d" * 1024, "pip", "unknown"]
"""Good values of a field that is free text."""
NEAR = [
    "DE\n",
    "\nDE",
    "\uff24\uff25",
    " /",
    "/\x00",
    "sdist ",
    "SDIST",
    "on\u00e9",
    "\u0130",
    "x" * 2049,
    "\U0001f40d" * 1025,
]
"""What looks right to somebody: other alphabets, line feeds, and lengths that differ by how they are counted."""
RECORDS = sorted({leaf.path[:depth] for leaf in ROWS.leaves for depth in range(1, len(leaf.path))})


GOOD_ROWS = [
    {leaf.column: values[n % len(values)] for leaf in ROWS.leaves for values in [GOOD.get(leaf.column, SAID)]}
    for n in range(12)
]
TEXTS = st.sampled_from([leaf.column for leaf in ROWS.leaves if pa.types.is_string(leaf.type)])
WAYS = st.sampled_from([(field, broken) for field, values in BROKEN.items() for broken in values])
CHANGES = st.one_of(
    WAYS,
    WAYS,
    st.tuples(st.sampled_from(ROWS.source_schema.names), st.none()),
    st.tuples(TEXTS, st.sampled_from(NEAR)),
    # As in Arrow, text has no lone surrogates.
    st.tuples(TEXTS, st.text()),
)
"""A column and a value for it, good or bad, that the column's Arrow type can hold."""


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    """A good row, or one in which up to three columns have changed, or a record is NULL."""
    row = draw(st.sampled_from(GOOD_ROWS)) | dict(draw(st.lists(CHANGES, max_size=3)))
    record = draw(st.sampled_from([None, None, None, *RECORDS]))
    return {
        leaf.column: None if record and leaf.path[: len(record)] == record else row[leaf.column] for leaf in ROWS.leaves
    }


def errors_of(record: dict[str, Any]) -> set[tuple[str, str]]:
    """The places and kinds of what Pydantic says against the record, as a whole model."""
    try:
        FileDownload.model_validate(record)
    except ValidationError as error:
        return {(".".join(map(str, detail["loc"])), detail["type"]) for detail in error.errors()}
    return set()


def test_each_leaf_has_broken_values() -> None:
    """Whoever adds a field says here how it breaks; a nullable Boolean cannot."""
    assert {leaf.column for leaf in ROWS.leaves} - {"details__ci"} == BROKEN.keys()


@pytest.mark.slow
def test_fast_verdict_is_that_of_pydantic_row_by_row() -> None:
    """For any rows exactly those are accepted that the whole model accepts, and none is lost or changed.

    Among them is each way to break each field, and the rule between fields.
    """
    seen: Counter[tuple[str, str]] = Counter()

    # Derandomised, or a rare run would lack a way.
    @settings(deadline=None, max_examples=300, derandomize=True)
    @given(st.lists(rows(), min_size=10, max_size=30))
    def verdicts_agree(batch: list[dict[str, Any]]) -> None:
        expected = [errors_of(ROWS.nested(row)) for row in batch]
        for errors in expected:
            seen.update(errors or {("", "accepted")})

        accepted, rejected = split(numbered(pa.Table.from_pylist(batch, ROWS.source_schema)), "one")

        assert [ordinal for ordinal, errors in enumerate(expected) if not errors] == accepted["ordinal"].to_pylist()
        assert [ordinal for ordinal, errors in enumerate(expected) if errors] == rejected["ordinal"].to_pylist()
        assert [row for row, errors in zip(batch, expected, strict=True) if not errors] == accepted.select(
            ROWS.source_schema.names
        ).to_pylist()
        assert [as_json(row) for row, errors in zip(batch, expected, strict=True) if errors] == rejected[
            "content"
        ].to_pylist()

    verdicts_agree()

    ways = [errors_of(download(DAY, **{field: broken})) for field, values in BROKEN.items() for broken in values]
    assert set().union(*ways, {("", "accepted")}) - seen.keys() == set()


def as_json(row: dict[str, Any]) -> str:
    return json.dumps(ROWS.nested(row), default=str)


def test_many_broken_rows_are_all_found() -> None:
    """Rows that fail for the same value, for others, and for several reasons at once are each rejected once."""
    rows = [download(DAY, country_code=code) for code in ("DE", "xx", "DE", "yy", "xx")]
    rows.append(download(DAY, country_code="xx", file__type=None))

    accepted, rejected = split(flat(*rows), "one")

    assert accepted.column("ordinal").to_pylist() == [0, 2]
    assert rejected.column("ordinal").to_pylist() == [1, 3, 4, 5]
    assert "country_code" in rejected.column("reason")[3].as_py()
    assert "file.type" in rejected.column("reason")[3].as_py()


def test_flat_rows_nest_again() -> None:
    """A flat row becomes the upstream's record; a record of NULLs is a NULL record."""
    row = download(DAY, details__distro=None)

    assert row == ROWS.nested(flat(row).to_pylist()[0])


@pytest.mark.parametrize("first", [True, False], ids=["first load", "later load"])
def test_undeclared_column_is_refused_from_the_first_load(tmp_path: Any, *, first: bool) -> None:  # noqa: ANN401 - a path
    """Dlt's own contract is frozen too: no column appears in the table that the model does not declare."""
    pipeline = dlt.pipeline(
        "frozen", pipelines_dir=str(tmp_path), destination=dlt.destinations.duckdb(str(tmp_path / "w.duckdb"))
    )
    good = ROWS.row_schema.empty_table()

    def resource(rows: pa.Table) -> Any:  # noqa: ANN401 - dlt's own
        return dlt.resource([rows], name="file_downloads", columns=ROWS.row_model, schema_contract=FROZEN)

    if not first:
        pipeline.run(resource(good))

    with pytest.raises(PipelineStepFailed, match="surprise"):
        pipeline.run(resource(good.append_column("surprise", pa.array([], pa.string()))))


def test_external_model_agrees_with_the_contract() -> None:
    """SQLMesh's hand-written columns of raw.file_downloads are columns of the contract, of the same type."""
    types = {
        pa.string(): "TEXT",
        pa.bool_(): "BOOLEAN",
        pa.date32(): "DATE",
        pa.timestamp("us", tz="UTC"): "TIMESTAMPTZ",
    }
    models = yaml.safe_load((ROOT / "sqlmesh" / "external_models" / "raw.yaml").read_text())
    declared = next(model for model in models if model["name"] == "raw.file_downloads")["columns"]

    assert declared == {name: types[ROWS.row_schema.field(name).type] for name in declared}
