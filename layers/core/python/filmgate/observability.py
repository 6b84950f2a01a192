"""Logs and metrics of the workers, the same for all.

Service, namespace and level come from the POWERTOOLS_* variables.
"""

from __future__ import annotations

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from pydantic import BaseModel

__all__ = ["MetricUnit", "correlate", "log_sandbox", "logger", "metrics"]

logger = Logger()
metrics = Metrics()


def correlate(correlation_id: str, **ids: str | None) -> None:
    """Put these into every log line until the invocation ends."""
    logger.set_correlation_id(correlation_id)
    logger.append_keys(**ids)


def log_sandbox(capabilities: BaseModel) -> None:
    """What confines the processes that decode here; see `filmgate.sandbox.model.Capabilities`."""
    logger.info("the sandbox is ready", extra={"sandbox": capabilities.model_dump()})
