"""Segment-wise registration of videos whose framing changes between scenes.

Most copies are cropped or embedded in another picture as a whole. Where only some scenes have
black bars, no single registration fits the whole video. Once the temporal alignment is known, each
part of the common time can be registered separately.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from filmgate.arrays import F32, I64
from filmgate.dedupe.matching.frame_features import MatchableFrames
from filmgate.dedupe.matching.motion_correlation import MotionCorrelation
from filmgate.dedupe.matching.spatial_alignment import register_frames
from filmgate.dedupe.matching.temporal_alignment import AlignedSegment, TimeMapping
from filmgate.dedupe.matching.transform import (
    Registration,
    apply_transform,
    shared_band,
    unit_vectors,
)

# Constants without another source are hand-set on the tuning half of the matching benchmark.

_PART_S = 2.0
"""Seconds that are registered together: shorter than most scenes, long enough for motion."""
_MAX_PARTS = 60
"""Longer videos have longer parts: each part costs a registration, about 30 ms (measured)."""
_MIN_SIMILARITY = 0.75
"""Least median similarity of an accepted part."""
_MIN_MOTION_CORRELATION = 0.75
"""Least motion correlation of it: a little more than for whole videos with much motion."""
_MIN_MOTION = 0.1
"""With a smaller share of motion there is nothing to correlate,"""
_STATIC_SIMILARITY = 0.93
"""and the frames must have this similarity instead."""
_MIN_FRAMES = 6
"""Fewer frames do not determine a registration."""
_MIN_ACCEPTED_SHARE = 0.6
"""Share of the common frames that accepted parts must cover."""

RegisteredSegment = tuple[AlignedSegment, Registration]


def register_segments(
    a: MatchableFrames, b: MatchableFrames, mapping: TimeMapping
) -> list[RegisteredSegment]:
    """Return the parts of the common time in which both sides show the same.

    Parts with hardly any motion need only be similar. The result is empty where the accepted parts
    cover too little of the common time, or where in none of them the motion tells a copy from
    another video of the same place.

    Args:
        mapping: the temporal alignment of the two videos.
    """
    rows, columns = _simultaneous_frames(a.times, b.times, mapping)
    if len(rows) < _MIN_FRAMES:
        return []
    count = round(float(np.ptp(a.times[rows])) / _PART_S)
    count = max(1, min(count, len(rows) // _MIN_FRAMES, _MAX_PARTS))
    accepted: list[RegisteredSegment] = []
    any_discriminative = False
    for part in np.array_split(np.arange(len(rows)), count):
        segment, registration = _registered_part(a, b, mapping, rows[part], columns[part])
        motion = MotionCorrelation.measure(a, b, segment, registration)
        similarity = float(np.median(segment.similarity))
        correlated = motion.correlation >= _MIN_MOTION_CORRELATION and not motion.is_static
        static = motion.motion < _MIN_MOTION and similarity >= _STATIC_SIMILARITY
        if similarity >= _MIN_SIMILARITY and (correlated or static):
            accepted.append((segment, registration))
            any_discriminative |= correlated and motion.is_discriminative
    covered = sum(len(segment.rows) for segment, _ in accepted)
    enough = covered >= _MIN_ACCEPTED_SHARE * len(rows)
    return accepted if any_discriminative and enough else []


def _simultaneous_frames(a_times: F32, b_times: F32, mapping: TimeMapping) -> tuple[I64, I64]:
    """Return the frames of both sides that show the same moments."""
    expected = mapping.b_times(a_times.astype(np.float64))
    rows = np.flatnonzero((expected >= b_times[0]) & (expected <= b_times[-1]))
    if len(b_times) < 2:
        return rows, np.zeros(len(rows), dtype=np.int64)
    after = np.clip(np.searchsorted(b_times, expected[rows]), 1, len(b_times) - 1)
    before_is_nearer = expected[rows] - b_times[after - 1] < b_times[after] - expected[rows]
    return rows, np.where(before_is_nearer, after - 1, after)


def _registered_part(
    a: MatchableFrames, b: MatchableFrames, mapping: TimeMapping, rows: I64, columns: I64
) -> RegisteredSegment:
    a_frames, b_frames = (
        replace(side.frame_set, coefficients=side.coefficients[frames])
        for side, frames in ((a, rows), (b, columns))
    )
    registration = register_frames(a_frames, b_frames)
    band = shared_band(registration.a, registration.b)
    a_units = unit_vectors(apply_transform(a_frames.coefficients, registration.a), band)
    b_units = unit_vectors(apply_transform(b_frames.coefficients, registration.b), band)
    similarity = (a_units * b_units).sum(axis=1)
    return AlignedSegment(mapping, rows, columns, similarity), registration
