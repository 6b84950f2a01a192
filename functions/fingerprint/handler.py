"""Workflow step: make or find the asset's fingerprint, tiles and PDQ hashes."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from filmgate.adapters.dynamodb.assets import DynamoAssets
from filmgate.adapters.s3 import S3Objects
from filmgate.observability import correlate, log_sandbox, logger
from filmgate.pipeline import engines
from filmgate.pipeline.fingerprint import FingerprintDeps, fingerprint
from filmgate.pipeline.state import JobState
from filmgate.sandbox.model import MIB
from filmgate.sandbox.reader import SandboxedReader
from filmgate.settings import (
    ArtifactSettings,
    AssetTableSettings,
    EmbeddingSettings,
    FunctionSettings,
    LimitSettings,
    RawSettings,
)


@logger.inject_lambda_context(clear_state=True)
@event_parser(model=JobState)
def handler(event: JobState, context: LambdaContext) -> dict[str, Any]:
    """Answer with the keys, or with why the file is refused."""
    correlate(event.correlation_id, tenant=event.tenant, job_id=event.job_id)
    result = fingerprint(_deps(), event)
    logger.info(f"fingerprint {result.outcome}", extra={"reason_code": result.reason_code})
    return result.model_dump(mode="json")


@cache
def _deps() -> FingerprintDeps:
    reader = SandboxedReader(FunctionSettings().memory_size * MIB, log_sandbox)
    objects = S3Objects(RawSettings().raw_bucket, ArtifactSettings().artifacts_bucket)
    model = EmbeddingSettings().embedding_model
    embedding = engines.start(objects, model)
    if model and embedding.reason:
        logger.warning("no embeddings", extra={"model": model, "reason": embedding.reason})
    return FingerprintDeps(
        library=DynamoAssets(AssetTableSettings().assets_table),
        objects=objects,
        limits=LimitSettings().limits,
        reader=reader,
        embedder=embedding.engine,
    )
