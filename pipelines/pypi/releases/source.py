"""The dlt source of releases: what the pages of an index list, appended as one load."""

from collections.abc import Iterator, Sequence

import dlt
import pyarrow as pa
from dlt.common.libs.pyarrow import py_arrow_to_table_schema_columns
from dlt.extract import DltResource

from pipelines.pypi.releases.contract import FILES, FILES_SCHEMA, QUARANTINE, REJECTED_SCHEMA, ReleasePage
from pipelines.pypi.source import FROZEN


@dlt.source(name="pypi")
def releases(pages: Sequence[ReleasePage]) -> Iterator[DltResource]:
    """The files of the pages, and those that failed the contract; `raw.release_pages` says which load counts.

    It has the name of the downloads' source: another schema would make another load package, of dlt's state.
    """
    yield _table(FILES.table, FILES_SCHEMA, [page.rows for page in pages])
    yield _table(QUARANTINE, REJECTED_SCHEMA, [page.rejected_rows for page in pages if page.rejected])


def _table(name: str, schema: pa.Schema, tables: list[pa.Table]) -> DltResource:
    return dlt.resource(
        tables,
        name=name,
        columns=py_arrow_to_table_schema_columns(schema),
        schema_contract=FROZEN,
        write_disposition="append",
    )
