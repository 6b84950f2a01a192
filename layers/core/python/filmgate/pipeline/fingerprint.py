"""Make what a file is compared by, once for each content and engine."""

from __future__ import annotations

import json
from dataclasses import dataclass

from filmgate.dedupe.fingerprint import engine
from filmgate.dedupe.fingerprint.codec import DamagedFingerprintError, dumps, loads
from filmgate.dedupe.fingerprint.embeddings import with_embeddings
from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.engines.embedding.port import EmbeddingEngine
from filmgate.errors import FilmgateError, MediaRefused, NotFound
from filmgate.library.model import GONE, Asset
from filmgate.library.ports import Assets, ObjectStore
from filmgate.media.limits import Limits
from filmgate.media.model import MediaInfo
from filmgate.pipeline.artifacts import FINGERPRINT, PDQ, TILES, TILES_INDEX, fingerprint_address
from filmgate.pipeline.state import GONE_REASON, Fingerprinted, JobState, Outcome
from filmgate.sandbox.port import MediaReader, Reading
from filmgate.sandbox.scratch import scratch


@dataclass(frozen=True, slots=True)
class FingerprintDeps:
    """What fingerprinting stands on."""

    library: Assets
    objects: ObjectStore
    limits: Limits
    reader: MediaReader
    embedder: EmbeddingEngine | None = None


def fingerprint(deps: FingerprintDeps, state: JobState) -> Fingerprinted:
    """Decode the asset's file, or find what was made of the same content before.

    The fingerprint is written last, so where it is, all the rest is. Content that cannot be
    decoded is refused in the result.

    Raises:
        NotFound: the asset is gone.
        TransientError: storage did not answer, or memory or disk did not suffice.
    """
    asset = deps.library.asset(state.tenant, state.asset_id)
    try:
        made = _made(deps, asset)
    except MediaRefused as refusal:
        return Fingerprinted(
            **state.job(),
            outcome=Outcome.REFUSED,
            reason_code=refusal.code,
            reason=refusal.reason,
        )
    tiles_key = None if made.frames is None else _address(asset, TILES)
    read = asset.changed(
        fingerprint_key=_address(asset, FINGERPRINT),
        tiles_key=tiles_key,
        engine=made.engine,
        notes=made.notes,
    )
    # The job may have been ended, or run again, in the minutes that decoding takes.
    deps.library.replace(asset, read)
    return Fingerprinted(
        **state.job(),
        outcome=Outcome.OK,
        fingerprint_key=_address(asset, FINGERPRINT),
        tiles_key=tiles_key,
    )


def _made(deps: FingerprintDeps, asset: Asset) -> Fingerprint:
    try:
        known = loads(deps.objects.get("artifacts", _address(asset, FINGERPRINT)))
    except (NotFound, DamagedFingerprintError):
        return _make(deps, asset)
    return _make(deps, asset) if _lacks(known, deps.embedder) else known


def _lacks(known: Fingerprint, embedder: EmbeddingEngine | None) -> bool:
    """Whether it could have embeddings of this engine, and has not. All else would be the same
    again, so it is made anew in its place."""
    if embedder is None or known.frames is None or not len(known.frames.worth_matching()):
        return False
    return known.embeddings is None or known.embeddings.engine != embedder.name


def _make(deps: FingerprintDeps, asset: Asset) -> Fingerprint:
    if asset.info is None or asset.sha256 is None:
        raise FilmgateError("this asset was never read")
    reading = _read(deps, asset, asset.sha256, asset.info)
    made = reading.fingerprint
    if deps.embedder is not None:
        # The process that decodes has no model, and a model no use for a sandbox: it sees arrays.
        made = with_embeddings(made, deps.embedder, reading.pictures)
    if reading.tiles is not None:
        index = reading.tiles.index.model_dump_json().encode()
        _put(deps, asset, TILES, reading.tiles.jpeg, "image/jpeg")
        _put(deps, asset, TILES_INDEX, index, "application/json")
    _put(deps, asset, PDQ, _pdq_export(made), "application/json")
    _put(deps, asset, FINGERPRINT, dumps(made), "application/octet-stream")
    return made


def _read(deps: FingerprintDeps, asset: Asset, sha256: str, info: MediaInfo) -> Reading:
    with scratch() as folder:
        path = folder / "file"
        try:
            found = deps.objects.download("raw", asset.key, path, version_id=asset.version_id)
        except NotFound as error:
            raise MediaRefused(GONE, GONE_REASON) from error
        if found != sha256:
            raise MediaRefused("changed", "The file changed while it was read. Upload it again.")
        wanted = deps.embedder is not None
        return deps.reader.read(path, sha256, info, deps.limits, pictures=wanted)


def _pdq_export(made: Fingerprint) -> bytes:
    """PDQ hashes for those who exchange them: time in seconds, 64 hex digits, quality 0..100."""
    frames = [
        {"time_s": round(time_s, 3), "pdq": digits, "quality": quality}
        for time_s, digits, quality in made.pdq
    ]
    return json.dumps({"sha256": made.sha256, "engine": made.engine, "frames": frames}).encode()


def _put(deps: FingerprintDeps, asset: Asset, name: str, body: bytes, content_type: str) -> None:
    deps.objects.put("artifacts", _address(asset, name), body, content_type)


def _address(asset: Asset, name: str) -> str:
    return fingerprint_address(asset.tenant, str(asset.sha256), engine.ENGINE, name)
