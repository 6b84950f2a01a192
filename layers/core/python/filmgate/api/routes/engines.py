"""Which engines the service has, and why not those it lacks."""

from __future__ import annotations

from fastapi import APIRouter

from filmgate.api.auth import Api, Tenant
from filmgate.api.routes.params import problems
from filmgate.engines import registry
from filmgate.engines.status import EngineReport, reported

router = APIRouter(tags=["engines"])


@router.get("/engines", responses=problems(401, 503))
def list_engines(services: Api, tenant: Tenant) -> EngineReport:  # noqa: ARG001 - asks for a key
    """What the workers that started last can use, with versions. Empty before the first file."""
    parts = [part for spec in registry.specs() for part in spec.parts or (spec.capability,)]
    return reported(services.objects, parts)
