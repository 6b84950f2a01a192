"""On a schedule: fold fresh index entries into segments, for every tenant.

With the index in bands nothing is ever fresh, and there is nothing to do.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from filmgate.adapters.dynamodb.index import DynamoFreshStore
from filmgate.adapters.s3 import S3SegmentStore
from filmgate.errors import FilmgateError
from filmgate.index.segments import SegmentIndex
from filmgate.observability import MetricUnit, logger, metrics
from filmgate.settings import ArtifactSettings, IndexTableSettings, SearchSettings


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Answer with how many entries were folded, by tenant; one that fails holds up no other."""
    fresh, index = _stores()
    folded: dict[str, int] = {}
    for tenant in fresh.tenants():
        try:
            folded[tenant] = index.compact(tenant)
        except FilmgateError:
            logger.exception("compaction failed", extra={"tenant": tenant})
            metrics.add_metric("CompactionsFailed", MetricUnit.Count, 1)
    metrics.add_metric("EntriesFolded", MetricUnit.Count, sum(folded.values()))
    logger.info("compacted", extra={"folded": folded})
    return folded


@cache
def _stores() -> tuple[DynamoFreshStore, SegmentIndex]:
    fresh = DynamoFreshStore(IndexTableSettings().index_table)
    segments = S3SegmentStore(ArtifactSettings().artifacts_bucket)
    return fresh, SegmentIndex(fresh, segments, SearchSettings().index_settings)
