"""Workflow `backfill`: list what has to run again, and begin the run of one asset."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Field, RootModel

from filmgate.adapters.dynamodb.runs import DynamoAssetRuns
from filmgate.adapters.s3 import S3Objects
from filmgate.model import FrozenModel
from filmgate.observability import correlate, logger
from filmgate.pipeline.backfill import (
    BackfillDeps,
    BackfillItem,
    BackfillOrder,
    begin,
    list_assets,
)
from filmgate.settings import ArtifactSettings, AssetTableSettings


class ListStep(FrozenModel):
    """The first step, once a backfill."""

    step: Literal["list"]
    order: BackfillOrder


class BeginStep(FrozenModel):
    """Once for each asset on the listing."""

    step: Literal["begin"]
    item: BackfillItem


class Step(RootModel[ListStep | BeginStep]):
    """What the workflow asks for."""

    root: ListStep | BeginStep = Field(discriminator="step")


@logger.inject_lambda_context(clear_state=True)
@event_parser(model=Step)
def handler(event: Step, context: LambdaContext) -> dict[str, Any]:
    """Answer with where the listing is, or with the run of the asset: null where none is due."""
    step = event.root
    if isinstance(step, ListStep):
        correlate(step.order.backfill_id, tenant=step.order.tenant)
        listing = list_assets(_deps(), step.order)
        logger.info("listed a backfill", extra={"assets": listing.count})
        return {"bucket": ArtifactSettings().artifacts_bucket, **listing.model_dump()}
    correlate(step.item.asset_id, tenant=step.item.tenant)
    run = begin(_deps(), step.item, step.item.asset_id)
    logger.info("began a run" if run else "nothing to run")
    return {"run": run.model_dump(mode="json") if run else None}


@cache
def _deps() -> BackfillDeps:
    return BackfillDeps(
        DynamoAssetRuns(AssetTableSettings().assets_table),
        S3Objects(None, ArtifactSettings().artifacts_bucket),
    )
