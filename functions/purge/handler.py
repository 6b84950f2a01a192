"""On a schedule, for every tenant: end what is stuck, purge what is due, enforce retention."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache

from aws_lambda_powertools.utilities.typing import LambdaContext

from filmgate.access.ports import KeyStore
from filmgate.adapters.dynamodb.audit import DynamoAuditLog
from filmgate.adapters.dynamodb.buckets import DynamoBucketStore
from filmgate.adapters.dynamodb.index import DynamoDeltaStore
from filmgate.adapters.dynamodb.keys import DynamoKeyStore
from filmgate.adapters.dynamodb.library import DynamoLibrary
from filmgate.adapters.s3 import S3Objects, S3SegmentStore
from filmgate.adapters.stepfunctions import StepFunctionsWorkflows
from filmgate.dedupe.index.bands import BandIndex
from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.dedupe.index.settings import SearchSettings
from filmgate.errors import FilmgateError
from filmgate.observability import MetricUnit, logger, metrics, remaining_s
from filmgate.pipeline.unindex import BandRemoval
from filmgate.review.maintenance import STEPS, maintain
from filmgate.review.purge import PurgeDeps, Searchable
from filmgate.settings import (
    ArtifactSettings,
    AssetTableSettings,
    AuditTableSettings,
    IndexTableSettings,
    KeyTableSettings,
    MatchTableSettings,
    RawSettings,
    WorkflowSettings,
)

RESERVE_S = 60.0
"""No new removal begins with less time left, in seconds; removing one asset takes seconds."""


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, object], context: LambdaContext) -> dict[str, int]:
    """Return the number of actions of each step. The failure of a tenant does not affect others.

    The next invocation does what there was no time for.
    """
    left = remaining_s(context)
    keys, deps = _wired()
    # Keys that were revoked count: their tenants' data is still there.
    tenants = sorted({record.tenant for record in keys.records()})
    # In another order each time, so that none is always last when time is short.
    random.shuffle(tenants)
    done = dict.fromkeys(STEPS, 0)
    for tenant in tenants:
        if left() <= RESERVE_S:
            break
        for step, count in _maintained(deps, tenant, lambda: left() > RESERVE_S).items():
            done[step] += count
    for step, count in done.items():
        metrics.add_metric(STEPS[step], MetricUnit.Count, count)
    logger.info("maintained", extra={"done": done})
    return done


def _maintained(deps: PurgeDeps, tenant: str, enough_time: Callable[[], bool]) -> dict[str, int]:
    done: dict[str, int] = {}
    for step, work in maintain(deps, tenant, enough_time).items():
        try:
            done[step] = work()
        except FilmgateError:
            logger.exception("a step failed", extra={"tenant": tenant, "step": step})
            metrics.add_metric("MaintenanceFailed", MetricUnit.Count, 1)
    return done


@cache
def _wired() -> tuple[KeyStore, PurgeDeps]:
    bucket, workflow = ArtifactSettings().artifacts_bucket, WorkflowSettings()
    library = DynamoLibrary(AssetTableSettings().assets_table, MatchTableSettings().matches_table)
    objects = S3Objects(RawSettings().raw_bucket, bucket)
    deps = PurgeDeps(
        library=library,
        objects=objects,
        indexes=(_index(library, objects, bucket),),
        audit=DynamoAuditLog(AuditTableSettings().audit_table),
        workflows=StepFunctionsWorkflows(workflow.arns),
    )
    return DynamoKeyStore(KeyTableSettings().keys_table), deps


def _index(library: DynamoLibrary, objects: S3Objects, bucket: str) -> Searchable:
    table, search = IndexTableSettings().index_table, SearchSettings()
    if search.index == "bands":
        rule = search.band_settings
        index = BandIndex(DynamoBucketStore(table, rule.workers), rule)
        return BandRemoval(index, library, objects)
    return SegmentIndex(DynamoDeltaStore(table), S3SegmentStore(bucket), search.index_settings)
