"""Runs over a whole library."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter

from filmgate.api.auth import Api, Tenant
from filmgate.api.backfills import start_backfill
from filmgate.api.models import Backfill, BackfillRequest, FieldError
from filmgate.api.problems import invalid
from filmgate.api.routes.params import problems

router = APIRouter(tags=["backfills"])


@router.post("/backfills", status_code=HTTPStatus.ACCEPTED, responses=problems(401, 422, 503))
def create_backfill(services: Api, tenant: Tenant, body: BackfillRequest) -> Backfill:
    """Run every file that has no result of a capability's current engine.

    The jobs appear in `GET /jobs` as they begin. Asking again continues what was interrupted.
    """
    try:
        return start_backfill(services, tenant, body)
    except ValueError as error:
        raise invalid([FieldError(field="body.want", message=str(error))]) from error
