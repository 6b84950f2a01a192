"""Comparison of the frames of two assets: images, videos, or one of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from filmgate.arrays import F32, I64
from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.matching.frame_features import (
    MatchableFrames,
    VisualEvidence,
    clamp_unit,
    has_overlay,
    interpolate,
    is_black_padded,
    is_cropped,
    is_letterboxed,
    is_recoloured,
    matchable_frames,
    orientation_change,
)
from filmgate.dedupe.matching.image_comparison import compare_images
from filmgate.dedupe.matching.model import FramePair, Segment, Transform
from filmgate.dedupe.matching.motion_correlation import MotionCorrelation
from filmgate.dedupe.matching.segmentwise_alignment import register_segments
from filmgate.dedupe.matching.settings import (
    DIFFERENT_CEILING,
    NEAR_FLOOR,
    PART_CEILING,
    PART_FLOOR,
    PART_S,
    TRIMMED_S,
    part_score,
)
from filmgate.dedupe.matching.spatial_alignment import ORIENTATION_SIMILARITY, register_frames
from filmgate.dedupe.matching.temporal_alignment import AlignedSegment, align
from filmgate.dedupe.matching.transform import Registration, similarity_matrix
from filmgate.media.model import MediaKind

# Constants without another source are hand-set on the tuning half of the matching benchmark.

_MAX_PAIRS = 8
"""Matched frames that are kept for people to look at."""
_MAX_UNTIMED_FRAMES = 2
"""Videos of up to this many frames cannot be aligned in time and are compared as images."""
_MISSING_SHARE = 0.05
"""A part lacks more than this share of the other side's duration,"""
_MISSING_S = 0.4
"""and more seconds than sampling leaves out at the ends of a short video."""
_HIDDEN_FRAMES = 3
"""Frames that sampling may leave out at the ends of a full copy."""
_MIN_EXCERPT_SHARE = 0.5
"""A segment that covers less than this of either side does not prove a part,"""
_MIN_EXCERPT_S = 15.0
"""unless it is this long."""
_WHOLE_SHARE = 0.9
"""If this share of one side is aligned, similar frames plus correlated motion suffice to call it a
copy, without strong motion correlation."""
_UNPROVEN_FACTOR = 0.7
"""Factor on the similarity of frames that prove nothing, because unrelated frames reach 0.9."""

_STILL_SIMILARITIES = (0, 0.85, 0.92, 1)
_STILL_SCORES = (0, 0.6, PART_FLOOR, PART_CEILING)
"""Curve from the similarity of an image and a video's best frame to a score."""
_LOOKALIKE_SIMILARITIES = (0, 0.6, 0.85, 1)
_LOOKALIKE_SCORES = (0, 0.5, PART_FLOOR, 0.8)
"""Curve from the mean similarity of aligned frames to a score, where the motion differs,"""
_COPY_SIMILARITIES = (0.55, 0.9, 1)
_COPY_SCORES = (NEAR_FLOOR, 0.95, 1)
"""and where it is the same recording."""


@dataclass(frozen=True, slots=True)
class _Alignment:
    """How two videos lie along each other in time and in space.

    Attributes:
        segments: aligned segments, at least one.
        is_copy: the segments hold the same recording.
        registration: that of the longest segment.
        is_full_frame: every segment shows the full picture of the other side.
        is_cropped: one side shows a part of the other's picture.
    """

    segments: list[AlignedSegment]
    is_copy: bool
    registration: Registration
    is_full_frame: bool
    is_cropped: bool


def compare_visual(a: Fingerprint, b: Fingerprint) -> VisualEvidence | None:
    """Compare the frames of two assets; None where a side has none worth matching."""
    a_frames, b_frames = matchable_frames(a), matchable_frames(b)
    if a_frames is None or b_frames is None:
        return None
    are_videos = [fingerprint.info.kind is MediaKind.VIDEO for fingerprint in (a, b)]
    frames = max(len(a_frames.times), len(b_frames.times))
    if not any(are_videos) or (all(are_videos) and frames <= _MAX_UNTIMED_FRAMES):
        return compare_images(a_frames, b_frames, a.keypoints, b.keypoints)
    registration = register_frames(a_frames.frame_set, b_frames.frame_set)
    similarity = similarity_matrix(
        a_frames.coefficients, b_frames.coefficients, registration.a, registration.b
    )
    if all(are_videos):
        return _compare_videos(a_frames, b_frames, registration, similarity)
    return _compare_image_and_video(a_frames, b_frames, registration, similarity)


