"""Soft-delete an asset, and restore it.

Each is one conditional write of the asset's record, and nothing else is changed: listing, searching
and comparing read the record and leave out deleted assets. So a deletion is never incomplete, and a
restored asset has lost nothing. `filmgate.review.purge` removes it permanently.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from pydantic import JsonValue

from filmgate.clock import now
from filmgate.errors import Conflict, NothingToRun, TransientError
from filmgate.library.model import Asset, AssetState
from filmgate.library.ports import Library, Workflows
from filmgate.pipeline.runs import Run, plan, start_or_fail
from filmgate.review.audit import AuditLog
from filmgate.review.changes import CHANGED, audited, refuse_held, refuse_purging, stored

RESTORE_WINDOW = timedelta(days=30)
"""Much longer than any job runs, so all jobs that read the asset before its deletion have ended
when it is purged."""


@dataclass(frozen=True, slots=True)
class DeletionDeps:
    """Dependencies of deletion."""

    library: Library
    audit: AuditLog
    workflows: Workflows
    window: timedelta = RESTORE_WINDOW


def delete(deps: DeletionDeps, tenant: str, asset_id: str, *, actor: str, reason: str) -> Asset:
    """Hide an asset from listings, searches and matches until it is restored or purged.

    Deleting it again changes nothing.

    Raises:
        NotFound: the tenant has no such asset.
        Conflict: it is under a legal hold, or was changed at the same time.
        TransientError: storage did not answer.
    """
    asset = deps.library.asset(tenant, asset_id)
    if asset.state is AssetState.DELETED:
        return asset
    refuse_held(asset)
    moment = now()
    purge_at = moment + deps.window
    details: dict[str, JsonValue] = {"reason": reason, "purge_at": purge_at.isoformat()}
    with audited(deps.audit, asset, actor, "asset.deleted", details):
        return stored(
            deps.library,
            asset.changed(
                state=AssetState.DELETED,
                state_before=asset.state,
                deleted_at=moment,
                purge_at=purge_at,
            ),
        )


def restore(deps: DeletionDeps, tenant: str, asset_id: str, *, actor: str) -> Asset:
    """Restore a soft-deleted asset, and run its capabilities again.

    Assets that were uploaded while it was deleted were not compared with it.

    Raises:
        NotFound: the tenant has no such asset; it may have been purged.
        Conflict: it is not deleted, is being purged, or was changed at the same time.
        TransientError: storage did not answer. If only the workflow could not be started, the
            asset is restored and its results say so.
    """
    asset = deps.library.asset(tenant, asset_id)
    if asset.state is not AssetState.DELETED:
        raise Conflict("It is not deleted.")
    refuse_purging(asset)
    restored = asset.changed(
        state=asset.state_before or AssetState.WAITING,
        state_before=None,
        deleted_at=None,
        purge_at=None,
    )
    with audited(deps.audit, asset, actor, "asset.restored"):
        run = _run(deps, restored)
        if run is None:
            return stored(deps.library, restored)
        if not deps.library.begin(restored, run.jobs, run.results):
            raise Conflict(CHANGED)
    # The asset is restored in any case, and failed jobs can be run again.
    with suppress(TransientError):
        start_or_fail(deps.library, deps.workflows, run.jobs, asset_id)
    return deps.library.asset(tenant, asset_id)


def _run(deps: DeletionDeps, restored: Asset) -> Run | None:
    if restored.state is not AssetState.STORED:
        return None
    try:
        return plan(restored, deps.library.results(restored.tenant, restored.asset_id))
    except NothingToRun:
        return None
