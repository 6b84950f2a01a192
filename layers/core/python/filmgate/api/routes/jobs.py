"""Attempts of capabilities on assets."""

from __future__ import annotations

from fastapi import APIRouter

from filmgate.api.auth import Api, Tenant
from filmgate.api.cursors import seal, unseal
from filmgate.api.models import DEFAULT_PAGE, JobView, Listing
from filmgate.api.routes.params import Cursor, JobId, Limit, problems
from filmgate.library.model import AssetState

router = APIRouter(tags=["jobs"])


@router.get("/jobs", responses=problems(401, 422, 503))
def list_jobs(
    services: Api, tenant: Tenant, cursor: Cursor = None, limit: Limit = DEFAULT_PAGE
) -> Listing[JobView]:
    """Newest first, a page at a time, without those of deleted assets: a page may hold fewer than
    `limit`, even none, and still have a cursor."""
    page = services.library.list_jobs(
        tenant, limit=limit, cursor=unseal(tenant, "jobs", cursor) if cursor else None
    )
    ids = list(dict.fromkeys(job.asset_id for job in page.items))
    assets = services.library.assets(tenant, ids)
    there = {asset.asset_id for asset in assets if asset.state is not AssetState.DELETED}
    return Listing(
        items=[JobView.of(job) for job in page.items if job.asset_id in there],
        cursor=seal(tenant, "jobs", page.cursor) if page.cursor else None,
    )


@router.get("/jobs/{job_id}", responses=problems(401, 404, 503))
def get_job(services: Api, tenant: Tenant, job_id: JobId) -> JobView:
    """How one attempt went, or how far it is."""
    return JobView.of(services.library.job(tenant, job_id))