def _compare_image_and_video(
    a: MatchableFrames, b: MatchableFrames, registration: Registration, similarity: F32
) -> VisualEvidence:
    """Compare an image with the best frame of a video: neither can stand for the other."""
    row, column = np.unravel_index(int(similarity.argmax()), similarity.shape)
    best = float(similarity[row, column])
    a_time, b_time = float(a.times[row]), float(b.times[column])
    score = interpolate(best, _STILL_SIMILARITIES, _STILL_SCORES)
    return VisualEvidence(
        score=score,
        decisive=score >= PART_FLOOR,
        transform=Transform(
            **orientation_change(registration),
            crop=is_cropped(a, b, registration),
            partial=True,
        ),
        segments=(Segment(a_start=a_time, a_end=a_time, b_start=b_time, b_end=b_time),),
        pairs=(FramePair(a_time=a_time, b_time=b_time, similarity=clamp_unit(best)),),
    )


def _compare_videos(
    a: MatchableFrames, b: MatchableFrames, registration: Registration, similarity: F32
) -> VisualEvidence:
    segments = align(similarity, a.times, b.times)
    if not segments:
        score = min(DIFFERENT_CEILING, clamp_unit(registration.similarity) * _UNPROVEN_FACTOR)
        return VisualEvidence(score, False, Transform(**orientation_change(registration)))
    return _video_evidence(a, b, _alignment(a, b, registration, segments))


def _alignment(
    a: MatchableFrames,
    b: MatchableFrames,
    registration: Registration,
    segments: list[AlignedSegment],
) -> _Alignment:
    """Decide which segments are the same recording, registering them one by one if needed."""
    copied = _same_recording(a, b, registration, segments)
    alignment = _Alignment(
        segments=copied or segments,
        is_copy=bool(copied),
        registration=registration,
        is_full_frame=registration.is_full_frame,
        is_cropped=is_cropped(a, b, registration),
    )
    coverage = _larger_coverage(a, b, copied)
    if coverage >= _WHOLE_SHARE or _one_registration_fits(a, b, segments):
        return alignment
    registered = register_segments(a, b, alignment.segments[0].mapping)
    parts = [segment for segment, _ in registered]
    if _larger_coverage(a, b, parts) <= coverage:
        return alignment
    _, longest = max(registered, key=lambda part: len(part[0].rows))
    return _Alignment(
        segments=parts,
        is_copy=True,
        registration=longest,
        is_full_frame=all(part.is_full_frame for _, part in registered),
        is_cropped=any(part.is_cropped for _, part in registered),
    )


def _video_evidence(
    a: MatchableFrames, b: MatchableFrames, alignment: _Alignment
) -> VisualEvidence:
    segments, is_copy = alignment.segments, alignment.is_copy
    rows = np.concatenate([segment.rows for segment in segments])
    columns = np.concatenate([segment.columns for segment in segments])
    similarity = np.concatenate([segment.similarity for segment in segments])
    coverage = _coverage(a, b, segments)
    partial = _is_partial(coverage, (a, b))
    score = _score(float(similarity.mean()), is_copy, partial, coverage, (a, b))
    return VisualEvidence(
        score=score,
        decisive=is_copy and score >= PART_FLOOR,
        transform=_transform(a, b, alignment, (rows, columns), coverage, partial=partial),
        coverage=round(min(coverage), 4),
        segments=tuple(_segment(segment, a.times, b.times) for segment in segments),
        pairs=_best_pairs(a.times, b.times, rows, columns, similarity),
    )


def _transform(
    a: MatchableFrames,
    b: MatchableFrames,
    alignment: _Alignment,
    frames: tuple[I64, I64],
    coverage: tuple[float, float],
    *,
    partial: bool,
) -> Transform:
    """Describe what was done to `a` to get `b`.

    Args:
        frames: numbers of the aligned frames of `a` and of `b`.
        coverage: share of each side that is aligned.
        partial: the aligned part is only a part of one side.
    """
    rows, columns = frames
    registration, speed = alignment.registration, alignment.segments[0].mapping.speed
    overlaid = has_overlay(a.coefficients[rows], b.coefficients[columns], registration)
    comparable_colours = alignment.is_full_frame and not overlaid
    return Transform(
        **orientation_change(registration),
        speed=round(speed, 3),
        crop=alignment.is_cropped,
        overlaid=overlaid,
        # Only the same recording can be a part of another.
        partial=partial and alignment.is_copy,
        recoloured=comparable_colours and is_recoloured(a.chroma[rows], b.chroma[columns]),
        # The video that a part is taken from may have its own black bars and blank ends.
        barred=not partial and is_letterboxed(a, b, registration),
        padded=not partial and is_black_padded(a, b, speed),
        trimmed=alignment.is_copy and not partial and _is_trimmed(coverage, (a, b)),
    )


