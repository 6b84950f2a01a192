"""What all decisions about assets share: conditional writes, and their events in the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import JsonValue

from filmgate.errors import Conflict, FilmgateError
from filmgate.library.model import Asset
from filmgate.library.ports import Assets
from filmgate.review.audit import AuditLog, record

POLICY = "policy"
"""The actor of what no person asked for: retention, purges, and the end of what is stuck."""
CHANGED = "It was changed by another call just now. Try again."


@contextmanager
def audited(
    log: AuditLog,
    asset: Asset,
    actor: str,
    action: str,
    details: dict[str, JsonValue] | None = None,
) -> Iterator[None]:
    """Record the action before it is done, so none goes unrecorded, and its failure after it."""
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
    """The asset as stored. Raises Conflict where it was changed since it was read."""
    after = assets.compare_and_set(asset)
    if after is None:
        raise Conflict(CHANGED)
    return after


def refuse_held(asset: Asset) -> None:
    """Raises Conflict with the reasons where the asset is under a legal hold."""
    if asset.holds:
        reasons = "; ".join(hold.reason for hold in asset.holds)
        raise Conflict(f"It is under a legal hold: {reasons}")


def refuse_purging(asset: Asset) -> None:
    """Raises Conflict where the asset is being removed for good."""
    if asset.purge_started_at is not None:
        raise Conflict("It is being removed for good, which nothing stops any more.")
