"""End jobs whose workflow is gone, and remove assets that were never uploaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from filmgate.clock import now
from filmgate.errors import Conflict, NotFound
from filmgate.library.jobs import Job, JobState
from filmgate.library.model import AssetState, AssetStatus
from filmgate.library.ports import Library, ObjectStore, Workflows
from filmgate.library.results import ResultState
from filmgate.pipeline.runs import STUCK_AFTER, Ending, end_job, is_stuck
from filmgate.review.audit import AuditLog
from filmgate.review.changes import CHANGED, POLICY, audited

FORGOTTEN_AFTER = timedelta(days=7)
"""An announced asset is removed after this time without an upload. Upload forms are valid for an
hour at most, and requesting one restarts this time."""
_PAGE = 100
_REASON = "Its processing stopped without a result. Run it again."


@dataclass(frozen=True, slots=True)
class ReaperDeps:
    """Dependencies of the reaper."""

    library: Library
    objects: ObjectStore
    workflows: Workflows
    audit: AuditLog


def end_stuck(deps: ReaperDeps, tenant: str, *, enough_time: Callable[[], bool]) -> int:
    """End jobs as failed that are older than any execution of their workflow can be.

    Stops when there is no time left. Returns their number. Raises TransientError.
    """
    ended = 0
    earliest = now() - min(STUCK_AFTER.values())
    for asset_id in _overdue(deps.library, tenant, AssetStatus.PROCESSING, earliest):
        if not enough_time():
            break
        for result in deps.library.results(tenant, asset_id):
            if result.state is ResultState.RUNNING and _end_stuck(deps, tenant, result.job_id):
                ended += 1
    return ended


def remove_forgotten(deps: ReaperDeps, tenant: str, *, enough_time: Callable[[], bool]) -> int:
    """Remove assets that were never uploaded, while there is time.

    Returns their number. Raises TransientError.
    """
    removed = 0
    before = now() - FORGOTTEN_AFTER
    for asset_id in _overdue(deps.library, tenant, AssetStatus.WAITING, before):
        if not enough_time():
            break
        removed += _remove_forgotten(deps, tenant, asset_id, before)
    return removed


def _end_stuck(deps: ReaperDeps, tenant: str, job_id: str) -> bool:
    try:
        job = deps.library.job(tenant, job_id)
    except NotFound:
        return False
    if job.state is not JobState.RUNNING or not is_stuck(job) or _is_running(deps, job):
        return False
    ended = end_job(deps.library, tenant, job_id, Ending(ResultState.FAILED, "stuck", _REASON))
    return ended.state is JobState.FAILED


def _is_running(deps: ReaperDeps, job: Job) -> bool:
    return deps.workflows.running(job.workflow, job.run_id)


def _remove_forgotten(deps: ReaperDeps, tenant: str, asset_id: str, before: datetime) -> bool:
    try:
        asset = deps.library.asset(tenant, asset_id)
    except NotFound:
        return False
    if asset.state is not AssetState.WAITING or asset.updated_at >= before or asset.holds:
        return False
    if deps.objects.exists("raw", asset.key):
        # The file was uploaded but not ingested: the dead-letter queue handles that.
        return False
    if deps.library.results(tenant, asset_id):
        # The asset has results; only a repeated upload was requested.
        return False
    try:
        with audited(deps.audit, asset, POLICY, "asset.forgotten"):
            if not deps.library.remove(asset):
                raise Conflict(CHANGED)
    except Conflict:
        return False
    return True


def _overdue(library: Library, tenant: str, status: AssetStatus, before: datetime) -> Iterator[str]:
    cursor = None
    while True:
        page = library.overdue(tenant, status, before, limit=_PAGE, cursor=cursor)
        yield from dict.fromkeys(page.items)
        cursor = page.cursor
        if cursor is None:
            return
