"""Enforce retention policies: go through the assets of a tenant and remove old data.

A removal is first entered in the asset's record (`Asset.removing`), with a condition that fails if
a hold was placed or a run has begun. The next sweep completes an interrupted removal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from pydantic import JsonValue, ValidationError

from filmgate.clock import now
from filmgate.errors import Conflict, InvalidCursor, NotFound, TransientError
from filmgate.library.model import AnalyzedAsset, Asset, AssetState, DataKind
from filmgate.library.results import ResultState
from filmgate.model import FrozenModel
from filmgate.pipeline.artifacts import folders_of, kind_of
from filmgate.review.audit import record
from filmgate.review.changes import POLICY, stored
from filmgate.review.policy import TenantPolicy
from filmgate.review.purge import PurgeDeps, delete_upload

SWEEP_EVERY = timedelta(days=1)
_PAGE = 100
_TRIES = 8


class Sweep(FrozenModel):
    """The progress of going through the assets of a tenant.

    Attributes:
        policy: the policy that it enforces; another policy starts a new sweep.
        cursor: of the next page; None at the end.
    """

    policy: TenantPolicy
    begun_at: datetime
    cursor: str | None = None
    done: bool = False


def sweep(
    deps: PurgeDeps, tenant: str, policy: TenantPolicy, *, enough_time: Callable[[], bool]
) -> int:
    """Continue the sweep of a tenant while there is time; begin one if the last began a day ago.

    Returns the number of removals, each of one kind of data of one asset. Raises TransientError.
    """
    if policy.keeps_everything:
        return 0
    state = _state(deps, tenant, policy)
    removed = 0
    while not state.done and enough_time():
        try:
            page = deps.library.list_analyzed(tenant, status=None, limit=_PAGE, cursor=state.cursor)
        except InvalidCursor:
            state = Sweep(policy=policy, begun_at=now())
            continue
        for listed in page.items:
            if not enough_time():
                return removed
            removed += len(enforce(deps, policy, listed))
        state = state.model_copy(update={"cursor": page.cursor, "done": page.cursor is None})
        body = state.model_dump_json().encode()
        deps.objects.put("artifacts", _address(tenant), body, "application/json")
    return removed


def enforce(deps: PurgeDeps, policy: TenantPolicy, listed: AnalyzedAsset) -> tuple[DataKind, ...]:
    """Remove the due data of one asset, and return the kinds of data that existed.

    Nothing is removed if the asset is held, has a running job, or is changed at the same time, and
    no data that another asset with the same content still keeps. Raises TransientError.
    """
    if not listed.asset.removing and not _due(listed, policy):
        return ()
    # The listing may be outdated.
    records = deps.library.analyzed(listed.asset.tenant, [listed.asset.asset_id])
    if not records or records[0].asset.state is AssetState.DELETED or not _is_free(records[0]):
        return ()
    asset = records[0].asset
    due = asset.removing or _due(records[0], policy)
    kinds = tuple(kind for kind in due if _is_removable(deps, policy, asset, kind))
    keys = _keys(deps, asset) if set(kinds) - {DataKind.RAW} else {}
    existing = tuple(kind for kind in kinds if kind is DataKind.RAW or kind in keys)
    if not asset.removing:
        if not kinds:
            return ()
        try:
            asset = _claimed(deps, policy, asset, kinds, existing)
        except Conflict:
            return ()
    for kind in kinds:
        _remove(deps, asset, kind, keys.get(kind, ()))
    _settle(deps, asset, kinds)
    return existing


def _due(record: AnalyzedAsset, policy: TenantPolicy) -> tuple[DataKind, ...]:
    return tuple(kind for kind in DataKind if _is_due(record, policy, kind))


def _is_due(record: AnalyzedAsset, policy: TenantPolicy, kind: DataKind) -> bool:
    days = policy.days(kind)
    if days is None or record.asset.state in {AssetState.WAITING, AssetState.DELETED}:
        return False
    return not _is_gone(record, kind) and _since(record, kind) + timedelta(days=days) <= now()


def _is_gone(record: AnalyzedAsset, kind: DataKind) -> bool:
    at = record.asset.removed.get(kind)
    return at is not None and at >= _since(record, kind)


def _since(record: AnalyzedAsset, kind: DataKind) -> datetime:
    """Return the time from which the days of a kind of data count."""
    stored_at = record.asset.stored_at or record.asset.created_at
    if kind is DataKind.RAW:
        return stored_at
    return max([stored_at, *(result.updated_at for result in record.results)])


def _is_free(record: AnalyzedAsset) -> bool:
    running = any(result.state is ResultState.RUNNING for result in record.results)
    return not record.asset.holds and not running


def _is_removable(deps: PurgeDeps, policy: TenantPolicy, asset: Asset, kind: DataKind) -> bool:
    """Return whether no other asset with the same content keeps the derived data."""
    if kind is DataKind.RAW or asset.sha256 is None:
        return True
    others = set(deps.library.owners(asset.tenant, asset.sha256)) - {asset.asset_id}
    return all(
        _is_gone(other, kind) or (_is_free(other) and _is_due(other, policy, kind))
        for other in deps.library.analyzed(asset.tenant, sorted(others))
    )


def _keys(deps: PurgeDeps, asset: Asset) -> dict[DataKind, list[str]]:
    """Return the keys of the data derived from the asset's content, by kind."""
    keys: dict[DataKind, list[str]] = {}
    if asset.sha256 is None:
        return keys
    for folder in folders_of(asset.tenant, asset.sha256):
        for key in deps.objects.keys("artifacts", folder):
            keys.setdefault(kind_of(key), []).append(key)
    return keys


