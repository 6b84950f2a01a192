"""Workflow step: record how the job ended, and count it."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from filmgate.adapters.dynamodb.assets import DynamoAssets
from filmgate.observability import MetricUnit, correlate, logger, metrics
from filmgate.pipeline.finish import finish
from filmgate.pipeline.state import ToFinish
from filmgate.settings import AssetTableSettings

_MAX_CAUSE = 300


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
@event_parser(model=ToFinish)
def handler(event: ToFinish, context: LambdaContext) -> dict[str, Any]:
    """Answer with the asset's final status."""
    correlate(event.correlation_id, tenant=event.tenant, job_id=event.job_id)
    ended = finish(_library(), event)
    metrics.add_dimension("workflow", ended.workflow)
    metrics.add_metric(f"Assets{ended.status.title()}", MetricUnit.Count, 1)
    metrics.add_metric("MatchesFound", MetricUnit.Count, ended.matches)
    metrics.add_metric("JobDuration", MetricUnit.Seconds, ended.duration_s)
    facts = {"reason_code": ended.reason_code, "matches": ended.matches}
    if event.error:
        logger.error(
            "job failed",
            extra=facts | {"error": event.error.name, "cause": event.error.cause[:_MAX_CAUSE]},
        )
    else:
        logger.info(f"job {ended.status}", extra=facts)
    return {**event.job(), "status": ended.status.value}


@cache
def _library() -> DynamoAssets:
    return DynamoAssets(AssetTableSettings().assets_table)
