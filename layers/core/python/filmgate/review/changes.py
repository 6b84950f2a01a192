"""Conditional writes of assets with events in the audit log, shared by this package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import JsonValue

from filmgate.errors import Conflict, FilmgateError
from filmgate.library.model import Asset
from filmgate.library.ports import Assets
from filmgate.review.audit import AuditLog, record

POLICY = "policy"
"""The actor of automatic actions: retention, purges, and the end of stuck jobs."""
CHANGED = "Another call changed it at the same time. Try again."


@contextmanager
def audited(
    log: AuditLog,
    asset: Asset,
    actor: str,
    action: str,
    details: dict[str, JsonValue] | None = None,
) -> Iterator[None]:
    """Record an action before it is performed, so that none is missed, and its failure after it."""
    tenant, asset_id = asset.tenant, asset.asset_id
    record(log, tenant, actor=actor, action=action, subject=asset_id, details=details)
    try:
        yield
    except FilmgateError as error:
        failed: dict[str, JsonValue] = {"error": type(error).__name__}
        failure = f"{action}.failed"
        record(log, tenant, actor=actor, action=failure, subject=asset_id, details=failed)
        raise


def stored(assets: Assets, asset: Asset) -> Asset:
    """Store an asset and return it. Raises Conflict if it was changed since it was read."""
    after = assets.compare_and_set(asset)
    if after is None:
        raise Conflict(CHANGED)
    return after


def refuse_held(asset: Asset) -> None:
    """Raise Conflict, with the reasons, if the asset is under a legal hold."""
    if asset.holds:
        reasons = "; ".join(hold.reason for hold in asset.holds)
        raise Conflict(f"It is under a legal hold: {reasons}")


def refuse_purging(asset: Asset) -> None:
    """Raise Conflict if the asset is being purged."""
    if asset.purge_started_at is not None:
        raise Conflict("It is being permanently removed, which cannot be stopped any more.")
