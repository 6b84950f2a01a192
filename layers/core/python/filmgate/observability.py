"""Logs, metrics and traces, shared by all functions.

The service name, the metric namespace and the log level come from the POWERTOOLS_* variables.
Nothing that may contain a file name or an S3 key is logged.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from filmgate.errors import FilmgateError
from filmgate.library.jobs import Job

__all__ = [
    "MetricUnit",
    "correlate",
    "fault",
    "log_sandbox",
    "logger",
    "metrics",
    "remaining_s",
    "report_job",
    "span",
]

logger = Logger()
metrics = Metrics()

_MOST_CAUSES = 5
_MOST_FRAMES = 5


def correlate(correlation_id: str, **ids: str | None) -> None:
    """Add these ids to every log line until the invocation ends."""
    logger.set_correlation_id(correlation_id)
    logger.append_keys(**ids)


@contextmanager
def span(name: str, **attributes: str | int | float | bool) -> Iterator[None]:
    """Trace the block as a span, if traces are exported.

    OpenTelemetry comes with the layer that exports traces. It is imported only where
    OTEL_TRACES_EXPORTER names an exporter, so that other functions do not spend time on the import.
    """
    is_exported = os.environ.get("OTEL_TRACES_EXPORTER", "none") not in {"", "none"}
    if not is_exported or find_spec("opentelemetry") is None:
        yield
        return
    from opentelemetry import trace  # noqa: PLC0415 - needed only if traces are exported

    with trace.get_tracer("filmgate").start_as_current_span(name, attributes=attributes):
        yield


def fault(error: BaseException | None) -> list[dict[str, object]]:
    """Describe an error and its causes for a log line, the outermost error first.

    Only messages of Filmgate's own errors are included. Messages of validators and clients quote
    data, which may contain file names.
    """
    errors: list[dict[str, object]] = []
    cause = error
    while cause is not None and len(errors) < _MOST_CAUSES:
        response = getattr(cause, "response", None)
        code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
        frames = traceback.extract_tb(cause.__traceback__)[-_MOST_FRAMES:]
        entry: dict[str, object] = {
            "type": f"{type(cause).__module__}.{type(cause).__qualname__}",
            "code": code,
            "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
        }
        if isinstance(cause, FilmgateError):
            entry["message"] = str(cause)
        errors.append(entry)
        suppressed = cause.__suppress_context__
        cause = cause.__cause__ or (None if suppressed else cause.__context__)
    return errors


def remaining_s(context: LambdaContext) -> Callable[[], float]:
    """Return a function that tells how many seconds are left until Lambda stops this invocation."""
    return lambda: context.get_remaining_time_in_millis() / 1000


def report_job(job: Job) -> dict[str, Any]:
    """Log and count how a job ended. Returns the fields that the workflow receives."""
    ended = {
        "job_id": job.job_id,
        "capability": job.capability,
        "engine": job.engine,
        "state": job.state.value,
    }
    logger.info(f"job {job.state}", extra=ended | {"seconds": job.seconds})
    _measure(job, f"Jobs{job.state.title()}", MetricUnit.Count, 1)
    _measure(job, "JobSeconds", MetricUnit.Seconds, job.seconds or 0.0)
    return ended


def _measure(job: Job, name: str, unit: MetricUnit, value: float) -> None:
    with single_metric(name=name, unit=unit, value=value) as metric:
        metric.add_dimension("capability", job.capability)


def log_sandbox(capabilities: BaseModel) -> None:
    """Log which restrictions apply to the processes that decode, see
    `filmgate.sandbox.model.Capabilities`."""
    logger.info("the sandbox is ready", extra={"sandbox": capabilities.model_dump()})
