"""The ways to count downloads, as commands name them; `sqlmesh/seeds/lenses.csv` says what each counts."""

import csv
from enum import StrEnum
from functools import cache
from pathlib import Path

SEED = Path(__file__).parents[1] / "sqlmesh" / "seeds" / "lenses.csv"


class Lens(StrEnum):
    """Which downloads count."""

    ALL = "all"
    WITHOUT_MIRRORS = "without-mirrors"
    INSTALLERS = "installers"
    OUTSIDE_CI = "outside-ci"

    @property
    def column(self) -> str:
        """The column of the marts that counts so."""
        return _read_seed()[self]["column_name"]

    @property
    def label(self) -> str:
        """Its name on a button, and in a table."""
        return _read_seed()[self]["label"]

    @property
    def words(self) -> str:
        """Its downloads, in titles."""
        return _read_seed()[self]["words"]

    @property
    def badge(self) -> str:
        """The label of a badge."""
        return _read_seed()[self]["badge"]

    @property
    def counts(self) -> str:
        """What it counts, as sentences."""
        return _read_seed()[self]["counts"]


@cache
def _read_seed() -> dict[str, dict[str, str]]:
    with SEED.open(encoding="utf-8", newline="") as file:
        return {row["lens"]: row for row in csv.DictReader(file)}
