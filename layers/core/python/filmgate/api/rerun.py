"""Run a failed asset again."""

from __future__ import annotations

from datetime import timedelta

from filmgate.api.services import Services
from filmgate.clock import now
from filmgate.errors import Conflict, TransientError
from filmgate.library.model import AssetStatus, Job, JobStatus
from filmgate.pipeline.run import next_run, start

STUCK_AFTER = timedelta(hours=4)
"""Longer than any workflow lives, its waits for free functions included."""


def rerun(services: Services, tenant: str, asset_id: str, correlation_id: str) -> Job:
    """Start the next job of an asset that FAILED, or whose job ended without a word.

    Raises:
        NotFound: the tenant has no such asset.
        Conflict: it has not failed, its file was never read, or another call was first.
        TransientError: the workflow could not be started; the asset is FAILED, to be run again.
    """
    asset = services.library.asset(tenant, asset_id)
    silent = asset.status is AssetStatus.PROCESSING and now() - asset.updated_at > STUCK_AFTER
    if asset.status is not AssetStatus.FAILED and not silent:
        raise Conflict(f"Only a failed asset can be run again; this one is {asset.status}.")
    if asset.info is None:
        raise Conflict("Its file was never read, so there is no job to repeat.")
    running, job = next_run(asset)
    if not services.library.begin(job, asset, running):
        raise Conflict("It is being run again already.")
    try:
        start(services.workflows, job, correlation_id)
    except TransientError as error:
        ended = {"status": JobStatus.FAILED, "finished_at": now(), "error": str(error)}
        # Its next run gets a new number, since this one is taken. What the workflow did of it, if
        # it started all the same, stands.
        failed = running.changed(
            status=AssetStatus.FAILED,
            reason_code=asset.reason_code or "failed",
            reason=asset.reason or "Its workflow could not be started. Run it again.",
        )
        services.library.end(job.model_copy(update=ended), running, failed)
        raise
    return job
