"""Fingerprints as bytes: a NumPy archive without pickles."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from dataclasses import asdict
from typing import Any

import numpy as np

from filmgate.dedupe.fingerprint import archive
from filmgate.dedupe.fingerprint.model import AudioTrack, Fingerprint, FrameTrack, Keypoints
from filmgate.engines.embedding.track import EmbeddingTrack, Scale
from filmgate.errors import FilmgateError
from filmgate.media.model import MediaInfo

FORMAT = 4
"""Raised only when an older reader could not read the result. Arrays may be added without that: a
reader leaves unknown ones out, and must have a default for those an older writer did not write."""
_OLDEST_FORMAT = 4
"""The oldest format that is still read."""
_FRAMES = {
    "times_s": "frames_times_s",
    "coefficients": "frames_coefficients",
    "chroma": "frames_chroma",
    "quality": "frames_quality",
    "motion_region": "frames_stirring",
    "bars": "frames_bars",
    "crops": "frames_crops",
    "crop_frames": "frames_crop_frames",
}
"""The arrays of a `FrameTrack` and the names they are stored under. Stored names never change."""
_AUDIO = ("times_ms", "frequencies_hz", "levels_db")
_EMBEDDINGS = ("times_s", "vectors", "bias")
_DAMAGE = (
    # Raised for the archive, its compression and the headers of its arrays,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    SyntaxError,
    # and for its contents.
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


class DamagedFingerprintError(FilmgateError):
    """The bytes are not a fingerprint that this version can read."""


def dumps(fingerprint: Fingerprint) -> bytes:
    """Serialise; the same fingerprint always gives the same bytes."""
    head: dict[str, Any] = {
        "format": FORMAT,
        "engine": fingerprint.engine,
        "sha256": fingerprint.sha256,
        "info": fingerprint.info.model_dump(mode="json"),
        "pdq": fingerprint.pdq,
        "notes": fingerprint.notes,
        "audio": fingerprint.audio and {"silent": fingerprint.audio.silent},
        "keypoints": fingerprint.keypoints and {"aspect": fingerprint.keypoints.aspect},
    }
    track = fingerprint.embeddings
    if track is not None:
        head["embeddings"] = {"engine": track.engine, "scale": asdict(track.scale)}
    arrays: dict[str, np.ndarray[Any, Any]] = {
        "head": np.frombuffer(json.dumps(head, sort_keys=True).encode(), dtype=np.uint8)
    }
    if fingerprint.frames is not None:
        for name, stored in _FRAMES.items():
            arrays[stored] = getattr(fingerprint.frames, name)
    if fingerprint.keypoints is not None:
        arrays["keypoints_places"] = fingerprint.keypoints.positions
        arrays["keypoints_patches"] = fingerprint.keypoints.descriptors
    if fingerprint.audio is not None:
        arrays |= {f"audio_{name}": getattr(fingerprint.audio, name) for name in _AUDIO}
    if track is not None:
        arrays |= {f"embeddings_{name}": getattr(track, name) for name in _EMBEDDINGS}
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **arrays)
    return out.getvalue()


def loads(data: bytes) -> Fingerprint:
    """The inverse of `dumps`, of bytes that anybody may have made.

    Raises:
        DamagedFingerprintError: the bytes are damaged or of a format this version cannot read.
    """
    try:
        arrays = archive.read(data)
        body = arrays.pop("head").tobytes()
        head = json.loads(body)
        _check_format(head["format"])
        archive.check_head(body)
        archive.check_arrays(arrays)
        return _assemble(head, arrays)
    except _DAMAGE as error:
        raise DamagedFingerprintError(f"not a fingerprint: {error}") from error


def _check_format(found: int) -> None:
    if found > FORMAT:
        raise DamagedFingerprintError(
            f"this fingerprint has format {found}, and this version of Filmgate reads up to"
            f" {FORMAT}: deploy the version that wrote it, or a later one"
        )
    if found < _OLDEST_FORMAT:
        raise DamagedFingerprintError(
            f"this fingerprint has format {found}, which is no longer read: process the file again"
        )


def _assemble(head: dict[str, Any], arrays: dict[str, np.ndarray[Any, Any]]) -> Fingerprint:
    frames = None
    if "frames_times_s" in arrays:
        frames = FrameTrack(**{name: arrays[stored] for name, stored in _FRAMES.items()})
    audio = None
    if head["audio"]:
        audio = AudioTrack(
            arrays["audio_times_ms"],
            arrays["audio_frequencies_hz"],
            arrays["audio_levels_db"],
            **head["audio"],
        )
    keypoints = None
    if head["keypoints"]:
        keypoints = Keypoints(
            arrays["keypoints_places"], arrays["keypoints_patches"], **head["keypoints"]
        )
    return Fingerprint(
        engine=head["engine"],
        sha256=head["sha256"],
        info=MediaInfo.model_validate(head["info"]),
        frames=frames,
        audio=audio,
        pdq=tuple((time_s, digits, quality) for time_s, digits, quality in head["pdq"]),
        notes=tuple(head["notes"]),
        embeddings=_embeddings(head.get("embeddings"), arrays),
        keypoints=keypoints,
    )


def _embeddings(
    head: dict[str, Any] | None, arrays: dict[str, np.ndarray[Any, Any]]
) -> EmbeddingTrack | None:
    if head is None:
        return None
    parts = {name: arrays[f"embeddings_{name}"] for name in _EMBEDDINGS}
    return EmbeddingTrack(head["engine"], scale=Scale(**head["scale"]), **parts)
