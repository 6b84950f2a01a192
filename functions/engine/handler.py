"""Workflow step: run an engine that needs no storage of its own."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from filmgate.adapters.dynamodb.runs import DynamoAssetRuns
from filmgate.adapters.s3 import S3Objects
from filmgate.engines.loading import load
from filmgate.engines.spec import Engine
from filmgate.observability import correlate, logger, remaining_s, report_job, span
from filmgate.pipeline.run_engine import EngineDeps, run_engine
from filmgate.pipeline.state import JobState
from filmgate.settings import ArtifactSettings, AssetTableSettings


@logger.inject_lambda_context(clear_state=True)
@event_parser(model=JobState)
def handler(event: JobState, context: LambdaContext) -> dict[str, Any]:
    """Answer with how the job ended."""
    correlate(event.correlation_id, tenant=event.tenant, job_id=event.job_id)
    with span("engine", job_id=event.job_id, engine=event.engine):
        job = run_engine(_deps(), _engine(event.engine), event, remaining_s(context))
    return report_job(job)


@cache
def _deps() -> EngineDeps:
    return EngineDeps(
        DynamoAssetRuns(AssetTableSettings().assets_table),
        S3Objects(None, ArtifactSettings().artifacts_bucket),
    )


@cache
def _engine(reference: str) -> Engine:
    """Loaded once for each worker."""
    return load(reference, _deps().objects)
