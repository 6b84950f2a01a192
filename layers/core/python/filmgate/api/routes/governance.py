"""The audit log, and the retention policy."""

from __future__ import annotations

from fastapi import APIRouter

from filmgate.api.auth import Actor, Api, Tenant
from filmgate.api.cursors import seal, unseal
from filmgate.api.models import DEFAULT_PAGE, AuditView, Listing, PolicyView
from filmgate.api.routes.params import Cursor, Limit, problems
from filmgate.review.policy import policy_of, set_policy

router = APIRouter(tags=["governance"])


@router.get("/audit", responses=problems(401, 422, 503))
def list_audit_events(
    services: Api, tenant: Tenant, cursor: Cursor = None, limit: Limit = DEFAULT_PAGE
) -> Listing[AuditView]:
    """What was done to the tenant's assets and settings, by whom; oldest first.

    Each event has the hash of the one before, so a changed, moved or missing one shows.
    """
    page = services.audit.events(
        tenant, limit=limit, cursor=unseal(tenant, "audit", cursor) if cursor else None
    )
    return Listing(
        items=[AuditView.of(event) for event in page.items],
        cursor=seal(tenant, "audit", page.cursor) if page.cursor else None,
    )


@router.get("/policy", responses=problems(401, 503))
def get_policy(services: Api, tenant: Tenant) -> PolicyView:
    """For how many days each kind of data is kept; null for ever."""
    return PolicyView.of(policy_of(services.objects, tenant))


@router.put("/policy", responses=problems(401, 422, 503))
def put_policy(services: Api, tenant: Tenant, actor: Actor, body: PolicyView) -> PolicyView:
    """Replace the policy. What is older is removed within about a day, except under a hold; it
    cannot be brought back."""
    set_policy(services.objects, services.audit, tenant, body, actor=actor)
    return body
