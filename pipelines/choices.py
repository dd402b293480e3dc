"""The choices of command options; imports no library, so that `--help` stays fast."""

from enum import StrEnum


class Severity(StrEnum):
    """The severity of an anomaly in `marts.anomalies`, from lowest to highest."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def or_above(self) -> list[str]:
        """The names of this severity and the higher ones."""
        severities = list(Severity)
        return [str(severity) for severity in severities[severities.index(self) :]]


class Format(StrEnum):
    """The file format of an exported mart, and the extension of its file."""

    PARQUET = "parquet"
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"


class Layout(StrEnum):
    """How a report is printed."""

    TEXT = "text"
    MARKDOWN = "markdown"
