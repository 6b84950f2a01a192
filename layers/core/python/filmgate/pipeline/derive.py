"""Derive the artifacts that planned engines need, once for each content and version."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from filmgate.dedupe import versions
from filmgate.dedupe.engine import FINGERPRINT as FINGERPRINT_ARTIFACT
from filmgate.dedupe.fingerprint.codec import DamagedFingerprintError, dumps, loads
from filmgate.dedupe.fingerprint.embeddings import with_embeddings
from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.engines import registry
from filmgate.engines.embedding.port import EmbeddingEngine
from filmgate.errors import FilmgateError, MediaRefused, NotFound
from filmgate.library.jobs import Progress
from filmgate.library.model import CHANGED, GONE, Asset, DataKind
from filmgate.library.ports import AssetRuns, ObjectStore
from filmgate.library.results import ResultState
from filmgate.media.limits import Limits
from filmgate.media.model import MediaInfo
from filmgate.media.shared_names import SHARED_NAMES
from filmgate.pipeline.artifacts import (
    FINGERPRINT,
    NEEDS,
    PDQ,
    TILES,
    TILES_INDEX,
    fingerprint_address,
    shared_address,
)
from filmgate.pipeline.runs import Ending, end_running
from filmgate.pipeline.state import GONE_REASON, Derived, Outcome, RunState
from filmgate.sandbox.port import MediaReader, Reading
from filmgate.sandbox.scratch import scratch

Artifacts = dict[str, str]
"""Keys in the artifacts bucket by name."""


@dataclass(frozen=True, slots=True)
class DeriveDeps:
    """Dependencies of `derive`."""

    library: AssetRuns
    objects: ObjectStore
    limits: Limits
    reader: MediaReader
    embedder: EmbeddingEngine | None = None


def derive(deps: DeriveDeps, state: RunState) -> Derived:
    """Derive the artifacts of a run, or find those of the same content.

    Content that cannot be decoded ends all jobs of the run as refused.

    Raises:
        FilmgateError: an engine is unknown, or needs an unknown artifact.
        NotFound: the asset does not exist.
        TransientError: storage did not answer.
    """
    asset = deps.library.asset(state.tenant, state.asset_id)
    for job in state.work:
        deps.library.report_progress(state.tenant, job.job_id, Progress(step="derive", share=0.0))
    needs = {job.job_id: registry.spec_of(job.engine).needs for job in state.work}
    try:
        keys = _artifacts(deps, asset, _names(needs.values()))
    except MediaRefused as refusal:
        ending = Ending(ResultState.REFUSED, refusal.code, refusal.reason)
        end_running(deps.library, state.work, ending)
        return Derived(
            **state.model_dump(exclude={"work"}),
            work=(),
            outcome=Outcome.REFUSED,
            reason_code=refusal.code,
        )
    work = tuple(
        job.model_copy(update={"artifacts": _merged(keys[name] for name in needs[job.job_id])})
        for job in state.work
    )
    return Derived(**state.model_dump(exclude={"work"}), work=work, outcome=Outcome.OK)


def _names(needs: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Return each name once, in order of its first occurrence."""
    return tuple(dict.fromkeys(name for names in needs for name in names))


def _merged(parts: Iterable[Artifacts]) -> Artifacts:
    return {name: key for part in parts for name, key in part.items()}


def _artifacts(deps: DeriveDeps, asset: Asset, names: tuple[str, ...]) -> dict[str, Artifacts]:
    """Make sure that these artifacts are stored, and return their keys. Raises MediaRefused."""
    if unknown := [name for name in names if name not in NEEDS]:
        raise FilmgateError(f"nothing derives {unknown[0]}")
    fingerprint = _stored_fingerprint(deps, asset) if FINGERPRINT_ARTIFACT in names else None
    missing = tuple(
        name
        for name in names
        if (
            fingerprint is None
            if name == FINGERPRINT_ARTIFACT
            else not _is_stored(deps, asset, name)
        )
    )
    if missing:
        fingerprint = _derive(deps, asset, missing) or fingerprint
    return {name: _keys(deps, asset, name, fingerprint) for name in names}


def _keys(deps: DeriveDeps, asset: Asset, name: str, fingerprint: Fingerprint | None) -> Artifacts:
    """Return the keys of an artifact and of the files that are stored with it."""
    if name != FINGERPRINT_ARTIFACT:
        return {name: shared_address(asset.tenant, str(asset.sha256), name)}
    keys = {FINGERPRINT_ARTIFACT: _address(asset, FINGERPRINT), PDQ: _address(asset, PDQ)}
    if fingerprint is None or fingerprint.frames is None:
        return keys
    if not asset.bytes_gone or not _lacks_tiles(deps, asset, fingerprint):
        keys |= {part: _address(asset, part) for part in (TILES, TILES_INDEX)}
    return keys


