"""The real command line, whose clients talk to the server of `tests.bigquery`: `python -m tests.cli run --no-site`."""

from pipelines.__main__ import main
from tests.bigquery import redirect_clients

redirect_clients()
main()
