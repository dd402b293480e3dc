"""Translates the errors of a lake's store into ours; a store's texts are not quoted, as they may contain a request."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from socket import gaierror

from dlt.common.configuration.exceptions import ConfigFieldMissingException, ConfigurationException
from dlt.common.exceptions import MissingDependencyException, SignalReceivedException
from dlt.pipeline.exceptions import PipelineStepFailed

from pipelines.errors import InsightsError, LakeError, LakeOutageError, SettingsError, causes

RESUME_REMEDY = "Nothing is lost: the same command continues once the lake answers, and nothing is billed again."

_MIN_SERVER_ERROR = 500
"""The lowest HTTP status that is a failure of the store, not of the request."""


@contextmanager
def translate_store_errors(name: str) -> Iterator[None]:
    """Translate errors of the store into ours, about the lake `name`.

    Raises:
        SettingsError: the lake's credentials are incomplete, or a package for its kind of store is missing.
        LakeError: the lake does not exist, refuses the credentials, or is full.
        LakeOutageError: the lake does not answer, or fails.

    """
    try:
        yield
    except InsightsError:
        raise
    except Exception as error:
        # Imported only after a failure: most runs need neither library.
        from aiohttp import ClientError as TransportError
        from botocore.exceptions import BotoCoreError

        dlt_errors = PipelineStepFailed, ConfigurationException, MissingDependencyException
        if not isinstance(error, (*dlt_errors, OSError, BotoCoreError, TransportError)):
            raise
        raise _translate(name, list(causes(error))) from None


def damaged_error(path: str, remedy: str) -> LakeError:
    """The error for a file that is there and is not what was written."""
    return LakeError(f"The file {path} of the lake is damaged: another program has changed it.", remedy=remedy)


def _translate(name: str, chain: list[BaseException]) -> InsightsError:
    where = f"under [destination.{name}], or DESTINATION__{name.upper()}__* in the environment."
    found = (_of_settings(name, where, cause) or _of_store(name, where, cause) for cause in chain)
    reported = next((cause for cause in chain if isinstance(cause, TimeoutError)), chain[-1])
    what = f"The lake {name!r} does not answer as it should: {type(reported).__name__}."
    remedy = RESUME_REMEDY
    if any(isinstance(cause, gaierror) for cause in chain):
        what = f"The host of the lake {name!r} was not found: there is no network, or its name is wrong."
        remedy = f"Check `endpoint_url` {where} {RESUME_REMEDY}"
    return next(filter(None, found), LakeOutageError(what, remedy=remedy))


def _of_settings(name: str, where: str, cause: BaseException) -> SettingsError | None:
    match cause:
        case ConfigFieldMissingException():
            what = f"The settings of the lake {name!r} are incomplete: no {' and no '.join(cause.fields)}."
            remedy = f"docs/destinations.md lists the settings of each kind of store. Set them {where}"
            return SettingsError(what, remedy=remedy)
        case ConfigurationException():
            return SettingsError(f"The settings of the lake {name!r} cannot be used: {cause}", remedy=f"Check {where}")
        case MissingDependencyException():
            what = f"The lake {name!r} needs a package that is not installed: {' '.join(cause.dependencies)}."
            return SettingsError(what, remedy="Install it into .venv, with `uv pip install`.")
    return None


def _of_store(name: str, where: str, cause: BaseException) -> LakeError | None:
    from botocore.exceptions import ClientError

    match cause:
        case KeyboardInterrupt() | SignalReceivedException():
            return LakeError(f"The run was stopped while it wrote the lake {name!r}.", remedy=RESUME_REMEDY)
        case PermissionError():
            what = f"The lake {name!r} does not accept the credentials, or they lack a permission."
            return LakeError(what, remedy=f"Check key, secret and permissions {where} {RESUME_REMEDY}")
        case FileNotFoundError():
            what = f"The lake {name!r} was not found: its bucket, or a file that its manifest lists, does not exist."
            return LakeError(what, remedy=f"Check `bucket_url` and `endpoint_url` {where} A run creates no bucket.")
        case OSError():
            return _of_disk(name, where, cause)
        case ClientError() if cause.response["ResponseMetadata"]["HTTPStatusCode"] < _MIN_SERVER_ERROR:
            code = cause.response["Error"].get("Code", "unknown")
            what = f"The lake {name!r} refuses the request: {code}."
            return LakeError(what, remedy=f"Check `region_name` and `endpoint_url` {where} {RESUME_REMEDY}")
    return None


def _of_disk(name: str, where: str, error: OSError) -> LakeError | None:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return LakeError(f"The disk of the lake {name!r} is full.", remedy=f"Free space there. {RESUME_REMEDY}")
        case errno.ENAMETOOLONG:
            what = f"The disk of the lake {name!r} takes no file that is named after so long a project name."
            return LakeError(
                what, remedy=f"Use a bucket, which does, or leave the project out: set `bucket_url` {where}"
            )
        case errno.EROFS | errno.ENOTDIR | errno.EISDIR | errno.ELOOP | errno.EFBIG:
            what = f"The lake {name!r} cannot be written: {error.strerror}."
            return LakeError(what, remedy=f"Check `bucket_url` {where} {RESUME_REMEDY}")
    return None
