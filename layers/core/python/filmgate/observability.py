"""Logs, metrics and traces of the workers, the same for all.

Service, namespace and level come from the POWERTOOLS_* variables. Nothing that can hold the name of
a file or a key of S3 goes into a log.
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
    """Put these into every log line until the invocation ends."""
    logger.set_correlation_id(correlation_id)
    logger.append_keys(**ids)


@contextmanager
def span(name: str, **attributes: str | int | float | bool) -> Iterator[None]:
    """A span of the trace around the block, where traces are exported; else nothing.

    OpenTelemetry comes with the layer that exports traces. It is imported only where
    OTEL_TRACES_EXPORTER names an exporter, so that functions without do not pay for it.
    """
    wanted = os.environ.get("OTEL_TRACES_EXPORTER", "none") not in {"", "none"}
    if not wanted or find_spec("opentelemetry") is None:
        yield
        return
    from opentelemetry import trace  # noqa: PLC0415 - only where somebody looks at the traces

    with trace.get_tracer("filmgate").start_as_current_span(name, attributes=attributes):
        yield


def fault(error: BaseException | None) -> list[dict[str, object]]:
    """What went wrong and where, from the outermost error to its first cause; for a log line.

    Only our own messages are told: those of validators and clients quote the data, names of files
    too.
    """
    found: list[dict[str, object]] = []
    cause = error
    while cause is not None and len(found) < _MOST_CAUSES:
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
        found.append(entry)
        hidden = cause.__suppress_context__
        cause = cause.__cause__ or (None if hidden else cause.__context__)
    return found


def remaining_s(context: LambdaContext) -> Callable[[], float]:
    """Seconds until Lambda stops this invocation, as of each call."""
    return lambda: context.get_remaining_time_in_millis() / 1000


def report_job(job: Job) -> dict[str, Any]:
    """Log and count how a job ended; what the workflow gets to see of it."""
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
    """Log what confines the processes that decode here, see
    `filmgate.sandbox.model.Capabilities`."""
    logger.info("the sandbox is ready", extra={"sandbox": capabilities.model_dump()})
