"""Delete an asset: softly first, with a window to restore it, then for good.

The state of the asset's record decides, and it changes first; everything else follows from it and
can be repeated. A legal hold lies in the same record, so a deletion and a hold that come at the
same time cannot both succeed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from pydantic import JsonValue

from filmgate.clock import now
from filmgate.errors import Conflict, FilmgateError, NotFound
from filmgate.library.jobs import new_id
from filmgate.library.model import Asset, AssetState, Hold
from filmgate.library.ports import Library, ObjectStore, Workflows
from filmgate.pipeline.runs import plan, start
from filmgate.review.audit import AuditLog, record

RESTORE_WINDOW = timedelta(days=30)
_PAGE = 200
_CHANGED = "It was changed by another call just now. Try again."


class Searchable(Protocol):
    """What finds assets by their content."""

    def remove(self, tenant: str, asset_id: str) -> None:
        """No search finds the asset any longer. Repeating it is harmless. Raises
        TransientError."""


@dataclass(frozen=True, slots=True)
class DeletionDeps:
    """Dependencies of deletion."""

    library: Library
    objects: ObjectStore
    indexes: tuple[Searchable, ...]
    audit: AuditLog
    workflows: Workflows
    window: timedelta = RESTORE_WINDOW


def delete(deps: DeletionDeps, tenant: str, asset_id: str, *, actor: str, reason: str) -> Asset:
    """Hide an asset from listings, searches and matches until it is restored or purged.

    Deleting it again changes nothing but completes what was interrupted.

    Raises:
        NotFound: the tenant has no such asset.
        Conflict: it is under a legal hold, or was changed at the same time.
        TransientError: storage did not answer; the same call completes the deletion.
    """
    asset = deps.library.asset(tenant, asset_id)
    if asset.state is not AssetState.DELETED:
        _refuse_held(asset)
        moment = now()
        purge_at = moment + deps.window
        details: dict[str, JsonValue] = {"reason": reason, "purge_at": purge_at.isoformat()}
        with _audited(deps, asset, actor, "asset.deleted", details):
            asset = _stored(
                deps,
                asset.changed(
                    state=AssetState.DELETED,
                    state_before=asset.state,
                    deleted_at=moment,
                    purge_at=purge_at,
                ),
            )
    _hide(deps, asset)
    return asset


def restore(deps: DeletionDeps, tenant: str, asset_id: str, *, actor: str) -> Asset:
    """Bring a softly deleted asset back and run its capabilities again, so that it is found.

    Raises:
        NotFound: the tenant has no such asset; it may be purged.
        Conflict: it is not deleted, or was changed at the same time.
        TransientError: storage did not answer.
    """
    asset = deps.library.asset(tenant, asset_id)
    if asset.state is not AssetState.DELETED:
        raise Conflict("It is not deleted.")
    restored = asset.changed(
        state=asset.state_before or AssetState.WAITING,
        state_before=None,
        deleted_at=None,
        purge_at=None,
    )
    with _audited(deps, asset, actor, "asset.restored"):
        if restored.state is not AssetState.STORED:
            return _stored(deps, restored)
        run = plan(restored, deps.library.results(tenant, asset_id))
        if not deps.library.begin(restored, run.jobs, run.results):
            raise Conflict(_CHANGED)
    start(deps.workflows, run.jobs, asset_id)
    return deps.library.asset(tenant, asset_id)


def purge(deps: DeletionDeps, tenant: str, asset_id: str, *, actor: str) -> None:
    """Remove a softly deleted asset whose window is over: its uploads in all versions, what was
    made of its content unless another asset has the same, its matches, results and record.

    Repeating it after an interruption completes it.

    Raises:
        NotFound: the tenant has no such asset; it may be purged.
        Conflict: it is not deleted, its window is not over, or it is under a legal hold.
        TransientError: storage did not answer.
    """
    asset = deps.library.asset(tenant, asset_id)
    if asset.state is not AssetState.DELETED or asset.purge_at is None:
        raise Conflict("It is not deleted.")
    if asset.purge_at > now():
        raise Conflict(f"It can be restored until {asset.purge_at:%Y-%m-%d %H:%M} UTC.")
    _refuse_held(asset)
    with _audited(deps, asset, actor, "asset.purged"):
        _hide(deps, asset)
        deps.objects.delete_versions("raw", asset.key)
        _delete_artifacts(deps, asset)
        for match_id in _matches(deps, tenant, asset_id):
            deps.library.remove_match(tenant, match_id)
        if not deps.library.remove(asset):
            raise Conflict(_CHANGED)


def purge_due(
    deps: DeletionDeps, tenant: str, *, actor: str, enough_time: Callable[[], bool]
) -> int:
    """Purge what is due, while there is time; how many. Raises TransientError."""
    purged = 0
    for asset in _deleted(deps, tenant):
        if not enough_time():
            break
        if asset.purge_at is None or asset.purge_at > now() or asset.holds:
            continue
        try:
            purge(deps, tenant, asset.asset_id, actor=actor)
        except (NotFound, Conflict):
            # Purged, restored or held by another call since it was listed.
            continue
        purged += 1
    return purged


def place_hold(deps: DeletionDeps, tenant: str, asset_id: str, *, actor: str, reason: str) -> Hold:
    """Keep an asset from being deleted or purged until the hold is released.

    Raises NotFound; Conflict where it was changed at the same time; TransientError.
    """
    asset = deps.library.asset(tenant, asset_id)
    hold = Hold(hold_id=new_id(), reason=reason, placed_by=actor, placed_at=now())
    details: dict[str, JsonValue] = {"hold_id": hold.hold_id, "reason": reason}
    with _audited(deps, asset, actor, "hold.placed", details):
        _stored(deps, asset.changed(holds=(*asset.holds, hold)))
    return hold


def release_hold(
    deps: DeletionDeps, tenant: str, asset_id: str, hold_id: str, *, actor: str
) -> None:
    """Raises NotFound where there is no such asset or hold; Conflict, TransientError."""
    asset = deps.library.asset(tenant, asset_id)
    left = tuple(hold for hold in asset.holds if hold.hold_id != hold_id)
    if left == asset.holds:
        raise NotFound(f"it has no hold {hold_id}")
    with _audited(deps, asset, actor, "hold.released", {"hold_id": hold_id}):
        _stored(deps, asset.changed(holds=left))


@contextmanager
def _audited(
    deps: DeletionDeps,
    asset: Asset,
    actor: str,
    action: str,
    details: dict[str, JsonValue] | None = None,
) -> Iterator[None]:
    """Record the action before it is done, so none goes unrecorded, and its failure after it."""
    tenant, asset_id = asset.tenant, asset.asset_id
    record(deps.audit, tenant, actor=actor, action=action, subject=asset_id, details=details)
    try:
        yield
    except FilmgateError as error:
        failed: dict[str, JsonValue] = {"error": type(error).__name__}
        record(
            deps.audit,
            tenant,
            actor=actor,
            action=f"{action}.failed",
            subject=asset_id,
            details=failed,
        )
        raise


def _delete_artifacts(deps: DeletionDeps, asset: Asset) -> None:
    """What was made of the content goes with the last asset that has it."""
    if asset.sha256 is None:
        return
    deps.library.disown(asset.tenant, asset.sha256, asset.asset_id)
    if not deps.library.owners(asset.tenant, asset.sha256):
        deps.objects.delete_prefix("artifacts", f"artifacts/{asset.tenant}/{asset.sha256}/")


def _refuse_held(asset: Asset) -> None:
    if asset.holds:
        reasons = "; ".join(hold.reason for hold in asset.holds)
        raise Conflict(f"It is under a legal hold: {reasons}")


def _stored(deps: DeletionDeps, asset: Asset) -> Asset:
    stored = deps.library.compare_and_set(asset)
    if stored is None:
        raise Conflict(_CHANGED)
    return stored


def _hide(deps: DeletionDeps, asset: Asset) -> None:
    for index in deps.indexes:
        index.remove(asset.tenant, asset.asset_id)
    for match_id in _matches(deps, asset.tenant, asset.asset_id):
        deps.library.withdraw_match(asset.tenant, match_id, now())


def _matches(deps: DeletionDeps, tenant: str, asset_id: str) -> Iterator[str]:
    """Ids of the stored matches; withdrawn ones included, as the rows hold what was said."""
    cursor = None
    while True:
        page = deps.library.match_ids_of(tenant, asset_id, limit=_PAGE, cursor=cursor)
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return


def _deleted(deps: DeletionDeps, tenant: str) -> Iterator[Asset]:
    cursor = None
    while True:
        page = deps.library.list_deleted(tenant, limit=_PAGE, cursor=cursor)
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return
