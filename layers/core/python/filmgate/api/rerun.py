"""Run a failed asset again."""

from __future__ import annotations

from filmgate.api.services import Services
from filmgate.errors import Conflict, TransientError
from filmgate.library.model import Asset, AssetStatus, Job, JobStatus, now
from filmgate.media.model import MediaKind
from filmgate.pipeline.state import JobState


def rerun(services: Services, tenant: str, asset_id: str, correlation_id: str) -> Job:
    """Start the next job of a FAILED asset.

    Raises:
        NotFound: the tenant has no such asset.
        Conflict: it has not failed, its file was never read, or another call was first.
        TransientError: the workflow could not be started; the asset is FAILED as before.
    """
    asset = services.library.asset(tenant, asset_id)
    if asset.status is not AssetStatus.FAILED:
        raise Conflict(f"Only a failed asset can be run again; this one is {asset.status}.")
    if asset.info is None:
        raise Conflict("Its file was never read, so there is no job to repeat.")
    moment = now()
    job = Job(
        tenant=tenant,
        job_id=_next_job_id(asset),
        asset_id=asset_id,
        workflow="image" if asset.info.kind is MediaKind.IMAGE else "video",
        status=JobStatus.RUNNING,
        started_at=moment,
    )
    running = asset.model_copy(
        update={
            "status": AssetStatus.PROCESSING,
            "updated_at": moment,
            "job_id": job.job_id,
            "reason_code": None,
            "reason": None,
        }
    )
    if not services.library.begin(running, job):
        raise Conflict("It is being run again already.")
    state = JobState(
        tenant=tenant, asset_id=asset_id, job_id=job.job_id, correlation_id=correlation_id
    )
    try:
        services.workflows.start(job.workflow, job.job_id, state.job())
    except TransientError as error:
        failed = {"status": JobStatus.FAILED, "finished_at": now(), "error": str(error)}
        services.library.save_job(job.model_copy(update=failed))
        # Its next run must get a new number, since this one is taken.
        services.library.save(asset.model_copy(update={"job_id": job.job_id}))
        raise
    return job


def _next_job_id(asset: Asset) -> str:
    last = int(asset.job_id.rpartition("-")[2]) if asset.job_id else 0
    return f"{asset.asset_id}-{last + 1}"