def _claimed(
    deps: PurgeDeps,
    policy: TenantPolicy,
    asset: Asset,
    kinds: Iterable[DataKind],
    existing: Iterable[DataKind],
) -> Asset:
    """Enter the removal in the asset's record, and return the asset.

    An event for each kind is recorded before. If the asset was changed meanwhile, another event
    says that nothing was removed. Raises Conflict.
    """
    for kind in existing:
        details: dict[str, JsonValue] = {"kind": kind.value, "days": policy.days(kind)}
        _record(deps, asset, "data.removed", details)
    moment = now()
    claim = asset.changed(
        removing=tuple(kinds), removed=asset.removed | dict.fromkeys(kinds, moment)
    )
    try:
        return stored(deps.library, claim)
    except Conflict:
        _record(deps, asset, "data.removed.failed", {"kinds": [kind.value for kind in existing]})
        raise


def _record(deps: PurgeDeps, asset: Asset, action: str, details: dict[str, JsonValue]) -> None:
    record(
        deps.audit,
        asset.tenant,
        actor=POLICY,
        action=action,
        subject=asset.asset_id,
        details=details,
    )


def _remove(deps: PurgeDeps, asset: Asset, kind: DataKind, keys: Iterable[str]) -> None:
    if kind is DataKind.RAW:
        delete_upload(deps.objects, asset)
        return
    if kind is DataKind.FINGERPRINTS:
        # All owners of the content agreed, and an index may need the fingerprint of each of them.
        owners = deps.library.owners(asset.tenant, asset.sha256) if asset.sha256 else ()
        for asset_id in sorted({asset.asset_id, *owners}):
            for index in deps.indexes:
                index.remove(asset.tenant, asset_id)
    for key in keys:
        deps.objects.delete_versions("artifacts", key)


def _settle(deps: PurgeDeps, asset: Asset, kinds: Iterable[DataKind]) -> None:
    """Record the end of the removal, without the kinds that another asset keeps now.

    Raises TransientError.
    """
    not_removed = set(asset.removing) - set(kinds)
    for _ in range(_TRIES):
        removed = {kind: at for kind, at in asset.removed.items() if kind not in not_removed}
        if deps.library.compare_and_set(asset.changed(removing=(), removed=removed)):
            return
        try:
            asset = deps.library.asset(asset.tenant, asset.asset_id)
        except NotFound:
            return
    raise TransientError("other writers kept changing the asset")


def _state(deps: PurgeDeps, tenant: str, policy: TenantPolicy) -> Sweep:
    """Return the current sweep of a tenant, or a new one if it is due."""
    fresh = Sweep(policy=policy, begun_at=now())
    try:
        body = deps.objects.get("artifacts", _address(tenant))
        state = Sweep.model_validate_json(body)
    except (NotFound, ValidationError):
        return fresh
    over = state.done and state.begun_at + SWEEP_EVERY <= now()
    return fresh if over or state.policy != policy else state


def _address(tenant: str) -> str:
    return f"settings/sweeps/{tenant}.json"
