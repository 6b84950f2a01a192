"""Workflow step: make or find the artifacts that the planned engines read."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from filmgate.adapters.dynamodb.runs import DynamoAssetRuns
from filmgate.adapters.s3 import S3Objects
from filmgate.dedupe import versions
from filmgate.engines.embedding.load import load
from filmgate.engines.status import EngineState, report
from filmgate.media.settings import LimitSettings
from filmgate.observability import correlate, log_sandbox, logger, report_job, span
from filmgate.pipeline.derive import DeriveDeps, derive
from filmgate.pipeline.state import Outcome, RunState
from filmgate.sandbox.model import MIB
from filmgate.sandbox.reader import SandboxedReader
from filmgate.settings import (
    ArtifactSettings,
    AssetTableSettings,
    EmbeddingSettings,
    FunctionSettings,
    RawSettings,
)


@logger.inject_lambda_context(clear_state=True)
@event_parser(model=RunState)
def handler(event: RunState, context: LambdaContext) -> dict[str, Any]:
    """Answer with the work and its artifacts, or with no work where the file is refused."""
    correlate(event.correlation_id, tenant=event.tenant, run_id=event.run_id)
    deps = _deps()
    with span("derive", run_id=event.run_id):
        derived = derive(deps, event)
    if derived.outcome is Outcome.REFUSED:
        for job in event.work:
            report_job(deps.library.job(job.tenant, job.job_id))
    logger.info(f"derive {derived.outcome}", extra={"reason_code": derived.reason_code})
    return derived.model_dump(mode="json")


@cache
def _deps() -> DeriveDeps:
    reader = SandboxedReader(FunctionSettings().memory_size * MIB, log_sandbox)
    objects = S3Objects(RawSettings().raw_bucket, ArtifactSettings().artifacts_bucket)
    model = EmbeddingSettings().embedding_model
    embedding = load(model, lambda key, path: objects.download("artifacts", key, path))
    if model and embedding.reason:
        logger.warning("no embeddings", extra={"model": model, "reason": embedding.reason})
    name = embedding.engine.name if embedding.engine else None
    report(
        objects,
        [
            EngineState(capability="fingerprint", engine=versions.FINGERPRINT),
            EngineState(capability="embedding", engine=name, reason=embedding.reason),
        ],
    )
    return DeriveDeps(
        library=DynamoAssetRuns(AssetTableSettings().assets_table),
        objects=objects,
        limits=LimitSettings().limits,
        reader=reader,
        embedder=embedding.engine,
    )
