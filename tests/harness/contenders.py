"""What `benchmark.py` compares, each way a process: `python -m tests.harness.contenders WAY ...`.

Each imports what it needs and nothing else, as imports count.
"""

import sys


def duckdb_alone(query: str, database: str) -> None:
    """A table of what the query reads, in a file; nothing is checked."""
    import duckdb

    with duckdb.connect(database) as connection:
        connection.execute(f"CREATE TABLE file_downloads AS {query}")


def load_rows() -> None:
    """The load that the environment describes; prints its rows, and the peak memory of the process in KiB."""
    import resource
    from datetime import UTC, datetime

    from pipelines.load import load
    from pipelines.load.plan import LoadRequest
    from pipelines.pypi.settings import resolve_settings
    from pipelines.warehouse import resolve_warehouse

    warehouse = resolve_warehouse()
    with warehouse.kept_open():
        report = load(LoadRequest(resolve_settings(), warehouse, datetime.now(UTC)))
    print(report.accepted + report.quarantined, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def row_by_row(files: str, database: str) -> None:
    """A DataFrame, a Pydantic model for each of its rows, and a table, in a file, of those that are valid."""
    import duckdb
    import pandas as pd
    from pydantic import ValidationError

    from pipelines.pypi.contract import FileDownload

    def is_valid(row: object) -> bool:
        try:
            FileDownload.model_validate(row)
        except ValidationError:
            return False
        return True

    downloads = pd.read_parquet(files)
    valid = downloads[[is_valid(row) for row in downloads.to_dict(orient="records")]]
    with duckdb.connect(database) as connection:
        connection.register("valid", valid)
        connection.execute("CREATE TABLE file_downloads AS FROM valid")


def write(folder: str, *spans: str) -> None:
    """Files of so many times the demo's days, one span before the other, with each of its downloads twice."""
    from pathlib import Path

    import duckdb

    from pipelines.demo import END, FIRST_DAY, write_demo

    write_demo(Path(folder, "demo"))
    for span in spans:
        earlier = f"timestamp - TO_DAYS((n * {(END - FIRST_DAY).days})::INT)"
        rows = (
            f"SELECT rows.* REPLACE ({earlier} AS timestamp) "
            f"FROM '{folder}/demo/*.parquet' AS rows, RANGE({span}) AS spans (n), RANGE(2)"
        )
        duckdb.sql(f"COPY ({rows}) TO '{folder}/{span}.parquet'")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["duckdb", query, database]:
            duckdb_alone(query, database)
        case ["load"]:
            load_rows()
        case ["rows", files, database]:
            row_by_row(files, database)
        case ["write", folder, *spans]:
            write(folder, *spans)
