"""Workflow step: find the copies of an asset and record them."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from filmgate.adapters.compactions import LambdaCompactions
from filmgate.adapters.dynamodb.buckets import DynamoBucketStore
from filmgate.adapters.dynamodb.index import DynamoDeltaStore
from filmgate.adapters.dynamodb.matches import DynamoMatches
from filmgate.adapters.dynamodb.runs import DynamoAssetRuns
from filmgate.adapters.s3 import S3Objects, S3SegmentStore
from filmgate.dedupe import versions
from filmgate.dedupe.index.bands import BandIndex
from filmgate.dedupe.index.port import CandidateIndex
from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.dedupe.index.settings import SearchSettings
from filmgate.dedupe.matching.settings import DecisionSettings
from filmgate.engines.status import EngineState, report
from filmgate.observability import correlate, logger, remaining_s, report_job, span
from filmgate.pipeline.budget import BudgetSettings
from filmgate.pipeline.dedupe import DedupeEngine
from filmgate.pipeline.run_engine import EngineDeps, run_engine
from filmgate.pipeline.state import JobState
from filmgate.settings import (
    ArtifactSettings,
    AssetTableSettings,
    CompactionSettings,
    IndexTableSettings,
    MatchTableSettings,
)


@logger.inject_lambda_context(clear_state=True)
@event_parser(model=JobState)
def handler(event: JobState, context: LambdaContext) -> dict[str, Any]:
    """Answer with how the job ended."""
    correlate(event.correlation_id, tenant=event.tenant, job_id=event.job_id)
    deps, engine = _wired()
    with span("dedupe", job_id=event.job_id):
        job = run_engine(deps, engine, event, remaining_s(context))
    return report_job(job)


@cache
def _wired() -> tuple[EngineDeps, DedupeEngine]:
    bucket = ArtifactSettings().artifacts_bucket
    runs = DynamoAssetRuns(AssetTableSettings().assets_table)
    objects = S3Objects(None, bucket)
    report(objects, [EngineState(capability="matching", engine=versions.MATCHING)])
    engine = DedupeEngine(
        assets=runs,
        matches=DynamoMatches(MatchTableSettings().matches_table),
        objects=objects,
        index=_index(bucket),
        settings=DecisionSettings().match_settings,
        budget=BudgetSettings().match_budget,
        compactions=LambdaCompactions(CompactionSettings().compact_function),
    )
    return EngineDeps(runs, objects), engine


def _index(bucket: str) -> CandidateIndex:
    table, search = IndexTableSettings().index_table, SearchSettings()
    if search.index == "bands":
        rule = search.band_settings
        return BandIndex(DynamoBucketStore(table, rule.workers), rule)
    return SegmentIndex(DynamoDeltaStore(table), S3SegmentStore(bucket), search.index_settings)
