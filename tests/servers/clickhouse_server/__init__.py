"""A ClickHouse server for the tests: `chdb` in an environment of its own (`requirements/clickhouse.txt`).

It runs as `python -m tests.servers.clickhouse_server`; `tests.servers.clickhouse.ClickHouse` starts it. The engine is
ClickHouse's; HTTP, the user and what it may are added here, and what only a test wants: faults, and a log of the
queries.
"""
