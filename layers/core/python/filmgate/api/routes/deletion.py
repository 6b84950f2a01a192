"""Delete assets, bring them back, and keep them from being deleted."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from filmgate.api.auth import Actor, Api, Tenant
from filmgate.api.models import NO_REASON, AssetView, HoldRequest, HoldView, Reason
from filmgate.api.routes.params import AssetId, HoldId, problems
from filmgate.api.services import Services
from filmgate.errors import NotFound
from filmgate.review import deletion, holds
from filmgate.review.deletion import DeletionDeps

router = APIRouter(tags=["deletion"])


@router.delete("/assets/{asset_id}", responses=problems(401, 404, 409, 422, 503))
def delete_asset(
    services: Api,
    tenant: Tenant,
    actor: Actor,
    asset_id: AssetId,
    reason: Annotated[Reason, Query(description="Why, for the audit log")] = NO_REASON,
) -> AssetView:
    """Delete an asset. It is hidden everywhere, and can be restored for 30 days.

    409 while it is under a legal hold. Deleting it twice is harmless.
    """
    deletion.delete(_deps(services), tenant, asset_id, actor=actor, reason=reason)
    return _view(services, tenant, asset_id)


@router.post("/assets/{asset_id}/restore", responses=problems(401, 404, 409, 503))
def restore_asset(services: Api, tenant: Tenant, actor: Actor, asset_id: AssetId) -> AssetView:
    """Restore a deleted asset, and run its capabilities again. 409 if it is not deleted, or is
    being permanently removed."""
    deletion.restore(_deps(services), tenant, asset_id, actor=actor)
    return _view(services, tenant, asset_id)


@router.post(
    "/assets/{asset_id}/holds",
    status_code=HTTPStatus.CREATED,
    responses=problems(401, 404, 409, 422, 503),
)
def place_hold(
    services: Api, tenant: Tenant, actor: Actor, asset_id: AssetId, body: HoldRequest
) -> HoldView:
    """Put an asset, deleted or not, under a legal hold: nothing removes it or any data of it."""
    placed = holds.place_hold(
        services.library, services.audit, tenant, asset_id, actor=actor, reason=body.reason
    )
    return HoldView.of(placed)


@router.delete(
    "/assets/{asset_id}/holds/{hold_id}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(401, 404, 409, 503),
)
def release_hold(
    services: Api, tenant: Tenant, actor: Actor, asset_id: AssetId, hold_id: HoldId
) -> None:
    """Release one hold; the others of the asset stay."""
    holds.release_hold(services.library, services.audit, tenant, asset_id, hold_id, actor=actor)


def _deps(services: Services) -> DeletionDeps:
    return DeletionDeps(services.library, services.audit, services.workflows)


def _view(services: Services, tenant: str, asset_id: str) -> AssetView:
    found = services.library.analyzed(tenant, [asset_id])
    if not found:
        raise NotFound(f"no asset {asset_id}")
    return AssetView.of(found[0])
