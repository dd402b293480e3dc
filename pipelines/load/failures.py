"""Turns the errors of dlt's steps into ours."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from dlt.common.exceptions import SignalReceivedException
from dlt.pipeline.exceptions import PipelineStepFailed

from pipelines.errors import InsightsError, WarehouseError, causes

_FULL = re.compile(".*(No space left on device|Disk quota exceeded|File too large)")
"""The line with the system's words, which DuckDB and Arrow pass on without its number."""


@contextmanager
def translate_dlt_errors() -> Iterator[None]:
    """Lets our own errors out of dlt's step error, and says when a person has stopped the run."""
    try:
        yield
    except PipelineStepFailed as failure:
        chain = list(causes(failure))
        for cause in chain:
            if isinstance(cause, InsightsError):
                raise cause from failure
        remedy = "Nothing is lost: run again, and dlt goes on where it stopped."
        if any(isinstance(cause, KeyboardInterrupt | SignalReceivedException) for cause in chain):
            what = f"The run was stopped while dlt was about to {failure.step} the data."
        elif full := next(filter(None, map(_FULL.search, map(str, reversed(chain)))), None):
            folder = failure.pipeline.working_dir
            what = f"The disk is full: dlt could not {failure.step} the data. It works in {folder}. {full[0].strip()}"
            remedy = f"Make room on that disk, or raise the quota. {remedy}"
        else:
            what = f"dlt failed to {failure.step} the data: {failure.exception}"
        raise WarehouseError(what, remedy=remedy) from failure
