"""Translates the errors of dlt's steps into ours."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from dlt.common.exceptions import SignalReceivedException
from dlt.pipeline.exceptions import PipelineStepFailed

from pipelines.errors import InsightsError, WarehouseError, causes

_DISK_FULL = re.compile(".*(No space left on device|Disk quota exceeded|File too large)")
"""The line with the operating system's text, which DuckDB and Arrow pass on without the error's number."""


@contextmanager
def translate_dlt_errors() -> Iterator[None]:
    """Raise our own error from within dlt's step error, or a `WarehouseError` that says why the step failed."""
    try:
        yield
    except PipelineStepFailed as failure:
        chain = list(causes(failure))
        for cause in chain:
            if isinstance(cause, InsightsError):
                raise cause from failure
        remedy = "Nothing is lost: run again, and dlt continues where it stopped."
        if any(isinstance(cause, KeyboardInterrupt | SignalReceivedException) for cause in chain):
            what = f"The run was stopped in dlt's step `{failure.step}`."
        elif full := next(filter(None, map(_DISK_FULL.search, map(str, reversed(chain)))), None):
            folder = failure.pipeline.working_dir
            what = f"The disk is full: dlt could not {failure.step} the data. It works in {folder}. {full[0].strip()}"
            remedy = f"Free space on that disk, or raise the quota. {remedy}"
        else:
            what = f"dlt failed to {failure.step} the data: {failure.exception}"
            folder = failure.pipeline.working_dir
            remedy += f" If it stops there again, delete {folder}: what dlt had not loaded yet is then read again."
        raise WarehouseError(what, remedy=remedy) from failure
