"""Legal holds: as long as an asset has one, neither the asset nor its data can be deleted.

A hold is stored in the asset's record, and every deletion begins with a conditional write of that
record. So a hold and a deletion at the same time cannot both succeed.
"""

from __future__ import annotations

from pydantic import JsonValue

from filmgate.clock import now
from filmgate.errors import Conflict, NotFound
from filmgate.library.jobs import new_id
from filmgate.library.model import Hold
from filmgate.library.ports import Assets
from filmgate.review.audit import AuditLog
from filmgate.review.changes import audited, refuse_purging, stored


def place_hold(
    assets: Assets, audit: AuditLog, tenant: str, asset_id: str, *, actor: str, reason: str
) -> Hold:
    """Protect an asset, soft-deleted or not, from deletion and purge until the hold is released.

    Raises:
        NotFound: the tenant has no such asset.
        Conflict: it is being purged, the retention policy is removing data of it, or it was
            changed at the same time.
        TransientError: storage did not answer.
    """
    asset = assets.asset(tenant, asset_id)
    refuse_purging(asset)
    if asset.removing:
        kinds = ", ".join(asset.removing)
        raise Conflict(f"The retention policy is removing its data ({kinds}). Try again later.")
    hold = Hold(hold_id=new_id(), reason=reason, placed_by=actor, placed_at=now())
    details: dict[str, JsonValue] = {"hold_id": hold.hold_id, "reason": reason}
    with audited(audit, asset, actor, "hold.placed", details):
        stored(assets, asset.changed(holds=(*asset.holds, hold)))
    return hold


def release_hold(
    assets: Assets, audit: AuditLog, tenant: str, asset_id: str, hold_id: str, *, actor: str
) -> None:
    """Release a hold. Raises NotFound without such an asset or hold, Conflict, TransientError."""
    asset = assets.asset(tenant, asset_id)
    left = tuple(hold for hold in asset.holds if hold.hold_id != hold_id)
    if left == asset.holds:
        raise NotFound(f"it has no hold {hold_id}")
    with audited(audit, asset, actor, "hold.released", {"hold_id": hold_id}):
        stored(assets, asset.changed(holds=left))
