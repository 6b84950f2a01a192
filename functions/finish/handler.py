"""Workflow step: record the end of jobs that the workflow could not continue."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from filmgate.adapters.dynamodb.runs import DynamoAssetRuns
from filmgate.observability import correlate, logger, report_job
from filmgate.pipeline.finish import finish
from filmgate.pipeline.state import ToFinish
from filmgate.settings import AssetTableSettings

_MAX_CAUSE = 500


@logger.inject_lambda_context(clear_state=True)
@event_parser(model=ToFinish)
def handler(event: ToFinish, context: LambdaContext) -> dict[str, Any]:
    """Answer with how the jobs ended."""
    first = event.work[0]
    correlate(first.correlation_id, tenant=first.tenant, run_id=first.run_id)
    error = {"name": event.error.name, "cause": event.error.cause[:_MAX_CAUSE]}
    logger.error("a step failed", extra={"error": error})
    return {"jobs": [report_job(job) for job in finish(_library(), event)]}


@cache
def _library() -> DynamoAssetRuns:
    return DynamoAssetRuns(AssetTableSettings().assets_table)
