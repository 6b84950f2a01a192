"""A file has landed: refuse it, with the reason, or start its workflow."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from filmgate.access.model import valid_tenant
from filmgate.clock import now
from filmgate.errors import MediaRefused, NotFound, TransientError
from filmgate.library.model import (
    CHECKSUM_MISMATCH,
    GONE,
    Asset,
    AssetStatus,
    asset_id,
)
from filmgate.library.ports import Assets, ObjectStore, Workflows
from filmgate.media.limits import Limits
from filmgate.pipeline.run import next_run, start
from filmgate.pipeline.state import GONE_REASON
from filmgate.sandbox.port import MediaReader
from filmgate.sandbox.scratch import scratch

_TRIES = 5
_KEY = re.compile(r"raw/([^/]+)/(.*[^/])", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Upload:
    """An object that appeared in the raw bucket. ``version_id`` is None in a bucket without."""

    key: str
    version_id: str | None


class Received(StrEnum):
    """What became of an upload."""

    STARTED = "started"
    REFUSED = "refused"
    KNOWN = "known"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to an upload; only STARTED has a job, IGNORED has no asset."""

    received: Received
    tenant: str | None = None
    asset_id: str | None = None
    job_id: str | None = None
    reason_code: str | None = None


@dataclass(frozen=True, slots=True)
class ReceiveDeps:
    """What receiving stands on."""

    library: Assets
    objects: ObjectStore
    workflows: Workflows
    limits: Limits
    reader: MediaReader


def receive(deps: ReceiveDeps, upload: Upload) -> Receipt:
    """Look at an upload and start its workflow, once for each version of the object.

    May be called again with the same upload, also at the same time: one job begins, and one that
    began without its workflow gets it. Keys outside of ``raw/{tenant}/`` are ignored.

    Raises:
        TransientError: storage or the workflows did not answer, or memory or disk did not
            suffice.
    """
    found = _KEY.fullmatch(upload.key)
    if found is None or not valid_tenant(found[1]):
        return Receipt(Received.IGNORED)
    asset = _asset_of(deps.library, found[1], found[2], upload)
    if asset.status is AssetStatus.PROCESSING and asset.version_id == upload.version_id:
        return _start(deps, asset)
    if _settled(asset, upload):
        return Receipt(Received.KNOWN, asset.tenant, asset.asset_id)
    try:
        facts = _inspected(deps, asset, upload)
    except MediaRefused as refusal:
        return _refuse(deps.library, asset, upload, refusal)
    except NotFound:
        return _refuse(deps.library, asset, upload, MediaRefused(GONE, GONE_REASON))
    return _begin(deps, asset, upload, facts)


def _asset_of(library: Assets, tenant: str, rest: str, upload: Upload) -> Asset:
    """The asset that waits for this key, or a new one for a file that was dropped here."""
    try:
        asset = library.asset(tenant, rest.partition("/")[0])
        if asset.key == upload.key:
            return asset
    except NotFound:
        pass
    moment = now()
    dropped = Asset(
        tenant=tenant,
        asset_id=asset_id(tenant, upload.key, upload.version_id or ""),
        path=rest,
        key=upload.key,
        status=AssetStatus.RECEIVED,
        created_at=moment,
        updated_at=moment,
        version_id=upload.version_id,
    )
    return library.create(dropped)


def _settled(asset: Asset, upload: Upload) -> bool:
    """Nothing more to do. A new version gives a refused or failed asset another chance."""
    if asset.status in {AssetStatus.DONE, AssetStatus.PROCESSING}:
        return True
    return asset.status.final and asset.version_id == upload.version_id


def _inspected(deps: ReceiveDeps, asset: Asset, upload: Upload) -> dict[str, Any]:
    """Fields of the asset, as the file told. Raises MediaRefused, NotFound."""
    size = deps.objects.size("raw", upload.key, upload.version_id)
    if size > deps.limits.max_file_bytes:
        raise MediaRefused(
            "too_large",
            f"The file has {size} bytes; at most {deps.limits.max_file_bytes} are accepted.",
        )
    with scratch() as folder:
        path = folder / "file"
        sha256 = deps.objects.download("raw", upload.key, path, version_id=upload.version_id)
        if asset.sha256 not in (None, sha256):
            raise MediaRefused(
                CHECKSUM_MISMATCH,
                "What arrived is not the file that was announced: its SHA-256 differs. "
                "Upload it again.",
            )
        info = deps.reader.probe(path, deps.limits)
    return {
        "version_id": upload.version_id,
        "size_bytes": size,
        "sha256": sha256,
        "info": info,
    }


def _begin(deps: ReceiveDeps, known: Asset, upload: Upload, facts: dict[str, Any]) -> Receipt:
    for _ in range(_TRIES):
        asset, job = next_run(known.changed(**facts))
        if deps.library.begin(job, known, asset):
            return _start(deps, asset)
        # Another worker changed it. If it began this upload and died, this one has to start it.
        known = deps.library.asset(known.tenant, known.asset_id)
        if known.status is AssetStatus.PROCESSING and known.version_id == upload.version_id:
            return _start(deps, known)
        if _settled(known, upload):
            return Receipt(Received.KNOWN, known.tenant, known.asset_id)
    raise TransientError("the asset was changed by others again and again")


def _start(deps: ReceiveDeps, asset: Asset) -> Receipt:
    job = deps.library.job(asset.tenant, str(asset.job_id))
    start(deps.workflows, job, asset.asset_id)
    return Receipt(Received.STARTED, asset.tenant, asset.asset_id, job.job_id)


def _refuse(library: Assets, asset: Asset, upload: Upload, refusal: MediaRefused) -> Receipt:
    refused = asset.changed(
        status=AssetStatus.REFUSED,
        version_id=upload.version_id,
        reason_code=refusal.code,
        reason=refusal.reason,
    )
    # Another upload to the same key may have been taken in while this one was looked at.
    if not library.replace(asset, refused):
        return Receipt(Received.KNOWN, asset.tenant, asset.asset_id)
    return Receipt(Received.REFUSED, asset.tenant, asset.asset_id, reason_code=refusal.code)
