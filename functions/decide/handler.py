"""Workflow step: decide on each comparison and record the matches."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from filmgate.adapters.dynamodb.matches import DynamoMatches
from filmgate.adapters.s3 import S3Objects
from filmgate.observability import correlate, logger, span
from filmgate.pipeline.decide import DecideDeps, decide
from filmgate.pipeline.state import Matched
from filmgate.settings import ArtifactSettings, DecisionSettings, MatchTableSettings


@logger.inject_lambda_context(clear_state=True)
@event_parser(model=Matched)
def handler(event: Matched, context: LambdaContext) -> dict[str, Any]:
    """Answer with how many matches there are."""
    correlate(event.correlation_id, tenant=event.tenant, job_id=event.job_id)
    with span("decide", job_id=event.job_id):
        result = decide(_deps(), event)
    logger.info("decided", extra={"matches": result.matches, "withdrawn": result.withdrawn})
    return result.model_dump(mode="json")


@cache
def _deps() -> DecideDeps:
    return DecideDeps(
        library=DynamoMatches(MatchTableSettings().matches_table),
        objects=S3Objects(None, ArtifactSettings().artifacts_bucket),
        settings=DecisionSettings().match_settings,
    )