def _same_recording(
    a: MatchableFrames,
    b: MatchableFrames,
    registration: Registration,
    segments: list[AlignedSegment],
) -> list[AlignedSegment]:
    """Return the segments whose frames are similar and whose motion correlates.

    If they cover at least 90 % of one side, that is enough. Otherwise one of them must have strong
    motion correlation: two videos of the same empty road share long moments, and are not copies.
    """
    correlated = []
    any_strong = False
    for segment in segments:
        motion = MotionCorrelation.measure(a, b, segment, registration)
        if motion.is_same_recording(float(segment.similarity.mean())):
            correlated.append(segment)
            any_strong |= motion.is_strong
    if any_strong or _larger_coverage(a, b, correlated) >= _WHOLE_SHARE:
        return correlated
    return []


def _one_registration_fits(
    a: MatchableFrames, b: MatchableFrames, segments: list[AlignedSegment]
) -> bool:
    """Whether one registration fits nearly all of one side, so that others would not be better."""
    similar = [
        segment for segment in segments if segment.similarity.mean() >= ORIENTATION_SIMILARITY
    ]
    return _larger_coverage(a, b, similar) >= _WHOLE_SHARE


def _coverage(
    a: MatchableFrames, b: MatchableFrames, segments: list[AlignedSegment]
) -> tuple[float, float]:
    """Return the share of the frames of each side that lie inside the segments, 0..1."""
    return (
        _covered_share(a.times, [segment.rows for segment in segments]),
        _covered_share(b.times, [segment.columns for segment in segments]),
    )


def _larger_coverage(
    a: MatchableFrames, b: MatchableFrames, segments: list[AlignedSegment]
) -> float:
    return max(_coverage(a, b, segments))


def _covered_share(times: F32, segments: list[I64]) -> float:
    covered = np.zeros(len(times), dtype=bool)
    for frames in segments:
        covered[frames.min() : frames.max() + 1] = True
    return float(covered.mean())


def _is_partial(
    coverage: tuple[float, float], sides: tuple[MatchableFrames, MatchableFrames]
) -> bool:
    """Whether one side has more than what is aligned, so that the other cannot stand for it."""
    for share, side in zip(coverage, sides, strict=True):
        missing_s = (1 - share) * side.shown_s
        if missing_s > PART_S or (missing_s > _MISSING_S and 1 - share > _MISSING_SHARE):
            return True
    return False


def _is_trimmed(
    coverage: tuple[float, float], sides: tuple[MatchableFrames, MatchableFrames]
) -> bool:
    """Whether one side has a little more than what is aligned, and more than sampling hides."""
    for share, side in zip(coverage, sides, strict=True):
        hidden_s = _HIDDEN_FRAMES * side.shown_s / len(side.times)
        if (1 - share) * side.shown_s > max(TRIMMED_S, hidden_s):
            return True
    return False


def _score(
    similarity: float,
    is_copy: bool,
    partial: bool,
    coverage: tuple[float, float],
    sides: tuple[MatchableFrames, MatchableFrames],
) -> float:
    aligned_s = min(share * side.shown_s for share, side in zip(coverage, sides, strict=True))
    if max(coverage) < _MIN_EXCERPT_SHARE and aligned_s < _MIN_EXCERPT_S:
        return min(DIFFERENT_CEILING, similarity * _UNPROVEN_FACTOR)
    if not is_copy:
        return interpolate(similarity, _LOOKALIKE_SIMILARITIES, _LOOKALIKE_SCORES)
    if partial:
        return part_score(min(coverage))
    return interpolate(similarity, _COPY_SIMILARITIES, _COPY_SCORES)


def _segment(segment: AlignedSegment, a_times: F32, b_times: F32) -> Segment:
    """Return start and end on both sides.

    On `b` the mapping gives them more precisely than the sampled frames do.
    """
    a = a_times[segment.rows]
    mapped = segment.mapping.b_times(np.array([a.min(), a.max()], dtype=np.float64))
    b = np.clip(mapped, b_times[0], b_times[-1])
    return Segment(
        a_start=round(float(a.min()), 3),
        a_end=round(float(a.max()), 3),
        b_start=round(float(b.min()), 3),
        b_end=round(float(b.max()), 3),
    )


def _best_pairs(
    a_times: F32, b_times: F32, rows: I64, columns: I64, similarity: F32
) -> tuple[FramePair, ...]:
    """Return the best pair from each of up to eight equal parts of the aligned time."""
    order = np.argsort(a_times[rows], kind="stable")
    pairs = []
    for part in np.array_split(order, min(_MAX_PAIRS, len(order))):
        best = part[similarity[part].argmax()]
        pairs.append(
            FramePair(
                a_time=round(float(a_times[rows[best]]), 3),
                b_time=round(float(b_times[columns[best]]), 3),
                similarity=clamp_unit(float(similarity[best])),
            )
        )
    return tuple(pairs)
