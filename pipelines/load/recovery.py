"""Finishes the load packages of a run that died, after repairs of dlt's working folder and of the warehouse.

Each repair says what dlt 1.31.0 does wrong. When dlt is upgraded, remove a repair and run `tests/load` and `python -m
tests.harness.kill`: if all pass, dlt has fixed the fault, and the repair can go.
"""

from contextlib import nullcontext

from pipelines.dlt_internals import extracted_packages, save_schemas, unfinished_jobs
from pipelines.load.dlt_errors import translate_dlt_errors
from pipelines.warehouse import PIPELINE, Warehouse, bookkeeping
from pipelines.warehouse.bookkeeping import PRIMARY_KEYS

STAGED_TABLES = ("file_downloads", "daily_counts", "quarantine")
"""The tables that dlt fills from a staging table, in one transaction."""


def finish_pending(warehouse: Warehouse) -> bool:
    """Finish the load packages of a run that died; return whether there were any.

    With a pending package, dlt's `run()` would ignore new data.
    """
    drop_half_saved_schemas(warehouse)
    if not warehouse.exists or not warehouse.pipeline.has_pending_data:
        return False
    drop_normalized_extracts(warehouse)
    save_extracted_schemas(warehouse)
    roll_back_unfinished_jobs(warehouse)
    with translate_dlt_errors():
        warehouse.pipeline.run()
    bookkeeping.ensure_tables(warehouse)
    return True


def drop_half_saved_schemas(warehouse: Warehouse) -> None:
    """Delete the temporary files of a schema that dlt was saving when it died.

    dlt 1.31.0 would read such a leftover file in `schemas/` as a schema.
    """
    # The folder is searched, because an open pipeline has read the names already.
    for file in warehouse.pipelines_dir.glob(f"{PIPELINE}/schemas/*"):
        if not file.name.endswith(".schema.json"):
            file.unlink()
            warehouse.__dict__.pop("pipeline", None)


def drop_normalized_extracts(warehouse: Warehouse) -> None:
    """Delete the extracted packages that dlt has normalized but not deleted.

    dlt 1.31.0 normalizes such a package again, finds the normalized package there, and fails each time.
    """
    extracted = extracted_packages(warehouse.pipeline)
    for load_id in {*extracted.list_packages()} & {*warehouse.pipeline.list_normalized_load_packages()}:
        extracted.delete_package(load_id)


def save_extracted_schemas(warehouse: Warehouse) -> None:
    """Save the schemas of the extracted packages that are still to be normalized.

    dlt 1.31.0 commits an extracted package before it saves the package's schema, and normalizes by the saved schema. If
    it died between the two, the saved schema is that of an earlier load, whose `destination_scope` would delete the
    days of that load.
    """
    save_schemas(warehouse.pipeline, extracted_packages(warehouse.pipeline))


def roll_back_unfinished_jobs(warehouse: Warehouse) -> None:
    """Delete the rows of the jobs that dlt will run again.

    dlt 1.31.0 records a job as done after the destination has committed it, and runs the job again if it died between.
    """
    with warehouse.client() as client:
        for job, file in unfinished_jobs(warehouse.pipeline):
            if job.file_format != "parquet" or job.table_name not in PRIMARY_KEYS:
                continue
            with client.with_staging_dataset() if job.table_name in STAGED_TABLES else nullcontext():
                table = client.make_qualified_table_name(job.table_name)
                keys = PRIMARY_KEYS[job.table_name]
                same = " AND ".join(f"here.{key} = there.{key}" for key in keys)
                # Two steps: MotherDuck documents that it loads a local file, but not that it deletes by one.
                repeated = client.make_qualified_table_name("repeated_rows")
                with client.begin_transaction():
                    client.execute_sql(
                        f"CREATE TABLE {repeated} AS SELECT {', '.join(keys)} FROM READ_PARQUET(?)", str(file)
                    )
                    client.execute_sql(f"DELETE FROM {table} AS here USING {repeated} AS there WHERE {same}")
                    client.execute_sql(f"DROP TABLE {repeated}")
