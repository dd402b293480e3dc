"""The dlt source of PyPI's downloads; beside `source` are settings, contract, validation, query and upstreams."""
