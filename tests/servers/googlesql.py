"""Google's own analyzer of GoogleSQL; runs in the emulator's environment: `python -m tests.servers.googlesql` < JSON.

It reads `{"tables": [{"path": [..., dataset, table], "columns": {...}}], "parameters": {...}, "queries": [...]}`, where
a type is a name (`STRING`) or, for a record, a dictionary of its fields. It writes an error or `null` for each query.
"""

import json
import sys
from typing import Any

from wasmtime import Config
from zetasql.api import Analyzer, TableBuilder, TypeFactory
from zetasql.core import wasm_client
from zetasql.types import (
    AnalyzerOptions,
    LanguageOptions,
    SimpleCatalog,
    TypeKind,
    ZetaSQLBuiltinFunctionOptions,
)


def cached() -> Config:
    """A configuration by which the analyzer, which takes half a minute to compile, is compiled once on a machine."""
    config = Config()
    config.cache = True
    return config


def as_type(kind: Any) -> Any:  # noqa: ANN401 - a name or a dictionary
    if isinstance(kind, dict):
        return TypeFactory.create_struct_type([(name, as_type(field)) for name, field in kind.items()])
    kind = {"BOOLEAN": "BOOL", "FLOAT64": "DOUBLE"}.get(kind, kind)
    return TypeFactory.create_simple_type(TypeKind[f"TYPE_{kind}"])


def as_catalog(name: str, tables: list[tuple[list[str], Any]], functions: Any = None) -> Any:  # noqa: ANN401 - untyped
    """A catalog of the tables, each after the rest of its path; a catalog for each first part of longer paths."""
    inner: dict[str, list[tuple[list[str], Any]]] = {}
    for path, table in tables:
        if len(path) > 1:
            inner.setdefault(path[0], []).append((path[1:], table))
    catalogs = [as_catalog(part, members) for part, members in inner.items()]
    here = [table for path, table in tables if len(path) == 1]
    return SimpleCatalog(name=name, table=here, catalog=catalogs, builtin_function_options=functions)


def as_table(name: str, columns: dict[str, Any]) -> Any:  # noqa: ANN401 - untyped
    builder = TableBuilder(name)
    for column, kind in columns.items():
        builder = builder.add_column(column, as_type(kind))
    return builder.build()


def main() -> None:
    wasm_client.Config = cached
    request = json.load(sys.stdin)
    language = LanguageOptions.maximum_features()
    functions = ZetaSQLBuiltinFunctionOptions(language_options=language)
    tables = [(table["path"], as_table(table["path"][-1], table["columns"])) for table in request["tables"]]
    parameters = [
        AnalyzerOptions.QueryParameter(name=parameter, type=as_type(kind))
        for parameter, kind in request["parameters"].items()
    ]
    options = AnalyzerOptions(language_options=language, query_parameters=parameters)
    errors = []
    for query in request["queries"]:
        # The whole catalog goes to the analyzer with each query: one of the tables that it names is enough.
        named = [(path, table) for path, table in tables if ".".join(path) in query.replace("`", "")]
        errors.append(error_of(Analyzer(options, as_catalog("", named, functions)), query))
    json.dump(errors, sys.stdout)


def error_of(analyzer: Analyzer, query: str) -> str | None:
    try:
        analyzer.analyze_statement(query)
    except Exception as error:  # noqa: BLE001 - whatever it says against the query
        return str(error) or type(error).__name__
    return None


main()
