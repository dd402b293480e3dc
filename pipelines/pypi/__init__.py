"""The dlt source of PyPI's downloads; beside `source` are settings, contract, validation, query and upstreams."""

USER_AGENT = "duckdb-evidence-insights"
"""Says who asks: a public server's operators see which program to talk to."""
