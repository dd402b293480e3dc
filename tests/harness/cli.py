"""The real command line, with clients of the server of `tests.servers.bigquery`: `python -m tests.harness.cli run`."""

from pipelines.cli import main
from tests.servers.bigquery import redirect_clients

redirect_clients()
main()
