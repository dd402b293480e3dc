"""What can go wrong, as one tree; every message says what happened, to which thing, and what to do.

InsightsError
├── SettingsError          a setting is missing, malformed or contradicts another
├── SourceError            the upstream cannot deliver what was asked for
│   ├── UnknownProjectError    the upstream holds no row of the project
│   ├── SchemaError            a column of the contract is missing upstream or retyped, or one is new and may not be
│   └── CredentialsError       the upstream does not accept the credentials, or finds none
├── BudgetError            what is to be read may cost more than the settings allow
├── ContractError          more rows break the contract than the settings tolerate
├── WarehouseError         the warehouse cannot be opened, written or trusted
├── LakeError              a lake cannot be reached, written or trusted
│   └── LakeOutageError        it does not answer now; the settings may be right
├── TransformError         a SQLMesh plan, test or audit failed
├── ExportError            marts cannot be written for other tools
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
    """The upstream cannot deliver what was asked for."""


class UnknownProjectError(SourceError):
    """The upstream holds no row of the project."""


class SchemaError(SourceError):
    """A column of the contract is missing upstream or retyped, or one is new and may not be."""


class CredentialsError(SourceError):
    """The upstream does not accept the credentials, or finds none."""


class BudgetError(InsightsError):
    """What is to be read may cost more than the settings allow."""


class ContractError(InsightsError):
    """More rows break the contract than the settings tolerate."""


class WarehouseError(InsightsError):
    """The warehouse cannot be opened, written or trusted."""


class LakeError(InsightsError):
    """A lake cannot be reached, written or trusted."""


class LakeOutageError(LakeError):
    """A lake does not answer now; the settings may be right."""


class TransformError(InsightsError):
    """A SQLMesh plan, test or audit failed."""


class ExportError(InsightsError):
    """Marts cannot be written for other tools."""


class SiteError(InsightsError):
    """The site could not be built or served."""


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and what it was raised from, to the first one."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
