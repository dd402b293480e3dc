"""Google's own analyzer of GoogleSQL; runs in the emulator's environment: `python -m tests.googlesql` < JSON.

It reads `{"table": [project, dataset, table], "columns": {...}, "parameters": {...}, "queries": [...]}`, where a type
is a name (`STRING`) or, for a record, a dictionary of its fields. It writes an error or `null` for each query.
"""

import json
import sys
from typing import Any

from zetasql.api import Analyzer, TableBuilder, TypeFactory
from zetasql.types import (
    AnalyzerOptions,
    LanguageOptions,
    SimpleCatalog,
    TypeKind,
    ZetaSQLBuiltinFunctionOptions,
)


def as_type(kind: Any) -> Any:  # noqa: ANN401 - a name or a dictionary
    if isinstance(kind, dict):
        return TypeFactory.create_struct_type([(name, as_type(field)) for name, field in kind.items()])
    return TypeFactory.create_simple_type(TypeKind["TYPE_" + kind.replace("BOOLEAN", "BOOL")])


def main() -> None:
    request = json.load(sys.stdin)
    language = LanguageOptions.maximum_features()
    *path, name = request["table"]
    builder = TableBuilder(name)
    for column, kind in request["columns"].items():
        builder = builder.add_column(column, as_type(kind))
    catalog = SimpleCatalog(name=path[-1], table=[builder.build()])
    for part in reversed(["", *path[:-1]]):
        catalog = SimpleCatalog(name=part, catalog=[catalog])
    catalog.builtin_function_options = ZetaSQLBuiltinFunctionOptions(language_options=language)
    parameters = [
        AnalyzerOptions.QueryParameter(name=parameter, type=as_type(kind))
        for parameter, kind in request["parameters"].items()
    ]
    analyzer = Analyzer(AnalyzerOptions(language_options=language, query_parameters=parameters), catalog)
    json.dump([error_of(analyzer, query) for query in request["queries"]], sys.stdout)


def error_of(analyzer: Analyzer, query: str) -> str | None:
    try:
        analyzer.analyze_statement(query)
    except Exception as error:  # noqa: BLE001 - whatever it says against the query
        return str(error) or type(error).__name__
    return None


main()
