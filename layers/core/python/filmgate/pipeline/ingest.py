"""A file has landed: refuse it, with the reason, or start its run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from filmgate.engines import registry
from filmgate.errors import MediaRefused, NotFound, TransientError
from filmgate.library.model import (
    CHECKSUM_MISMATCH,
    GONE,
    AnalyzedAsset,
    Asset,
    AssetState,
    AssetStatus,
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
    """What became of an upload."""

    STARTED = "started"
    REFUSED = "refused"
    KNOWN = "known"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to an upload; only STARTED has a run, IGNORED has no asset."""

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
    """Look at an upload and start its run, once for each version of the object.

    May be called again with the same upload, also at the same time: one run begins, and one that
    began without its workflow gets it. Keys outside of ``raw/{tenant}/`` are ignored.

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
    """The answer where there is nothing to look at; a run of this version that was begun is
    started (again), for the worker that began it may have died before it could."""
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
    # A new version gives an asset that was refused or failed another chance.
    results = tuple(deps.library.results(asset.tenant, asset.asset_id))
    status = AnalyzedAsset(asset=asset, results=results).status
    if same or status in {AssetStatus.DONE, AssetStatus.PROCESSING}:
        return Receipt(Ingested.KNOWN, asset.tenant, asset.asset_id)
    return None


def _inspected(deps: IngestDeps, asset: Asset, upload: Upload) -> dict[str, Any]:
    """Fields of the asset, read from the file. Raises MediaRefused, NotFound."""
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
    if not registry.planned(info.kind):
        raise MediaRefused("not_supported", f"Nothing here works on {info.kind.value} files.")
    return {
        "state": AssetState.STORED,
        "version_id": upload.version_id,
        "size_bytes": size,
        "sha256": sha256,
        "info": info,
        "reason_code": None,
        "reason": None,
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
    raise TransientError("the asset was changed by others again and again")


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
