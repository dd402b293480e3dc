"""Finishes what a run that died has left in dlt's working folder, and repairs what dlt would get wrong in it.

Each repair says what dlt 1.31.0 does. When dlt is upgraded, take a repair out and run `tests/load` and `python -m
tests.harness.kill`: where all passes, dlt does it no more, and the repair can go.
"""

from contextlib import nullcontext

from pipelines.dlt_internals import extracted_packages, repeated_jobs, save_schemas
from pipelines.load.failures import translate_dlt_errors
from pipelines.warehouse import PIPELINE, Warehouse, bookkeeping
from pipelines.warehouse.bookkeeping import PRIMARY_KEYS

STAGED = ("file_downloads", "quarantine")
"""The tables that dlt fills from a staging table, in one transaction."""


def finish_pending(warehouse: Warehouse) -> bool:
    """Finish the packages of a run that died, as `run()` would ignore new data; return whether there were any."""
    drop_half_saved_schemas(warehouse)
    if not warehouse.exists or not warehouse.pipeline.has_pending_data:
        return False
    drop_normalized_extracts(warehouse)
    save_extracted_schemas(warehouse)
    roll_back_unfinished_jobs(warehouse)
    with translate_dlt_errors():
        warehouse.pipeline.run()
    bookkeeping.ensure(warehouse)
    return True


def drop_half_saved_schemas(warehouse: Warehouse) -> None:
    """Delete the temporary files of a schema that dlt was saving when it died.

    dlt 1.31.0 takes the name of each file in `schemas/` for that of a schema.
    """
    # By the folder: a pipeline that is open has taken the names already.
    for file in warehouse.pipelines_dir.glob(f"{PIPELINE}/schemas/*"):
        if not file.name.endswith(".schema.json"):
            file.unlink()
            warehouse.__dict__.pop("pipeline", None)


def drop_normalized_extracts(warehouse: Warehouse) -> None:
    """Delete the extracts that dlt has normalized and not deleted.

    dlt 1.31.0 normalizes such an extract again, finds its package there, and fails each time.
    """
    extracted = extracted_packages(warehouse.pipeline)
    for load_id in {*extracted.list_packages()} & {*warehouse.pipeline.list_normalized_load_packages()}:
        extracted.delete_package(load_id)


def save_extracted_schemas(warehouse: Warehouse) -> None:
    """Save the schemas of the extracts that are to be normalized.

    dlt 1.31.0 commits an extract before it saves its schema, and normalizes by the saved one. Where it died between
    the two, that is the schema of an earlier load, whose `destination_scope` would delete the days of that load.
    """
    save_schemas(warehouse.pipeline, extracted_packages(warehouse.pipeline))


def roll_back_unfinished_jobs(warehouse: Warehouse) -> None:
    """Delete the rows of the jobs that dlt will run again.

    dlt 1.31.0 notes that a job is done after the destination has committed it, and repeats it where it died between.
    """
    with warehouse.client() as client:
        for job, file in repeated_jobs(warehouse.pipeline):
            if job.file_format != "parquet" or job.table_name not in PRIMARY_KEYS:
                continue
            with client.with_staging_dataset() if job.table_name in STAGED else nullcontext():
                table = client.make_qualified_table_name(job.table_name)
                keys = PRIMARY_KEYS[job.table_name]
                same = " AND ".join(f"here.{key} = there.{key}" for key in keys)
                # Two steps: MotherDuck documents that it takes in a local file, not that it deletes by one.
                repeated = client.make_qualified_table_name("repeated_rows")
                with client.begin_transaction():
                    client.execute_sql(
                        f"CREATE TABLE {repeated} AS SELECT {', '.join(keys)} FROM READ_PARQUET(?)", str(file)
                    )
                    client.execute_sql(f"DELETE FROM {table} AS here USING {repeated} AS there WHERE {same}")
                    client.execute_sql(f"DROP TABLE {repeated}")
