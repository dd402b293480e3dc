"""Computes the models on Spark: `python -m pipelines.transform.engines.spark FOLDER`, in an environment with pyspark.

It reads the job in the folder, declares `raw` (the downloads are the lake's Parquet files, where they are), applies
SQLMesh's plan, and writes the marts back. It opens no warehouse.
"""

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rich.console import Console
from sqlmesh import Context
from sqlmesh.core.console import TerminalConsole, set_console

from pipelines.lake.files import DOWNLOADS
from pipelines.transform import MARTS
from pipelines.transform.context import WIDTH
from pipelines.transform.engines.job import BOOKKEEPING, Job, marts_folder, raw_folder
from pipelines.transform.plan import apply_in

RAW, LAKE = "raw", "lake"


def default_options(folder: Path) -> dict[str, str]:
    """Spark's settings, unless the project's settings have others: local mode, and a metastore in the folder."""
    return {
        "spark.master": "local[*]",
        "spark.app.name": "DuckDB Evidence Insights",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.legacy.createHiveTableByDefault": "false",
        "spark.sql.warehouse.dir": str(folder / "tables"),
        "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={folder / 'metastore'};create=true",
        "spark.driver.extraJavaOptions": f"-Dderby.system.home={folder}",
        # Days of a few thousand counts: as many parts as Spark makes by default would be empty ones.
        "spark.sql.shuffle.partitions": "4",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
    }


def main() -> None:
    folder = Path(sys.argv[1])
    job = Job.read(folder)
    os.environ |= {
        "ENGINE": "spark",
        "ENGINE_STATE": str(folder / "state.duckdb"),
        "ENGINE_CONNECTION": json.dumps({"type": "spark", "config": default_options(folder) | job.options}),
        # The same Python on a worker of this machine.
        "PYSPARK_PYTHON": sys.executable,
    }
    output = io.StringIO()
    console = TerminalConsole(console=Console(file=output, width=WIDTH))
    set_console(console)
    context = Context(paths=[job.models])
    try:
        spark: Any = context.engine_adapter.spark
        declare_raw(context, spark, job, raw_folder(folder))
        apply_in(context, job.dates, releases_changed=job.releases_changed)
        write_marts(context, spark, marts_folder(folder))
    except Exception:
        sys.stderr.write(output.getvalue())
        raise
    finally:
        context.close()


def declare_raw(context: Context, spark: Any, job: Job, bookkeeping: Path) -> None:  # noqa: ANN401 - untyped
    """Make the tables of `raw`: bookkeeping as copies, downloads as views of the lake's committed days."""
    for schema in (RAW, LAKE):
        spark.sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    tables = {
        model.name.removeprefix(f"{RAW}."): {name: kind.sql("spark") for name, kind in model.columns_to_types.items()}
        for model in context.models.values()
        if model.kind.is_external and model.columns_to_types
    }
    for name in tables.keys() & set(BOOKKEEPING):
        rows = spark.createDataFrame(pq.read_table(bookkeeping / f"{name}.parquet"))
        selected = [f"CAST({column} AS {kind}) AS {column}" for column, kind in tables[name].items()]
        rows.selectExpr(*selected).write.mode("overwrite").saveAsTable(f"{RAW}.{name}")
    for name in DOWNLOADS:
        columns = ", ".join(f"{column} {kind}" for column, kind in tables[name].items())
        spark.sql(f"DROP TABLE IF EXISTS {LAKE}.{name}")
        create = f"CREATE TABLE {LAKE}.{name} ({columns}) USING parquet PARTITIONED BY (day)"
        if name in job.tables:
            spark.sql(f"{create} LOCATION '{job.lake}/{name}'")
            spark.sql(f"ALTER TABLE {LAKE}.{name} RECOVER PARTITIONS")
        else:
            spark.sql(create)
        # A lake may have days that the warehouse has not.
        spark.sql(
            f"CREATE OR REPLACE VIEW {RAW}.{name} AS SELECT {', '.join(f'd.{column}' for column in tables[name])} "
            f"FROM {LAKE}.{name} AS d LEFT SEMI JOIN {RAW}.committed_days AS c "
            "ON d.project = c.project AND d.day = c.day"
        )


def write_marts(context: Context, spark: Any, folder: Path) -> None:  # noqa: ANN401 - untyped
    """Write the marts, and the types that their columns have in the warehouse."""
    kinds = {}
    for model in context.models.values():
        schema, name = model.name.split(".")
        if schema == MARTS:
            pq.write_table(spark.table(model.name).toArrow(), folder / f"{name}.parquet")
            kinds[name] = {column: kind.sql("duckdb") for column, kind in (model.columns_to_types or {}).items()}
    (folder / "types.json").write_text(json.dumps(kinds))


if __name__ == "__main__":
    main()
