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

_FORMAT = 4
_AUDIO = ("times_ms", "frequencies_hz", "levels_db")
_EMBEDDINGS = ("times_s", "vectors", "bias")
_DAMAGE = (
    # Of the archive, its compression and the headers of its arrays.
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    SyntaxError,
    # Of what it holds.
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


class DamagedFingerprintError(FilmgateError):
    """The bytes are not a fingerprint this version can read."""


def dumps(fingerprint: Fingerprint) -> bytes:
    """Serialise; the same fingerprint always gives the same bytes."""
    head: dict[str, Any] = {
        "format": _FORMAT,
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
        for name in FrameTrack.__slots__:
            arrays[f"frames_{name}"] = getattr(fingerprint.frames, name)
    if fingerprint.keypoints is not None:
        arrays["keypoints_places"] = fingerprint.keypoints.places
        arrays["keypoints_patches"] = fingerprint.keypoints.patches
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
        DamagedFingerprintError: not bytes that `dumps` made.
    """
    try:
        arrays = archive.read(data)
        body = arrays.pop("head").tobytes()
        head = json.loads(body)
        if head["format"] != _FORMAT:
            raise DamagedFingerprintError(f"fingerprint format {head['format']} is not {_FORMAT}")
        archive.check_head(body)
        archive.check_arrays(arrays)
        return _assemble(head, arrays)
    except _DAMAGE as error:
        raise DamagedFingerprintError(f"not a fingerprint: {error}") from error


def _assemble(head: dict[str, Any], arrays: dict[str, np.ndarray[Any, Any]]) -> Fingerprint:
    frames = None
    if "frames_times_s" in arrays:
        frames = FrameTrack(**{name: arrays[f"frames_{name}"] for name in FrameTrack.__slots__})
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
