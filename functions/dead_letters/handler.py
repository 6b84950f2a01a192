"""Abandoned uploads: mark the asset as failed, and keep the message for the redrive command."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import ValidationError

from filmgate.adapters.dynamodb.assets import DynamoAssets
from filmgate.adapters.events import ObjectCreated
from filmgate.adapters.sqs import SqsQueue
from filmgate.library.model import Asset
from filmgate.observability import MetricUnit, fault, logger, metrics
from filmgate.pipeline.dead_letters import give_up
from filmgate.settings import AssetTableSettings, DeadLetterSettings

_processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with the messages that failed; SQS brings those back."""
    answer = process_partial_response(
        event=event, record_handler=_record, processor=_processor, context=context
    )
    for _, error, _ in _processor.exceptions:
        logger.error("a dead letter was not recorded", extra={"fault": fault(error)})
    return dict(answer)


def _record(record: SQSRecord) -> None:
    """Record the failure before the message is kept, so that no asset lacks its reason."""
    asset = _recorded(record.body)
    # EventBridge says in them why it could not deliver an event.
    attributes = {
        name: attribute.string_value
        for name, attribute in record.message_attributes.items()
        if attribute.string_value
    }
    _dead_letters().send(record.body, attributes)
    metrics.add_metric("UploadsGivenUp", MetricUnit.Count, 1)
    ids = {"tenant": asset.tenant, "asset_id": asset.asset_id} if asset else {}
    logger.error("an upload was given up", extra=ids)


def _recorded(body: str) -> Asset | None:
    """The asset that failed; None where the message names none."""
    try:
        created = ObjectCreated.model_validate_json(body)
    except ValidationError:
        return None
    return give_up(_library(), created.upload)


@cache
def _library() -> DynamoAssets:
    return DynamoAssets(AssetTableSettings().assets_table)


@cache
def _dead_letters() -> SqsQueue:
    return SqsQueue(DeadLetterSettings().dead_letters_url)
