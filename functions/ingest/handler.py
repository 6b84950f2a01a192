"""S3 through EventBridge and SQS: look at each upload, refuse it or start its workflow."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.parser.models import SqsRecordModel
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, Field, Json

from filmgate.adapters.dynamodb.assets import DynamoAssets
from filmgate.adapters.s3 import S3Objects
from filmgate.adapters.stepfunctions import StepFunctionsWorkflows
from filmgate.observability import MetricUnit, correlate, log_sandbox, logger, metrics
from filmgate.pipeline.receive import ReceiveDeps, Upload, receive
from filmgate.sandbox.model import MIB
from filmgate.sandbox.reader import SandboxedReader
from filmgate.settings import (
    AssetTableSettings,
    FunctionSettings,
    IdempotencySettings,
    LimitSettings,
    RawSettings,
    WorkflowSettings,
)

_REMEMBERED_S = 24 * 3600


class S3Object(BaseModel):
    """The object of an event; the key is as stored, not encoded."""

    key: str
    version_id: str | None = Field(None, alias="version-id")


class Detail(BaseModel):
    """What happened."""

    object: S3Object


class ObjectCreated(BaseModel):
    """S3's event as EventBridge sends it; what is not used is left out."""

    detail: Detail


class Record(SqsRecordModel):
    """A message with such an event."""

    body: Json[ObjectCreated]


# A batch that fails whole is reported like one that fails in part: raising would only add noise.
_processor = BatchProcessor(
    event_type=EventType.SQS, model=Record, raise_on_entire_batch_failure=False
)
_idempotency = IdempotencyConfig(expires_after_seconds=_REMEMBERED_S)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with the messages that failed; SQS brings those back."""
    _idempotency.register_lambda_context(context)
    answer = process_partial_response(
        event=event, record_handler=_record, processor=_processor, context=context
    )
    for _, error, _ in _processor.exceptions:
        logger.error("a message failed", exc_info=error)
        metrics.add_metric("MessagesFailed", MetricUnit.Count, 1)
    return dict(answer)


def _record(record: Record) -> None:
    found = record.body.detail.object
    _receive()(upload={"key": found.key, "version_id": found.version_id})


@cache
def _receive() -> Callable[..., dict[str, Any]]:
    """Receiving, once for each version of an object even when its event comes twice at a time."""
    workflows = WorkflowSettings()
    deps = ReceiveDeps(
        library=DynamoAssets(AssetTableSettings().assets_table),
        objects=S3Objects(RawSettings().raw_bucket, None),
        workflows=StepFunctionsWorkflows(
            workflows.image_workflow_arn, workflows.video_workflow_arn
        ),
        limits=LimitSettings().limits,
        reader=SandboxedReader(FunctionSettings().memory_size * MIB, log_sandbox),
    )

    def once(upload: dict[str, Any]) -> dict[str, Any]:
        receipt = receive(deps, Upload(**upload))
        correlate(receipt.asset_id or "none", tenant=receipt.tenant, job_id=receipt.job_id)
        logger.info(f"upload {receipt.received}", extra={"reason_code": receipt.reason_code})
        metrics.add_metric(f"Uploads{receipt.received.title()}", MetricUnit.Count, 1)
        return {"received": receipt.received, "asset_id": receipt.asset_id}

    return idempotent_function(
        once,
        data_keyword_argument="upload",
        persistence_store=DynamoDBPersistenceLayer(IdempotencySettings().idempotency_table),
        config=_idempotency,
    )
