"""What of a fingerprint goes into the index, and what is asked of it.

The index only has to bring up every asset worth a full comparison, so what is kept is thinned:
one frame a second, and none that repeats the one before it. What is asked is denser, so that
some frame of a trimmed copy falls close to a kept one. `landmarks` does the same for sound.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint import dct, keypoint_descriptors
from filmgate.dedupe.fingerprint.landmarks import asked, kept
from filmgate.dedupe.fingerprint.model import AudioTrack, Fingerprint, FrameTrack, Keypoints
from filmgate.dedupe.index.port import (
    IndexEntry,
    IndexQuery,
    Points,
    SoughtPoints,
    SoughtSound,
    Vectors,
)
from filmgate.engines.embedding.track import EmbeddingTrack
from filmgate.media.model import MediaKind

_KEPT_GAP_S = 1.0
_MOST_ASKED = 240
_LEAST_GAP_S = 0.25
_REPEAT_BITS = 16
_MAX_FRAMES = 4000
_KEPT_POINTS = 120
_KEPT_POINTS_OF_FILM = 240
_NO_SOUND = AudioTrack(
    np.zeros(0, np.int32), np.zeros(0, np.uint16), np.zeros(0, np.uint8), silent=True
)


def index_entry(asset_id: str, fingerprint: Fingerprint) -> IndexEntry:
    """What this asset is found by."""
    rows = _rows(fingerprint.frames, _KEPT_GAP_S)
    sound = kept(fingerprint.audio or _NO_SOUND)
    return IndexEntry(
        asset_id=asset_id,
        sha256=fingerprint.sha256,
        frames=_bits(fingerprint.frames, rows),
        crops=_crops(fingerprint.frames, rows),
        landmarks=sound.hashes,
        landmark_times=sound.times,
        vectors=_vectors(fingerprint.embeddings),
        points=_points(fingerprint),
    )


def index_query(asset_id: str, fingerprint: Fingerprint) -> IndexQuery:
    """What this asset searches with: all its orientations, so mirrors and turns cost the index
    nothing."""
    seconds = fingerprint.info.duration_s
    gap = min(_KEPT_GAP_S, max(_LEAST_GAP_S, seconds / _MOST_ASKED))
    rows = _rows(fingerprint.frames, gap)
    track = fingerprint.audio or _NO_SOUND
    own, sought = kept(track), asked(track)
    embeddings = fingerprint.embeddings
    variants = [_bits(fingerprint.frames, rows, mirror, turn) for mirror, turn in dct.ORIENTATIONS]
    return IndexQuery(
        asset_id=asset_id,
        sha256=fingerprint.sha256,
        frames=np.stack(variants),
        crops=_crops(fingerprint.frames, rows),
        landmarks=own.hashes,
        landmark_times=own.times,
        sought=SoughtSound(sought.hashes, sought.times, sought.playings),
        vectors=_vectors(embeddings),
        vector_floor=embeddings.scale.candidate if embeddings else 1.0,
        points=tuple(_sought(fingerprint, mirror) for mirror in (False, True)),
    )


def _vectors(track: EmbeddingTrack | None) -> Vectors | None:
    return None if track is None else Vectors(track.engine, track.vectors, track.bias)


def _points(fingerprint: Fingerprint) -> Points:
    rows, places = _most_telling(fingerprint)
    return Points(keypoint_descriptors.bits(rows), places)


def _sought(fingerprint: Fingerprint, mirror: bool) -> SoughtPoints:
    """The keypoints of the picture, or of its mirror image."""
    rows, places = _most_telling(fingerprint)
    rows = dct.orient(rows, mirror, 0)
    # Only distances between places count, so a mirror needs no width.
    places = places * np.array([-1 if mirror else 1, 1, 1], dtype=np.float16)
    return SoughtPoints(keypoint_descriptors.bits(rows), places, keypoint_descriptors.margins(rows))


def _most_telling(fingerprint: Fingerprint) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """Patches and places of keypoints."""
    found = fingerprint.keypoints or Keypoints.none(1.0)
    image = fingerprint.info.kind is MediaKind.IMAGE
    most = _KEPT_POINTS if image else _KEPT_POINTS_OF_FILM
    return found.patches[:most], found.places[:most].astype(np.float16)


def _rows(track: FrameTrack | None, gap_s: float) -> list[int]:
    """Frames that are good enough, apart in time, and unlike the one kept before."""
    if track is None:
        return []
    hashes = dct.bits(track.coefficients)
    gap = max(gap_s, float(track.times_s[-1]) / _MAX_FRAMES)
    kept: list[int] = []
    for row in track.worth_matching():
        if kept:
            if track.times_s[row] - track.times_s[kept[-1]] < gap - 1e-3:
                continue
            if int(np.bitwise_count(hashes[row] ^ hashes[kept[-1]]).sum()) < _REPEAT_BITS:
                continue
        kept.append(int(row))
    return kept


def _bits(
    track: FrameTrack | None, rows: list[int], mirror: bool = False, turn: int = 0
) -> NDArray[np.uint8]:
    if track is None:
        return np.zeros((0, 32), dtype=np.uint8)
    return dct.bits(dct.orient(track.coefficients[rows], mirror, turn))


def _crops(track: FrameTrack | None, rows: list[int]) -> NDArray[np.uint8]:
    """Crop hashes of frames near the kept ones: those whose frame starts a kept stretch."""
    if track is None or not rows:
        return np.zeros((0, 32), dtype=np.uint8)
    stretch = np.searchsorted(np.array(rows), track.crop_frames, side="right")
    _, first = np.unique(
        np.stack([stretch, _order_within(track.crop_frames)]), axis=1, return_index=True
    )
    return track.crops[np.sort(first)]


def _order_within(crop_frames: NDArray[np.int32]) -> NDArray[np.int64]:
    """Which of its frame's crops each crop is."""
    order = np.argsort(crop_frames, kind="stable")
    ordered = crop_frames[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    rank = np.arange(len(ordered)) - np.repeat(starts, np.diff(np.r_[starts, len(ordered)]))
    out = np.empty(len(ordered), dtype=np.int64)
    out[order] = rank
    return out
