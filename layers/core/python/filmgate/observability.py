"""Logs and metrics of the workers, the same for all.

Service, namespace and level come from the POWERTOOLS_* variables.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from filmgate.library.jobs import Job

__all__ = ["MetricUnit", "correlate", "logger", "metrics", "remaining_s", "report_job"]

logger = Logger()
metrics = Metrics()


def correlate(correlation_id: str, **ids: str | None) -> None:
    """Put these into every log line until the invocation ends."""
    logger.set_correlation_id(correlation_id)
    logger.append_keys(**ids)


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
