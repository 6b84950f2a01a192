"""Runs of the pipeline."""

from __future__ import annotations

from fastapi import APIRouter

from filmgate.api.auth import Api, Tenant
from filmgate.api.models import JobView
from filmgate.api.routes.params import JobId, problems

router = APIRouter(tags=["jobs"])


@router.get("/jobs/{job_id}", responses=problems(401, 404, 503))
def get_job(services: Api, tenant: Tenant, job_id: JobId) -> JobView:
    """How one run went, or is going."""
    return JobView.of(services.library.job(tenant, job_id))
