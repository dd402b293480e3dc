"""All errors that the command line reports, as one tree; each message says what happened, to what, and what to do.

InsightsError
├── SettingsError          a setting is missing, malformed or contradicts another
├── SourceError            the upstream cannot deliver the requested rows
│   ├── UnknownProjectError    the upstream holds no row of the project
│   ├── SchemaError            an upstream column is missing, has another type, or is new where `columns` is freeze
│   └── CredentialsError       there are no credentials, or the upstream refuses them
├── BudgetError            a load would cost more than the settings allow, or has cost more than was expected
├── IncompleteLoadError    some projects could not be loaded, or not wholly; the others are
├── ContractError          more rows failed the contract than the settings tolerate
├── WarehouseError         the warehouse cannot be opened or written, or its content is wrong
├── LakeError              a lake cannot be reached or written, or its content is wrong
│   └── LakeOutageError        the lake does not answer now; its settings may be right
├── TransformError         a SQLMesh plan, test or audit failed
├── ExportError            a mart cannot be written for other tools
├── GitHubError            an issue or a comment cannot be written
└── SiteError              the site could not be built or served
"""

from collections.abc import Iterator


class InsightsError(Exception):
    """Base of all errors that the command line shows as one message, without a stack trace."""

    def __init__(self, what: str, *, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what}\n{self.remedy}"


class SettingsError(InsightsError):
    """A setting is missing, malformed or contradicts another."""


class SourceError(InsightsError):
    """The upstream cannot deliver the requested rows."""


class UnknownProjectError(SourceError):
    """The upstream holds no row of the project."""


class SchemaError(SourceError):
    """An upstream column is missing, has another type, or is new where `columns` is freeze."""


class CredentialsError(SourceError):
    """There are no credentials, or the upstream refuses them."""


class BudgetError(InsightsError):
    """A load would cost more than the settings allow, or has cost more than was expected."""


class IncompleteLoadError(InsightsError):
    """Some projects could not be loaded, or not wholly; the others are."""


class ContractError(InsightsError):
    """More rows failed the contract than the settings tolerate."""


class WarehouseError(InsightsError):
    """The warehouse cannot be opened or written, or its content is wrong."""


class LakeError(InsightsError):
    """A lake cannot be reached or written, or its content is wrong."""


class LakeOutageError(LakeError):
    """The lake does not answer now; its settings may be right."""


class TransformError(InsightsError):
    """A SQLMesh plan, test or audit failed."""


class ExportError(InsightsError):
    """A mart cannot be written for other tools."""


class GitHubError(InsightsError):
    """An issue or a comment cannot be written."""


class SiteError(InsightsError):
    """The site could not be built or served."""


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and the errors that caused it, latest first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
