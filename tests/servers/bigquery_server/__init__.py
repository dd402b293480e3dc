"""A BigQuery server for the tests: `local-bigquery` in an environment of its own (`requirements/emulator.txt`).

It runs as `python -m tests.servers.bigquery_server`; `tests.servers.bigquery.Server` starts it. What BigQuery has and
`local-bigquery` has not is added here: offline start, small batches and several streams, bytes billed and their
limit, an OAuth token endpoint; and what only a test wants: faults, and a log of the requests.
"""
