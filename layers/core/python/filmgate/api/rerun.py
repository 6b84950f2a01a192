"""Run a failed asset again."""

from __future__ import annotations

from filmgate.api.services import Services
from filmgate.errors import Conflict, TransientError
from filmgate.library.model import AssetStatus, Job, JobStatus, now
from filmgate.pipeline.run import next_run, start


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
    running, job = next_run(asset)
    if not services.library.begin(running, job):
        raise Conflict("It is being run again already.")
    try:
        start(services.workflows, job, correlation_id)
    except TransientError as error:
        failed = {"status": JobStatus.FAILED, "finished_at": now(), "error": str(error)}
        services.library.save_job(job.model_copy(update=failed))
        # Its next run must get a new number, since this one is taken.
        services.library.save(asset.model_copy(update={"job_id": job.job_id}))
        raise
    return job
