"""The HTTP API on Lambda: wires AWS in, gives each request its id, logs and counts it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from mangum import Mangum

from filmgate.access.service import KeyRing
from filmgate.adapters.dynamodb.keys import DynamoKeyStore
from filmgate.adapters.dynamodb.library import DynamoLibrary
from filmgate.adapters.s3 import S3Objects
from filmgate.adapters.stepfunctions import StepFunctionsWorkflows
from filmgate.api.app import create_app
from filmgate.api.middleware import REQUEST_ID
from filmgate.api.services import Observed, Services
from filmgate.api.settings import ApiSettings
from filmgate.observability import MetricUnit, fault, logger, metrics


@logger.inject_lambda_context(
    correlation_id_path=correlation_paths.API_GATEWAY_HTTP, clear_state=True
)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one HTTP API request (payload format 2.0)."""
    headers = {
        name: value
        for name, value in event.get("headers", {}).items()
        if name.lower() != REQUEST_ID
    }
    headers[REQUEST_ID] = event["requestContext"]["requestId"]
    return _application()({**event, "headers": headers}, context)


@cache
def _application() -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    # Whatever is not listed would travel as base64.
    text = ["application/json", "application/problem+json"]
    return Mangum(create_app(_services()), lifespan="off", text_mime_types=text)


def _services() -> Services:
    settings = ApiSettings()
    objects = S3Objects(settings.raw_bucket, settings.artifacts_bucket)
    return Services(
        library=DynamoLibrary(settings.assets_table, settings.matches_table),
        objects=objects,
        signer=objects,
        workflows=StepFunctionsWorkflows(
            settings.arns | {"backfill": settings.backfill_workflow_arn}
        ),
        keys=KeyRing(DynamoKeyStore(settings.keys_table)),
        stage=settings.stage,
        limits=settings.limits,
        upload_expires_s=settings.upload_expires_s,
        observe=_observe,
    )


def _observe(seen: Observed) -> None:
    facts = {
        "method": seen.method,
        "route": seen.route,
        "status": seen.status,
        "duration_ms": round(seen.duration_ms, 1),
        "tenant": seen.tenant,
    }
    metrics.add_metric("ApiRequests", MetricUnit.Count, 1)
    metrics.add_metric("ApiLatency", MetricUnit.Milliseconds, seen.duration_ms)
    if seen.error is None:
        logger.info("answered", extra=facts)
    else:
        metrics.add_metric("ApiFailures", MetricUnit.Count, 1)
        logger.error("failed", extra=facts | {"fault": fault(seen.error)})
