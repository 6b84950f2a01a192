"""Process an uploaded file: refuse it with a reason, or start its run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from filmgate.clock import now
from filmgate.engines import registry
from filmgate.errors import MediaRefused, NotFound, TransientError
from filmgate.library.model import (
    CHECKSUM_MISMATCH,
    GONE,
    AnalyzedAsset,
    Asset,
    AssetState,
    AssetStatus,
    DataKind,
)
from filmgate.library.ports import AssetRuns, ObjectStore, Workflows
from filmgate.media.limits import Limits
from filmgate.pipeline.runs import plan, running_jobs, start
from filmgate.pipeline.state import GONE_REASON
from filmgate.pipeline.uploads import Upload, asset_of
from filmgate.sandbox.port import MediaReader
from filmgate.sandbox.scratch import scratch

_TRIES = 5


class Ingested(StrEnum):
    """The outcome of an upload."""

    STARTED = "started"
    REFUSED = "refused"
    KNOWN = "known"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The result of ingesting an upload. Only STARTED has a run; IGNORED has no asset."""

    ingested: Ingested
    tenant: str | None = None
    asset_id: str | None = None
    run_id: str | None = None
    reason_code: str | None = None


@dataclass(frozen=True, slots=True)
class IngestDeps:
    """Dependencies of ingest."""

    library: AssetRuns
    objects: ObjectStore
    workflows: Workflows
    limits: Limits
    reader: MediaReader


def ingest(deps: IngestDeps, upload: Upload) -> Receipt:
    """Read an upload and start its run, once for each version of the object.

    Repeated calls with the same upload, even concurrent ones, begin only one run; if its workflow
    was not started, they start it. Keys outside of ``raw/{tenant}/`` are ignored.

    Raises:
        TransientError: storage or the workflows did not answer.
    """
    asset = asset_of(deps.library, upload)
    if asset is None:
        return Receipt(Ingested.IGNORED)
    if receipt := _known(deps, asset, upload):
        return receipt
    try:
        facts = _inspected(deps, asset, upload)
    except MediaRefused as refusal:
        return _refuse(deps, asset, upload, refusal)
    except NotFound:
        return _refuse(deps, asset, upload, MediaRefused(GONE, GONE_REASON))
    return _begin(deps, asset, upload, facts)


def _known(deps: IngestDeps, asset: Asset, upload: Upload) -> Receipt | None:
    """Return the receipt of an upload that need not be read, otherwise None.

    If a run of this version has begun, its workflow is started again, because the worker that began
    the run may have died before starting it.
    """
    if asset.state in {AssetState.WAITING, AssetState.FAILED}:
        return None
    if asset.state is AssetState.DELETED:
        return Receipt(Ingested.KNOWN, asset.tenant, asset.asset_id)
    same = asset.version_id == upload.version_id
    if asset.state is AssetState.REFUSED:
        return Receipt(Ingested.KNOWN, asset.tenant, asset.asset_id) if same else None
    if same and (runs := running_jobs(deps.library, asset)):
        for jobs in runs.values():
            start(deps.workflows, jobs, asset.asset_id)
        return Receipt(Ingested.STARTED, asset.tenant, asset.asset_id, min(runs))
    # A new version gives a refused or failed asset another chance, and restores removed bytes.
    results = tuple(deps.library.results(asset.tenant, asset.asset_id))
    status = AnalyzedAsset(asset=asset, results=results).status
    whole = status is AssetStatus.DONE and not asset.bytes_gone
    if same or whole or status is AssetStatus.PROCESSING:
        return Receipt(Ingested.KNOWN, asset.tenant, asset.asset_id)
    return None


def _inspected(deps: IngestDeps, asset: Asset, upload: Upload) -> dict[str, Any]:
    """Read the file and return the fields of the asset. Raises MediaRefused, NotFound."""
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
                "The uploaded file is not the announced one: its SHA-256 differs. Upload it again.",
            )
        info = deps.reader.probe(path, deps.limits)
    if not registry.planned(info.kind):
        raise MediaRefused("not_supported", f"No engine accepts {info.kind.value} files.")
    return {
        "state": AssetState.STORED,
        "version_id": upload.version_id,
        "size_bytes": size,
        "sha256": sha256,
        "info": info,
        "reason_code": None,
        "reason": None,
        "stored_at": now(),
        "removed": {kind: at for kind, at in asset.removed.items() if kind is not DataKind.RAW},
    }


def _begin(deps: IngestDeps, asset: Asset, upload: Upload, facts: dict[str, Any]) -> Receipt:
    for _ in range(_TRIES):
        stored = asset.changed(**facts)
        run = plan(stored, deps.library.results(asset.tenant, asset.asset_id))
        if deps.library.begin(stored, run.jobs, run.results):
            start(deps.workflows, run.jobs, asset.asset_id)
            return Receipt(Ingested.STARTED, asset.tenant, asset.asset_id, run.run_id)
        asset = deps.library.asset(asset.tenant, asset.asset_id)
        if receipt := _known(deps, asset, upload):
            return receipt
    raise TransientError("other writers kept changing the asset")


def _refuse(deps: IngestDeps, asset: Asset, upload: Upload, refusal: MediaRefused) -> Receipt:
    if asset.state is AssetState.STORED:
        # What is stored and readable is not lost by what arrives at its place later.
        return Receipt(Ingested.KNOWN, asset.tenant, asset.asset_id)
    refused = asset.changed(
        state=AssetState.REFUSED,
        version_id=upload.version_id,
        reason_code=refusal.code,
        reason=refusal.reason,
    )
    # Another upload to the same key may have been ingested while this one was looked at.
    if deps.library.compare_and_set(refused) is None:
        return Receipt(Ingested.KNOWN, asset.tenant, asset.asset_id)
    return Receipt(Ingested.REFUSED, asset.tenant, asset.asset_id, reason_code=refusal.code)
