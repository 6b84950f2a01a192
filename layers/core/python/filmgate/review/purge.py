"""Permanently remove soft-deleted assets after the time in which they can be restored.

A purge is first entered in the asset's record. From then on the asset can neither be restored nor
held. If the purge is interrupted, the next one completes it; the record is removed last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from filmgate.clock import now
from filmgate.errors import Conflict, NotFound, NothingToRun
from filmgate.library.model import Asset, AssetState
from filmgate.library.ports import Library, ObjectStore, Workflows
from filmgate.library.results import ResultState
from filmgate.pipeline.artifacts import folders_of
from filmgate.pipeline.runs import plan, start_or_fail
from filmgate.review.audit import AuditLog
from filmgate.review.changes import CHANGED, audited, refuse_held, stored

_PAGE = 100


class Searchable(Protocol):
    """An index that finds assets by their content."""

    def remove(self, tenant: str, asset_id: str) -> None:
        """Remove the asset from all searches. Repeating it is harmless. Raises TransientError."""


@dataclass(frozen=True, slots=True)
class PurgeDeps:
    """Dependencies of purges and retention."""

    library: Library
    objects: ObjectStore
    indexes: tuple[Searchable, ...]
    audit: AuditLog
    workflows: Workflows


def purge(deps: PurgeDeps, tenant: str, asset_id: str, *, actor: str) -> None:
    """Permanently remove a soft-deleted asset that can no longer be restored.

    Removes its uploads, matches, results and record, and the data derived from its content unless
    another asset has the same content. Repeating an interrupted purge completes it.

    Raises:
        NotFound: the tenant has no such asset; it may have been purged.
        Conflict: it is not deleted, can still be restored, is under a legal hold, or a job runs on
            it.
        TransientError: storage did not answer.
    """
    asset = _claimed(deps, deps.library.asset(tenant, asset_id), actor)
    for index in deps.indexes:
        index.remove(tenant, asset_id)
    delete_upload(deps.objects, asset)
    _delete_artifacts(deps, asset)
    for match_id in _matches(deps, tenant, asset_id):
        deps.library.remove_match(tenant, match_id)
    if not deps.library.remove(asset):
        raise Conflict(CHANGED)


def purge_due(deps: PurgeDeps, tenant: str, *, actor: str, enough_time: Callable[[], bool]) -> int:
    """Purge due assets while there is time, and return their number. Raises TransientError."""
    purged = 0
    for asset in _due(deps, tenant):
        if not enough_time():
            break
        try:
            purge(deps, tenant, asset.asset_id, actor=actor)
        except (NotFound, Conflict):
            # Another call purged, restored or held it after it was listed, or a job runs on it.
            continue
        purged += 1
    return purged


def delete_upload(objects: ObjectStore, asset: Asset) -> None:
    """Remove all versions of the uploaded bytes, including late and repeated uploads.

    Raises TransientError.
    """
    if asset.key.startswith(f"raw/{asset.tenant}/{asset.asset_id}/"):
        objects.delete_versions("raw", asset.key)
    else:
        # The file was not announced: each of its versions is an asset.
        objects.delete_versions("raw", asset.key, asset.version_id)


def has_running_job(deps: PurgeDeps, asset: Asset) -> bool:
    """Return whether a job runs on the asset and may write data of it. Raises TransientError."""
    results = deps.library.results(asset.tenant, asset.asset_id)
    return any(result.state is ResultState.RUNNING for result in results)


def _claimed(deps: PurgeDeps, asset: Asset, actor: str) -> Asset:
    if asset.purge_started_at is not None:
        return asset
    if asset.state is not AssetState.DELETED or asset.purge_at is None:
        raise Conflict("It is not deleted.")
    if asset.purge_at > now():
        raise Conflict(f"It can be restored until {asset.purge_at:%Y-%m-%d %H:%M} UTC.")
    refuse_held(asset)
    if has_running_job(deps, asset):
        raise Conflict("A job is running on it.")
    with audited(deps.audit, asset, actor, "asset.purged"):
        return stored(deps.library, asset.changed(purge_started_at=now()))


def _delete_artifacts(deps: PurgeDeps, asset: Asset) -> None:
    """Remove the data derived from the content, unless another asset has the same content."""
    if asset.sha256 is None:
        return
    deps.library.disown(asset.tenant, asset.sha256, asset.asset_id)
    if deps.library.owners(asset.tenant, asset.sha256):
        return
    for folder in folders_of(asset.tenant, asset.sha256):
        deps.objects.delete_prefix("artifacts", folder)
    # The same content may have been uploaded meanwhile, and its run may need the deleted data.
    for asset_id in deps.library.owners(asset.tenant, asset.sha256):
        _run_again(deps, asset.tenant, asset_id)


def _run_again(deps: PurgeDeps, tenant: str, asset_id: str) -> None:
    try:
        asset = deps.library.asset(tenant, asset_id)
        if asset.state is not AssetState.STORED:
            return
        run = plan(asset, deps.library.results(tenant, asset_id))
    except (NotFound, NothingToRun):
        return
    if deps.library.begin(asset.changed(), run.jobs, run.results):
        start_or_fail(deps.library, deps.workflows, run.jobs, asset_id)


def _matches(deps: PurgeDeps, tenant: str, asset_id: str) -> Iterator[str]:
    """Return the ids of all stored matches, including withdrawn ones."""
    cursor = None
    while True:
        page = deps.library.match_ids_of(tenant, asset_id, limit=_PAGE, cursor=cursor)
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return


def _due(deps: PurgeDeps, tenant: str) -> Iterator[Asset]:
    """Return the assets that can be purged, without those under a hold."""
    cursor = None
    while True:
        page = deps.library.list_deleted(tenant, limit=_PAGE, cursor=cursor)
        for asset in page.items:
            if asset.purge_at is None or asset.purge_at > now():
                return
            if not asset.holds:
                yield asset
        cursor = page.cursor
        if cursor is None:
            return
