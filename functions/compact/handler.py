"""Compacts the index of some tenants, or on a schedule of all that need it.

With the index in bands there is no delta, and nothing to do.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeVar

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from filmgate.adapters.compactions import LambdaCompactions
from filmgate.adapters.dynamodb.index import DynamoDeltaStore
from filmgate.adapters.s3 import S3SegmentStore
from filmgate.dedupe.index.compaction import in_rounds
from filmgate.dedupe.index.port import CompactionRequests
from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.dedupe.index.settings import SearchSettings
from filmgate.errors import FilmgateError
from filmgate.model import FrozenModel
from filmgate.observability import MetricUnit, logger, metrics
from filmgate.settings import ArtifactSettings, IndexTableSettings

LONGEST_ROUND_MS = 60_000
"""Merging as much as one run may merge takes seconds; so does moving it from and to S3."""
TENANTS_PER_CALL = 20
"""A scheduled run with more tenants to compact hands the others to further invocations."""


Answer = TypeVar("Answer")


class CompactionEvent(FrozenModel):
    """The tenants to compact; a scheduled event names none."""

    tenants: tuple[str, ...] | None = None


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
@event_parser(model=CompactionEvent)
def handler(event: CompactionEvent, context: LambdaContext) -> dict[str, int]:
    """Return the number of applied entries by tenant. The failure of one does not affect others.

    Rounds continue while there is time for another one.
    """
    delta, index = _stores()
    tenants: Sequence[str] = event.tenants or ()
    if event.tenants is None:
        tenants = [name for name in delta.tenants() if _attempt(index.compaction_due, name, False)]
        # In another order each time, so that none is always last when time is short.
        random.shuffle(tenants)
        tenants = _hand_over(tenants, _requests(context.function_name))
    applied = in_rounds(
        tenants,
        lambda tenant: _attempt(index.compact, tenant, 0),
        lambda: context.get_remaining_time_in_millis() > LONGEST_ROUND_MS,
    )
    metrics.add_metric("EntriesCompacted", MetricUnit.Count, sum(applied.values()))
    logger.info("compacted", extra={"applied": applied})
    return applied


def _hand_over(tenants: Sequence[str], requests: CompactionRequests) -> Sequence[str]:
    """Ask for compactions of all but the first tenants, which are left to this invocation."""
    for first in range(TENANTS_PER_CALL, len(tenants), TENANTS_PER_CALL):
        some = tenants[first : first + TENANTS_PER_CALL]
        try:
            requests.request(some)
        except FilmgateError:
            # The next scheduled run finds them again.
            logger.exception("compaction was not requested", extra={"tenants": len(some)})
    return tenants[:TENANTS_PER_CALL]


def _attempt(work: Callable[[str], Answer], tenant: str, otherwise: Answer) -> Answer:
    try:
        return work(tenant)
    except FilmgateError:
        logger.exception("compaction failed", extra={"tenant": tenant})
        metrics.add_metric("CompactionsFailed", MetricUnit.Count, 1)
        return otherwise


@cache
def _stores() -> tuple[DynamoDeltaStore, SegmentIndex]:
    delta = DynamoDeltaStore(IndexTableSettings().index_table)
    segments = S3SegmentStore(ArtifactSettings().artifacts_bucket)
    return delta, SegmentIndex(delta, segments, SearchSettings().index_settings)


@cache
def _requests(function: str) -> CompactionRequests:
    return LambdaCompactions(function)
