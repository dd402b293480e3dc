"""The Storage Read API in small batches and several streams, where faults can strike between two batches."""

from collections.abc import Iterator
from typing import Any

import grpc
from google.cloud.bigquery_storage_v1 import types
from local_bigquery.engine import database
from local_bigquery.grpc import read

from tests.servers.bigquery_server.billing import Account
from tests.servers.bigquery_server.faults import Faults


def install(faults: Faults, account: Account, log: list[dict[str, Any]], batch_rows: int, stream_rows: int) -> None:
    """Must run before the server's own gRPC module is imported: it takes the functions as they are then."""
    read.STREAM_ROWS = stream_rows
    create_session = read.create_session

    def create_session_or_fail(request: Any) -> Any:
        faults.strike("create_read_session", request.read_session.table)
        if not account.sessions:
            what = "request failed: BigQuery Storage API cannot be used without billing enabled"
            raise read.StorageError(grpc.StatusCode.PERMISSION_DENIED, what)
        return create_session(request)

    def read_rows(request: Any) -> Iterator[Any]:
        log.append({"request": f"ReadRows {request.read_stream}", "authorization": None, "body": {}})
        stream = read._lookup(request.read_stream)
        first = stream.start + request.offset
        sql = f"SELECT * FROM ({stream.query}) LIMIT {stream.end - first} OFFSET {first}"
        position = request.offset
        with database.cursor() as cursor:
            reader = cursor.sql(sql).to_arrow_reader(batch_rows)
            schema = read._schema(None, reader.schema)
            for batch in reader:
                faults.strike("read_rows", request.read_stream)
                rows = types.ArrowRecordBatch(serialized_record_batch=batch.serialize().to_pybytes())
                progress = read._progress(stream, position, position + batch.num_rows)
                yield types.ReadRowsResponse(
                    row_count=batch.num_rows, stats=progress, arrow_record_batch=rows, **schema
                )
                schema = {}
                position += batch.num_rows

    read.create_session, read.read_rows = create_session_or_fail, read_rows
