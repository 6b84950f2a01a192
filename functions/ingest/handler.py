"""S3 through EventBridge and SQS: look at each upload, refuse it or start its workflow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
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
from pydantic import Json

from filmgate.adapters.clients import BRIEF
from filmgate.adapters.dynamodb.runs import DynamoAssetRuns
from filmgate.adapters.events import ObjectCreated
from filmgate.adapters.s3 import S3Objects
from filmgate.adapters.sqs import SqsQueue
from filmgate.adapters.stepfunctions import StepFunctionsWorkflows
from filmgate.errors import TransientError
from filmgate.media.settings import LimitSettings
from filmgate.observability import (
    MetricUnit,
    correlate,
    fault,
    log_sandbox,
    logger,
    metrics,
    span,
)
from filmgate.pipeline.ingest import IngestDeps, ingest
from filmgate.pipeline.uploads import Upload
from filmgate.sandbox.model import MIB
from filmgate.sandbox.reader import SandboxedReader
from filmgate.settings import (
    AssetTableSettings,
    FunctionSettings,
    IdempotencySettings,
    IngestQueueSettings,
    RawSettings,
    WorkflowSettings,
)

_REMEMBERED_S = 24 * 3600
_FIRST_WAIT_S = 30
_LONGEST_WAIT_S = 900


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
    failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
    for _, error, _ in _processor.exceptions:
        logger.error("a message failed", extra={"fault": fault(error)})
        metrics.add_metric("MessagesFailed", MetricUnit.Count, 1)
    for record in event["Records"]:
        if record["messageId"] in failed:
            _soon(record)
    return dict(answer)


def _soon(record: dict[str, Any]) -> None:
    """Have a message that failed shown again after 30 s, then after twice as long each time.

    The queue's own time-out is that of a worker that was lost; this one is done with the message.
    """
    tries = int(record["attributes"]["ApproximateReceiveCount"])
    wait_s = min(_FIRST_WAIT_S * 2 ** (tries - 1), _LONGEST_WAIT_S)
    try:
        _queue().hide(record["receiptHandle"], wait_s)
    except TransientError as error:
        # It comes back after the queue's time-out, then.
        logger.warning("a message comes back late", extra={"fault": fault(error)})


def _record(record: Record) -> None:
    with span("ingest"):
        _ingest()(upload=asdict(record.body.upload))


@cache
def _queue() -> SqsQueue:
    return SqsQueue(IngestQueueSettings().ingest_queue_url)


@cache
def _ingest() -> Callable[..., dict[str, Any]]:
    """Ingest, once for each version of an object even when its event comes twice at a time."""
    deps = IngestDeps(
        library=DynamoAssetRuns(AssetTableSettings().assets_table),
        objects=S3Objects(RawSettings().raw_bucket, None),
        workflows=StepFunctionsWorkflows(WorkflowSettings().arns),
        limits=LimitSettings().limits,
        reader=SandboxedReader(FunctionSettings().memory_size * MIB, log_sandbox),
    )

    def once(upload: dict[str, Any]) -> dict[str, Any]:
        receipt = ingest(deps, Upload(**upload))
        correlate(receipt.asset_id or "none", tenant=receipt.tenant, run_id=receipt.run_id)
        logger.info(f"upload {receipt.ingested}", extra={"reason_code": receipt.reason_code})
        metrics.add_metric(f"Uploads{receipt.ingested.title()}", MetricUnit.Count, 1)
        return {"ingested": receipt.ingested, "asset_id": receipt.asset_id}

    return idempotent_function(
        once,
        data_keyword_argument="upload",
        persistence_store=DynamoDBPersistenceLayer(
            IdempotencySettings().idempotency_table, boto_config=BRIEF
        ),
        config=_idempotency,
    )
