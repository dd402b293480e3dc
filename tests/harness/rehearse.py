"""Rehearses the first real load without an account: `just rehearse`, on a server that bills like the real table.

The tests' BigQuery server counts as if a day of the table were as large as a real one, and a project's share of it as
large as an ordinary package's (docs/costs.md has the figures and their sources). With default settings it goes through
`just estimate`, the same with a probe, the first load of 30 days, and the next day; with `--grain day` of counts. What
is loaded are real downloads, where PYPI_REAL_DATA has them, or else the demo's.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
from google.cloud import bigquery

from pipelines.demo import write_demo
from pipelines.pypi.columns import GRAINS
from pipelines.pypi.settings import TIB
from tests.harness.benchmark import find_real_data
from tests.servers.bigquery import TABLE, Server, redirect_clients
from tests.support.installation import Installation

DAY_BYTES = 1.75 * TIB
"""All columns of a day of the real table, by a dry run: 1 to 3 TiB."""
PROJECT_BYTES = 150 * 2**20
"""The blocks that hold an ordinary package on a day, of nearly all columns: 4.6 GiB for 30 days."""
DAYS = 30


@dataclass(frozen=True)
class Downloads:
    """Parquet files; the project that is loaded of them, and the day after its last one."""

    files: Path
    project: str
    end: date

    @property
    def start(self) -> datetime:
        return datetime.combine(self.end, time(), UTC) - timedelta(DAYS)

    def copy(self, folder: Path) -> Path:
        """The downloads of the month, as files of a day: more would only take time."""
        folder.mkdir()
        source = self.files / "*.parquet" if self.files.is_dir() else self.files
        sql = f"FROM '{source}' WHERE timestamp >= ? AND timestamp < ?"
        duckdb.execute(f"COPY ({sql}) TO '{folder}/month.parquet'", [self.start, self.start + timedelta(DAYS)])
        return folder


def main() -> int:
    parser = argparse.ArgumentParser(description="Rehearse the first load from BigQuery, without an account.")
    parser.add_argument("--json", action="store_true", help="Print one JSON object only.")
    parser.add_argument("--grain", choices=GRAINS, default="row", help="Load rows, which is the default, or counts.")
    options = parser.parse_args()
    say: Callable[[str], object] = (lambda _text: None) if options.json else print
    with TemporaryDirectory() as name:
        result = rehearse(Path(name), find_downloads(Path(name)), say, options.grain)
    if options.json:
        print(json.dumps(result))
    else:
        print(
            f"Expected ${result['expected_usd']:.4f}, at most ${result['at_most_usd']:,.2f}, "
            f"billed ${result['billed_usd']:.4f} for {result['rows']:,} rows."
        )
    return int(result["exit"])


def find_downloads(folder: Path) -> Downloads:
    if real := find_real_data():
        return Downloads(real.parent / "file_downloads_history.parquet", "gimme-aws-creds", date(2026, 7, 21))
    write_demo(folder / "demo")
    return Downloads(folder / "demo", "copper-kettle", date(2026, 7, 1))


def rehearse(folder: Path, downloads: Downloads, say: Callable[[str], object], grain: str = "row") -> dict[str, Any]:
    """Walk through a first load; the dollars and rows of both loads, and the highest exit code."""
    with Server(folder / "bigquery") as server:
        server.fill(downloads.copy(folder / "source"))
        key = server.make_key(folder / "key.json")
        server.bill(**_real_size(server, key, downloads))
        with _environment(server.environment(key)):
            names = {"PROJECTS": json.dumps([downloads.project]), "START_DATE": f"{downloads.start:%Y-%m-%d}"}
            project = Installation(folder / "data").with_settings(**server.settings, **names, GRAIN=grain)
            return _walk(project, downloads, say)


def _walk(project: Installation, downloads: Downloads, say: Callable[[str], object]) -> dict[str, Any]:
    first = project.with_settings(END_DATE=(downloads.end - timedelta(1)).isoformat())
    following = project.with_settings(END_DATE=downloads.end.isoformat())
    strict = first.with_settings(GUARD="bound")
    codes = []
    for title, settings, command in (
        ("estimate", first, ("estimate",)),
        ("SOURCES__PYPI__GUARD=bound just run --no-site   # the strict rule refuses it", strict, ("run", "--no-site")),
        ("estimate --probe", first, ("estimate", "--probe")),
        ("run --no-site", first, ("run", "--no-site")),
        ("run --no-site   # a day later", following, ("run", "--no-site")),
        ("costs", following, ("costs",)),
    ):
        done = settings.cli(*command, COLUMNS="110")
        say(f"$ {title if title.startswith('SOURCES') else f'just {title}'}\n{done.stdout}{done.stderr}")
        codes.append(0 if settings is strict else done.returncode)
    [(expected, at_most, billed, rows)] = project.query(
        "SELECT SUM(bytes_expected), SUM(bytes_estimated), SUM(bytes_billed), SUM(rows_read) FROM raw.extract_ledger "
        "WHERE purpose = 'read'"
    )
    [(probes,)] = project.query("SELECT SUM(bytes_billed) FROM raw.extract_ledger WHERE purpose = 'probe'")
    price = 6.25 / TIB
    return {
        "project": downloads.project,
        "expected_usd": float(expected) * price,
        "at_most_usd": float(at_most) * price,
        "billed_usd": float(billed) * price,
        "probe_usd": float(probes) * price,
        "rows": int(rows),
        "exit": max(codes),
    }


def _real_size(server: Server, key: Path, downloads: Downloads) -> dict[str, float]:
    """The account by which a day of the server's table, and the project's part of it, are as large as real ones."""
    client = server.client(key)
    sql = f"SELECT * FROM `{TABLE}` WHERE timestamp >= @start AND project = @project"
    config = bigquery.QueryJobConfig(
        query_parameters=[
            bigquery.ScalarQueryParameter("project", "STRING", downloads.project),
            bigquery.ScalarQueryParameter("start", "TIMESTAMP", downloads.start),
        ]
    )
    read = client.query(sql, job_config=config)
    read.result()
    config.dry_run = True
    table = client.query(sql, job_config=config).total_bytes_processed
    row_scale = PROJECT_BYTES * DAYS / read.total_bytes_processed
    return {"row_scale": row_scale, "table_scale": DAY_BYTES * DAYS / (table * row_scale)}


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    redirect_clients()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


if __name__ == "__main__":
    sys.exit(main())
