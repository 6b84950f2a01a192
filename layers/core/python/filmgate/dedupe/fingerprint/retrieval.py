"""From a fingerprint to its index entry and its index query.

The index only has to bring up every asset worth a full comparison, so an entry is thinned: one
frame a second, and none that repeats the one before it. A query is denser, so that some frame of a
trimmed copy lies close to an indexed one. `landmarks` does the same for sound.
"""

from __future__ import annotations

import numpy as np

from filmgate.arrays import F16, I8, I32, I64, U8
from filmgate.dedupe.fingerprint import dct, keypoint_descriptors
from filmgate.dedupe.fingerprint.landmarks import index_landmarks, query_landmarks
from filmgate.dedupe.fingerprint.model import AudioTrack, Fingerprint, FrameTrack, Keypoints
from filmgate.dedupe.index.port import (
    AudioQuery,
    IndexEntry,
    IndexQuery,
    KeypointCodes,
    KeypointQuery,
    Vectors,
)
from filmgate.engines.embedding.track import EmbeddingTrack
from filmgate.media.model import MediaKind

_INDEX_GAP_S = 1.0
"""Seconds between the frames of an entry."""
_MAX_QUERY_FRAMES = 240
"""Frames of a query of up to four minutes; a longer one has a frame a second."""
_MIN_QUERY_GAP_S = 0.25
"""Seconds between the frames of a query, at least."""
_REPEAT_BITS = 16
"""A frame that differs from the one before it by fewer bits, of 256, is left out."""
_MAX_FRAMES = 4000
"""Frames of an entry or a query; of very long videos they lie farther apart."""
_INDEX_KEYPOINTS = 120
"""Keypoints of an image in the index,"""
_INDEX_VIDEO_KEYPOINTS = 240
"""and of a video."""
_NO_AUDIO = AudioTrack(
    np.zeros(0, np.int32), np.zeros(0, np.uint16), np.zeros(0, np.uint8), silent=True
)


def index_entry(asset_id: str, fingerprint: Fingerprint) -> IndexEntry:
    """What this asset is found by."""
    rows = _distinct_rows(fingerprint.frames, _INDEX_GAP_S)
    landmarks = index_landmarks(fingerprint.audio or _NO_AUDIO)
    descriptors, positions = _indexed_keypoints(fingerprint)
    return IndexEntry(
        asset_id=asset_id,
        sha256=fingerprint.sha256,
        frames=_hashes(fingerprint.frames, rows),
        crops=_crops(fingerprint.frames, rows),
        landmarks=landmarks.hashes,
        landmark_times=landmarks.times,
        vectors=_vectors(fingerprint.embeddings),
        points=KeypointCodes(keypoint_descriptors.binary_codes(descriptors), positions),
    )


def index_query(asset_id: str, fingerprint: Fingerprint) -> IndexQuery:
    """What this asset searches with: all eight orientations of its frames, so that mirrored and
    rotated copies need no space in the index."""
    duration_s = fingerprint.info.duration_s
    gap_s = min(_INDEX_GAP_S, max(_MIN_QUERY_GAP_S, duration_s / _MAX_QUERY_FRAMES))
    rows = _distinct_rows(fingerprint.frames, gap_s)
    track = fingerprint.audio or _NO_AUDIO
    own, played = index_landmarks(track), query_landmarks(track)
    embeddings = fingerprint.embeddings
    oriented = [
        _hashes(fingerprint.frames, rows, mirror, turn) for mirror, turn in dct.ORIENTATIONS
    ]
    return IndexQuery(
        asset_id=asset_id,
        sha256=fingerprint.sha256,
        frames=np.stack(oriented),
        crops=_crops(fingerprint.frames, rows),
        landmarks=own.hashes,
        landmark_times=own.times,
        audio=AudioQuery(played.hashes, played.times, played.variants),
        vectors=_vectors(embeddings),
        vector_floor=embeddings.scale.candidate if embeddings else 1.0,
        points=tuple(_keypoint_query(fingerprint, mirror) for mirror in (False, True)),
    )


def _vectors(track: EmbeddingTrack | None) -> Vectors | None:
    return None if track is None else Vectors(track.engine, track.vectors, track.bias)


def _keypoint_query(fingerprint: Fingerprint, mirror: bool) -> KeypointQuery:
    """The keypoints of the picture, or of its mirror image."""
    descriptors, positions = _indexed_keypoints(fingerprint)
    descriptors = dct.orient(descriptors, mirror, 0)
    # Only distances between positions count, so mirroring does not need the width.
    positions = positions * np.array([-1 if mirror else 1, 1, 1], dtype=np.float16)
    return KeypointQuery(
        keypoint_descriptors.binary_codes(descriptors),
        positions,
        keypoint_descriptors.margins(descriptors),
    )


def _indexed_keypoints(fingerprint: Fingerprint) -> tuple[I8, F16]:
    """Descriptors and positions of the most distinctive keypoints."""
    points = fingerprint.keypoints or Keypoints.empty(1.0)
    is_image = fingerprint.info.kind is MediaKind.IMAGE
    count = _INDEX_KEYPOINTS if is_image else _INDEX_VIDEO_KEYPOINTS
    return points.descriptors[:count], points.positions[:count].astype(np.float16)


def _distinct_rows(track: FrameTrack | None, gap_s: float) -> list[int]:
    """Frames that are good enough, apart in time, and unlike the one chosen before."""
    if track is None:
        return []
    hashes = dct.bits(track.coefficients)
    gap_s = max(gap_s, float(track.times_s[-1]) / _MAX_FRAMES)
    chosen: list[int] = []
    for row in track.worth_matching():
        if chosen:
            if track.times_s[row] - track.times_s[chosen[-1]] < gap_s - 1e-3:
                continue
            if int(np.bitwise_count(hashes[row] ^ hashes[chosen[-1]]).sum()) < _REPEAT_BITS:
                continue
        chosen.append(int(row))
    return chosen


def _hashes(track: FrameTrack | None, rows: list[int], mirror: bool = False, turn: int = 0) -> U8:
    """Hashes of some frames in one orientation: uint8 (n, 32)."""
    if track is None:
        return np.zeros((0, 32), dtype=np.uint8)
    return dct.bits(dct.orient(track.coefficients[rows], mirror, turn))


def _crops(track: FrameTrack | None, rows: list[int]) -> U8:
    """Crop hashes of the first frame that has any in each interval between chosen frames."""
    if track is None or not rows:
        return np.zeros((0, 32), dtype=np.uint8)
    interval = np.searchsorted(np.array(rows), track.crop_frames, side="right")
    _, first = np.unique(
        np.stack([interval, _rank_in_frame(track.crop_frames)]), axis=1, return_index=True
    )
    return track.crops[np.sort(first)]


def _rank_in_frame(crop_frames: I32) -> I64:
    """For each crop, how many crops of the same frame stand before it."""
    order = np.argsort(crop_frames, kind="stable")
    ordered = crop_frames[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    rank = np.arange(len(ordered)) - np.repeat(starts, np.diff(np.r_[starts, len(ordered)]))
    out = np.empty(len(ordered), dtype=np.int64)
    out[order] = rank
    return out
