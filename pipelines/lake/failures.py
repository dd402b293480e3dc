"""Turns what a lake's store says into our errors; no text of a store is repeated, as it may quote a request."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from dlt.common.configuration.exceptions import ConfigFieldMissingException, ConfigurationException
from dlt.common.exceptions import MissingDependencyException, SignalReceivedException
from dlt.pipeline.exceptions import PipelineStepFailed

from pipelines.errors import InsightsError, LakeError, LakeOutageError, SettingsError, causes

AGAIN = "The warehouse has the rows: the next run goes on, and nothing is billed again."

_FAILED = 500
"""From this HTTP status on, it is the store that fails."""


@contextmanager
def translate_store_errors(name: str) -> Iterator[None]:
    """Errors within become ours, about the lake `name`.

    Raises:
        SettingsError: its credentials are incomplete, or a package for its kind of store is missing.
        LakeError: it is not there, refuses the credentials, or has no room.
        LakeOutageError: it does not answer, or fails.

    """
    try:
        yield
    except InsightsError:
        raise
    except Exception as error:
        # Imported where something has failed: most runs need neither library.
        from aiohttp import ClientError as TransportError
        from botocore.exceptions import BotoCoreError

        of_dlt = PipelineStepFailed, ConfigurationException, MissingDependencyException
        if not isinstance(error, (*of_dlt, OSError, BotoCoreError, TransportError)):
            raise
        raise _translate(name, list(causes(error))) from None


def _translate(name: str, chain: list[BaseException]) -> InsightsError:
    where = f"under [destination.{name}], or DESTINATION__{name.upper()}__* in the environment."
    found = (_of_settings(name, where, cause) or _of_store(name, where, cause) for cause in chain)
    told = next((cause for cause in chain if isinstance(cause, TimeoutError)), chain[-1])
    what = f"The lake {name!r} does not answer as it should: {type(told).__name__}."
    return next(filter(None, found), LakeOutageError(what, remedy=AGAIN))


def _of_settings(name: str, where: str, cause: BaseException) -> SettingsError | None:
    match cause:
        case ConfigFieldMissingException():
            what = f"The settings of the lake {name!r} are incomplete: no {' and no '.join(cause.fields)}."
            return SettingsError(
                what, remedy=f"docs/destinations.md tells what each kind of store needs. Set it {where}"
            )
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
            return LakeError(f"The run was stopped while it wrote the lake {name!r}.", remedy=AGAIN)
        case PermissionError():
            what = f"The lake {name!r} does not accept the credentials, or they may not do this."
            return LakeError(what, remedy=f"Check key, secret and permissions {where} {AGAIN}")
        case FileNotFoundError():
            what = f"The lake {name!r} is not there: no such bucket, or a file that its manifest names is gone."
            return LakeError(what, remedy=f"Check `bucket_url` and `endpoint_url` {where} No bucket is made here.")
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return LakeError(f"The disk of the lake {name!r} is full.", remedy=f"Make room. {AGAIN}")
        case ClientError() if cause.response["ResponseMetadata"]["HTTPStatusCode"] < _FAILED:
            code = cause.response["Error"].get("Code", "unknown")
            what = f"The lake {name!r} refuses the request: {code}."
            return LakeError(what, remedy=f"Check `region_name` and `endpoint_url` {where} {AGAIN}")
    return None
