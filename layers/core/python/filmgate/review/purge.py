"""Remove softly deleted assets for good, once their window is over.

A purge is claimed in the asset's record first. From then on the asset can neither be restored nor
held, and what an interruption leaves undone is completed by the next purge; the record goes last.
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
    """What finds assets by their content."""

    def remove(self, tenant: str, asset_id: str) -> None:
        """No search finds the asset any longer. Repeating it is harmless. Raises
        TransientError."""


@dataclass(frozen=True, slots=True)
class PurgeDeps:
    """Dependencies of all that removes data for good."""

    library: Library
    objects: ObjectStore
    indexes: tuple[Searchable, ...]
    audit: AuditLog
    workflows: Workflows


def purge(deps: PurgeDeps, tenant: str, asset_id: str, *, actor: str) -> None:
    """Remove a softly deleted asset whose window is over: its uploads, what was made of its
    content unless another asset has the same, its matches, results and record.

    Repeating it after an interruption completes it.

    Raises:
        NotFound: the tenant has no such asset; it may be purged.
        Conflict: it is not deleted, its window is not over, it is under a legal hold, or a job
            works on it.
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
    """Purge what is due, while there is time; how many. Raises TransientError."""
    purged = 0
    for asset in _due(deps, tenant):
        if not enough_time():
            break
        try:
            purge(deps, tenant, asset.asset_id, actor=actor)
        except (NotFound, Conflict):
            # Purged, restored or held by another call since it was listed, or worked on.
            continue
        purged += 1
    return purged


def delete_upload(objects: ObjectStore, asset: Asset) -> None:
    """Remove the uploaded bytes in all versions, late and repeated uploads included. Raises
    TransientError."""
    if asset.key.startswith(f"raw/{asset.tenant}/{asset.asset_id}/"):
        objects.delete_versions("raw", asset.key)
    else:
        # A file that was dropped under this key: each of its versions is an asset.
        objects.delete_versions("raw", asset.key, asset.version_id)


def works_on(deps: PurgeDeps, asset: Asset) -> bool:
    """Whether a job may still write something of the asset. Raises TransientError."""
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
    if works_on(deps, asset):
        raise Conflict("A job still works on it.")
    with audited(deps.audit, asset, actor, "asset.purged"):
        return stored(deps.library, asset.changed(purge_started_at=now()))


def _delete_artifacts(deps: PurgeDeps, asset: Asset) -> None:
    """What was made of the content goes with the last asset that has it."""
    if asset.sha256 is None:
        return
    deps.library.disown(asset.tenant, asset.sha256, asset.asset_id)
    if deps.library.owners(asset.tenant, asset.sha256):
        return
    for folder in folders_of(asset.tenant, asset.sha256):
        deps.objects.delete_prefix("artifacts", folder)
    # The same content may have arrived meanwhile, and its run may count on what was just deleted.
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
    """Ids of the stored matches; withdrawn ones included, as the rows hold what was said."""
    cursor = None
    while True:
        page = deps.library.match_ids_of(tenant, asset_id, limit=_PAGE, cursor=cursor)
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return


def _due(deps: PurgeDeps, tenant: str) -> Iterator[Asset]:
    """What may be purged; held ones left out."""
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
