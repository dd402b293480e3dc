"""What commands let people choose from; without imports, as `--help` needs it."""

from enum import StrEnum


class Severity(StrEnum):
    """What `marts.anomalies` says of a day, from the least to the most severe."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def or_above(self) -> list[str]:
        """Its name, and those of all that are more severe."""
        severities = list(Severity)
        return [str(severity) for severity in severities[severities.index(self) :]]


class Format(StrEnum):
    """What a mart can be written as, which is also how the name of its file ends."""

    PARQUET = "parquet"
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
