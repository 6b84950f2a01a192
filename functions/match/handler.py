"""Workflow step: index the asset, search for candidates and compare with each."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from filmgate.adapters.compactions import LambdaCompactions
from filmgate.adapters.dynamodb.assets import DynamoAssets
from filmgate.adapters.dynamodb.buckets import DynamoBucketStore
from filmgate.adapters.dynamodb.index import DynamoDeltaStore
from filmgate.adapters.s3 import S3Objects, S3SegmentStore
from filmgate.dedupe.index.bands import BandIndex
from filmgate.dedupe.index.port import CandidateIndex
from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.observability import correlate, logger
from filmgate.pipeline.match import MatchDeps, match
from filmgate.pipeline.state import ToMatch
from filmgate.settings import (
    ArtifactSettings,
    AssetTableSettings,
    BudgetSettings,
    CompactionSettings,
    IndexTableSettings,
    SearchSettings,
)


@logger.inject_lambda_context(clear_state=True)
@event_parser(model=ToMatch)
def handler(event: ToMatch, context: LambdaContext) -> dict[str, Any]:
    """Answer with where the comparisons are."""
    correlate(event.correlation_id, tenant=event.tenant, job_id=event.job_id)
    result = match(_deps(), event)
    told = {"candidates": result.candidates, "passed_over": result.passed_over}
    if result.passed_over:
        logger.warning("compared only the best candidates", extra=told)
    else:
        logger.info("compared", extra=told)
    return result.model_dump(mode="json")


@cache
def _deps() -> MatchDeps:
    bucket = ArtifactSettings().artifacts_bucket
    return MatchDeps(
        library=DynamoAssets(AssetTableSettings().assets_table),
        objects=S3Objects(None, bucket),
        index=_index(bucket),
        budget=BudgetSettings().match_budget,
        compactions=LambdaCompactions(CompactionSettings().compact_function),
    )


def _index(bucket: str) -> CandidateIndex:
    table, search = IndexTableSettings().index_table, SearchSettings()
    if search.index == "bands":
        rule = search.band_settings
        return BandIndex(DynamoBucketStore(table, rule.workers), rule)
    return SegmentIndex(DynamoDeltaStore(table), S3SegmentStore(bucket), search.index_settings)
