"""On a schedule: fold fresh index entries into segments, for every tenant.

With the index in bands nothing is ever fresh, and there is nothing to do.
"""

from __future__ import annotations

import random
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from filmgate.adapters.dynamodb.index import DynamoFreshStore
from filmgate.adapters.s3 import S3SegmentStore
from filmgate.dedupe.index.compaction import in_rounds
from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.errors import FilmgateError
from filmgate.observability import MetricUnit, logger, metrics
from filmgate.settings import ArtifactSettings, IndexTableSettings, SearchSettings

LONGEST_ROUND_MS = 60_000
"""Merging as much as may be merged takes seconds, moving it from and to S3 some more."""


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Answer with how many entries were folded, by tenant; one that fails holds up no other.

    Rounds go on while there is time for one more.
    """
    fresh, index = _stores()
    tenants = fresh.tenants()
    # In another order each time, so that none is always last when time is short.
    random.shuffle(tenants)

    def fold(tenant: str) -> int:
        try:
            return index.compact(tenant)
        except FilmgateError:
            logger.exception("compaction failed", extra={"tenant": tenant})
            metrics.add_metric("CompactionsFailed", MetricUnit.Count, 1)
            return 0

    folded = in_rounds(
        tenants, fold, lambda: context.get_remaining_time_in_millis() > LONGEST_ROUND_MS
    )
    metrics.add_metric("EntriesFolded", MetricUnit.Count, sum(folded.values()))
    logger.info("compacted", extra={"folded": folded})
    return folded


@cache
def _stores() -> tuple[DynamoFreshStore, SegmentIndex]:
    fresh = DynamoFreshStore(IndexTableSettings().index_table)
    segments = S3SegmentStore(ArtifactSettings().artifacts_bucket)
    return fresh, SegmentIndex(fresh, segments, SearchSettings().index_settings)
