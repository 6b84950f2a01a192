"""Is the service up, and which one is it."""

from __future__ import annotations

from fastapi import APIRouter

from filmgate import __version__
from filmgate.api.auth import Api
from filmgate.api.models import Health
from filmgate.api.routes.params import problems

router = APIRouter(tags=["health"])


@router.get("/health", responses=problems())
def health(services: Api) -> Health:
    """Version and stage. Needs no key, and asks nothing of storage."""
    return Health(version=__version__, stage=services.stage)
