"""What dlt keeps of a run, in `trace.pickle`: its steps and their outcomes, without settings and credentials."""

from typing import Any

from dlt.common.pipeline import SupportsPipeline
from dlt.common.runtime.collector import NullCollector
from dlt.pipeline.trace import PipelineTrace

from pipelines.redaction import without_secrets


class TraceWithoutSettings(NullCollector):
    """Given to a pipeline as its `progress`, it empties each trace before dlt saves it.

    dlt 1.31.0 records each setting that it has resolved with its value, unless the setting's type is a secret's: so a
    password in the URL of an endpoint, or in credentials that are given as one text, would be kept in clear.
    """

    def on_end_trace(self, trace: PipelineTrace, pipeline: SupportsPipeline, send_state: bool) -> None:  # noqa: FBT001 - dlt's own
        del pipeline, send_state
        trace.resolved_config_values.clear()
        trace.steps[:] = [
            step._replace(
                step_exception=_redacted(step.step_exception), exception_traces=_redacted(step.exception_traces)
            )
            for step in trace.steps
        ]


def _redacted(value: Any) -> Any:  # noqa: ANN401 - a text, or the lists and dictionaries of an exception
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, dict):
        return {name: _redacted(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_redacted(item) for item in value]
    return value
