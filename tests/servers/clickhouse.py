"""A ClickHouse server on this machine with a table like the public copy's, and with that copy's limits.

server = ClickHouse(folder)     # starts it; `with` stops it
server.fill(rows)               # Parquet files with BigQuery's schema
project.with_settings(**server.settings)
"""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb

from tests.servers.process import ServerProcess

ENVIRONMENT = ".venv-clickhouse"
# As ClickPy publishes it (https://github.com/ClickHouse/clickpy).
TABLE = """
    CREATE TABLE IF NOT EXISTS pypi.pypi (
        date Date,
        country_code LowCardinality(String),
        project String,
        type LowCardinality(String),
        installer LowCardinality(String),
        python_minor LowCardinality(String),
        system LowCardinality(String),
        version String,
        libc Tuple(lib LowCardinality(String), version LowCardinality(String)),
        ci Enum8('false' = 0, 'true' = 1, 'unknown' = 2),
        filename String
    ) ENGINE = MergeTree ORDER BY (project, date, version, country_code, python_minor, system)
"""
# What the copy keeps of a row, by which text it has for what a row does not say.
_COPIED = """
    SELECT
        timestamp::DATE AS date,
        COALESCE(country_code, '') AS country_code,
        project,
        file.type AS type,
        COALESCE(details.installer.name, '') AS installer,
        REGEXP_EXTRACT(COALESCE(details.python, ''), '^([^.]+[.][^.]+)', 1) AS python_minor,
        COALESCE(details.system.name, '') AS system,
        file.version AS version,
        COALESCE(details.distro.libc.lib, '') AS lib,
        COALESCE(details.distro.libc.version, '') AS lib_version,
        CASE WHEN details.ci THEN 'true' ELSE 'false' END AS ci,
        file.filename AS filename
    FROM READ_PARQUET(?)
"""


class ClickHouse(ServerProcess):
    """The server; it keeps its rows when it is killed and started again."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, ENVIRONMENT, "tests.servers.clickhouse_server")

    @property
    def url(self) -> str:
        return f"http://{self.address('http')}"

    @property
    def settings(self) -> dict[str, str]:
        """The source's settings for `Installation.with_settings`, without a pause between queries."""
        return {"UPSTREAM": "clickpy", "GRAIN": "day", "CLICKPY__URL": self.url, "CLICKPY__PAUSE": "0"}

    def fill(self, rows: Path | str) -> None:
        """Put the rows of Parquet files with BigQuery's schema, a pattern, into the table, and nothing else."""
        copied = self.folder / "copied.parquet"
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(f"COPY ({_COPIED}) TO '{copied}' (FORMAT parquet)", [str(rows)])
        columns = "date, country_code, project, type, installer, python_minor, system, version, (lib, lib_version), ci"
        self.execute(
            "CREATE DATABASE IF NOT EXISTS pypi",
            "DROP TABLE IF EXISTS pypi.pypi",
            TABLE,
            f"INSERT INTO pypi.pypi SELECT {columns}, filename FROM file('{copied}', 'Parquet')",
        )

    def generate(self, project: str, first_day: date, days: int, downloads: int) -> None:
        """Put so many generated downloads of each day into the table, and nothing else.

        A few values of each column have most of them: 245,000 downloads make about 48,000 counts, as many as a real day
        of lancedb has.
        """
        version, country, python, system, installer, libc, ci, source = (
            f"toUInt32({values} * pow(cityHash64(number, '{column}') / pow(2, 64), {skew}))"
            for column, values, skew in (
                ("version", 80, 10),
                ("country", 180, 14),
                ("python", 8, 6),
                ("system", 3, 10),
                ("installer", 6, 12),
                ("libc", 10, 6),
                ("ci", 2, 3),
                ("source", 2, 12),
            )
        )
        number = f"leftPad(toString({version}), 3, '0')"
        self.execute(
            "CREATE DATABASE IF NOT EXISTS pypi",
            "DROP TABLE IF EXISTS pypi.pypi",
            TABLE,
            *(
                f"INSERT INTO pypi.pypi SELECT toDate('{first_day + timedelta(days=day)}'),"
                f" concat(char(65 + intDiv({country}, 26)), char(65 + {country} % 26)), '{project}',"
                f" if({source} = 1, 'sdist', 'bdist_wheel'), concat('installer-', toString({installer})),"
                f" concat('3.', toString({python} + 5)), concat('system-', toString({system})),"
                f" concat('2.', {number}), ('glibc', concat('2.', toString({libc} + 20))), {ci},"
                f" concat('{project}-2.', {number}, if({source} = 1, '.tar.gz', '-py3-none-any.whl'))"
                f" FROM numbers({day * downloads}, {downloads})"
                for day in range(days)
            ),
        )

    def execute(self, *statements: str) -> None:
        """Run statements, as the one who runs the server."""
        self.control("control/execute", list(statements), name="http")

    def limit(self, **limits: int | str) -> None:
        """Set limits of the user, in place of the public copy's; without any, set those."""
        self.control("control/limits", limits, name="http")

    def faults(self, *rules: dict[str, Any]) -> None:
        """Replace the faults by these, and empty the log.

        A rule strikes queries that have `match` in their text; it lets `after` of them pass (0), then strikes `times`
        (1). It answers with an error's `code` and `message`, with a `status`, `body` and `headers`, or after a `delay`
        in seconds; cuts the answer (`cut`: `connection` in the middle, `end` the mark of its end), or appends a text
        to it (`append`); or drops settings of the request (`ignore`).
        """
        self.control("control/faults", list(rules), name="http")

    def queries(self) -> list[dict[str, Any]]:
        """Each query since the faults were set: its `sql`, what was `asked` of it, `headers`, and the time `at`."""
        entries: list[dict[str, Any]] = self.control("control/log", name="http")
        return entries
