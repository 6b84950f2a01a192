"""One run of a workflow over an asset: its number, its records, its start."""

from __future__ import annotations

from filmgate.library.model import Asset, AssetStatus, Job, JobStatus
from filmgate.library.ports import Workflows
from filmgate.media.model import MediaKind
from filmgate.pipeline.state import JobState


def next_run(asset: Asset) -> tuple[Asset, Job]:
    """The asset as its next run begins, and that run's job; for `Assets.begin`.

    The number follows from the asset's last run, so two who try at once name the same job.
    `begin` refuses it if the asset it was made of is outdated.

    Raises:
        ValueError: the asset's file was never read, so there is nothing to run over.
    """
    if asset.info is None:
        raise ValueError("a run needs an asset whose file was read")
    job_id = f"{asset.asset_id}-{_runs(asset) + 1}"
    running = asset.changed(
        status=AssetStatus.PROCESSING, job_id=job_id, reason_code=None, reason=None
    )
    job = Job(
        tenant=asset.tenant,
        job_id=job_id,
        asset_id=asset.asset_id,
        workflow="image" if asset.info.kind is MediaKind.IMAGE else "video",
        status=JobStatus.RUNNING,
        started_at=running.updated_at,
    )
    return running, job


def start(workflows: Workflows, job: Job, correlation_id: str) -> None:
    """Start the job's workflow. Raises TransientError."""
    state = JobState(
        tenant=job.tenant,
        asset_id=job.asset_id,
        job_id=job.job_id,
        correlation_id=correlation_id,
    )
    workflows.start(job.workflow, job.job_id, state.job())


def _runs(asset: Asset) -> int:
    return int(asset.job_id.rpartition("-")[2]) if asset.job_id else 0