def _is_stored(deps: DeriveDeps, asset: Asset, name: str) -> bool:
    """Return whether a shared artifact is stored. It is one object, so it is always complete."""
    return deps.objects.exists("artifacts", shared_address(asset.tenant, str(asset.sha256), name))


def _stored_fingerprint(deps: DeriveDeps, asset: Asset) -> Fingerprint | None:
    """Return the stored fingerprint, unless it is damaged or incomplete."""
    try:
        stored = loads(deps.objects.get("artifacts", _address(asset, FINGERPRINT)))
    except (NotFound, DamagedFingerprintError):
        return None
    if asset.bytes_gone:
        return stored
    lacks = _lacks_embeddings(stored, deps.embedder) or _lacks_tiles(deps, asset, stored)
    return None if lacks else stored


def _lacks_tiles(deps: DeriveDeps, asset: Asset, stored: Fingerprint) -> bool:
    """Return whether the retention policy removed the pictures but not the fingerprint."""
    tiles = _address(asset, TILES)
    return stored.frames is not None and not deps.objects.exists("artifacts", tiles)


def _lacks_embeddings(stored: Fingerprint, embedder: EmbeddingEngine | None) -> bool:
    """Return whether embeddings of this engine are missing.

    Everything else in the fingerprint would stay the same, so its object is replaced.
    """
    if embedder is None or stored.frames is None or not len(stored.frames.worth_matching()):
        return False
    return stored.embeddings is None or stored.embeddings.engine != embedder.name


def _derive(deps: DeriveDeps, asset: Asset, names: tuple[str, ...]) -> Fingerprint | None:
    """Derive these artifacts from the uploaded file in one pass, and store each of them.

    After a crash, the stored artifacts need not be derived again. The fingerprint is stored after
    the files that belong to it: if it exists, they exist too. It is returned if it is among the
    artifacts.
    """
    if asset.info is None or asset.sha256 is None:
        raise FilmgateError("the file of this asset was never read")
    if asset.bytes_gone:
        raise MediaRefused(
            GONE,
            f"The file was removed on {asset.removed[DataKind.RAW]:%Y-%m-%d} by the retention "
            "policy. Upload it again to run this.",
        )
    reading = _read(deps, asset, asset.sha256, asset.info, names)
    for name, body in reading.shared.items():
        key = shared_address(asset.tenant, asset.sha256, name)
        deps.objects.put("artifacts", key, body, SHARED_NAMES[name].content_type)
    fingerprint = reading.fingerprint
    if fingerprint is None:
        return None
    if deps.embedder is not None:
        # The model runs here and not in the sandbox, because it works on arrays.
        fingerprint = with_embeddings(fingerprint, deps.embedder, reading.pictures)
    if reading.tiles is not None:
        index = reading.tiles.index.model_dump_json().encode()
        _put(deps, asset, TILES, reading.tiles.jpeg, "image/jpeg")
        _put(deps, asset, TILES_INDEX, index, "application/json")
    _put(deps, asset, PDQ, _pdq_export(fingerprint), "application/json")
    _put(deps, asset, FINGERPRINT, dumps(fingerprint), "application/octet-stream")
    return fingerprint


def _read(
    deps: DeriveDeps, asset: Asset, sha256: str, info: MediaInfo, names: tuple[str, ...]
) -> Reading:
    """Download and decode the file. Raises MediaRefused, TransientError."""
    with scratch() as folder:
        path = folder / "file"
        try:
            digest = deps.objects.download("raw", asset.key, path, version_id=asset.version_id)
        except NotFound as error:
            raise MediaRefused(GONE, GONE_REASON) from error
        if digest != sha256:
            raise MediaRefused(CHANGED, "The file changed while it was read. Upload it again.")
        return deps.reader.read(
            path,
            sha256,
            info,
            deps.limits,
            pictures=deps.embedder is not None,
            artifacts=names,
        )


def _pdq_export(fingerprint: Fingerprint) -> bytes:
    """Export PDQ hashes as JSON: time in seconds, 64 hex digits, quality 0 to 100."""
    frames = [
        {"time_s": round(time_s, 3), "pdq": digits, "quality": quality}
        for time_s, digits, quality in fingerprint.pdq
    ]
    export = {"sha256": fingerprint.sha256, "engine": fingerprint.engine, "frames": frames}
    return json.dumps(export).encode()


def _put(deps: DeriveDeps, asset: Asset, name: str, body: bytes, content_type: str) -> None:
    deps.objects.put("artifacts", _address(asset, name), body, content_type)


def _address(asset: Asset, name: str) -> str:
    return fingerprint_address(asset.tenant, str(asset.sha256), versions.FINGERPRINT, name)
