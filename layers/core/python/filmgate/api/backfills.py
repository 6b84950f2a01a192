"""Bring a tenant's library up to date."""

from __future__ import annotations

from filmgate.api.models import Backfill, BackfillRequest
from filmgate.api.services import Services
from filmgate.engines import registry
from filmgate.library.jobs import new_id
from filmgate.pipeline.backfill import BackfillOrder


def start_backfill(services: Services, tenant: str, request: BackfillRequest) -> Backfill:
    """Start the workflow that lists and runs the files.

    Raises:
        ValueError: one of the capabilities does not exist.
        TransientError: the workflow could not be started.
    """
    known = {spec.capability for spec in registry.specs()}
    if unknown := sorted(set(request.want or ()) - known):
        raise ValueError(f"there is no capability {', '.join(unknown)}")
    order = BackfillOrder(
        tenant=tenant, backfill_id=new_id(), want=request.want, everything=request.everything
    )
    services.workflows.start("backfill", order.backfill_id, order.model_dump(mode="json"))
    return Backfill(backfill_id=order.backfill_id)
