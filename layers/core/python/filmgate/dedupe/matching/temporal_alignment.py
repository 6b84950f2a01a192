"""Temporal alignment of two videos by Hough voting.

Copies lie on straight lines in the plane of the two times: the slope is the speed, the intercept
the offset. Pairs of similar frames vote for lines. Votes are weighted by how much a similarity
exceeds the background similarity of its two frames, so a still background does not vote.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from filmgate.arrays import F32, F64, I64

# Constants without another source are hand-set on the tuning half of the matching benchmark.

_NORMAL_STEP_S = 0.5
"""Distance of frames up to which the seconds below hold. In slide shows, and in videos so long
that they are thinned, frames are farther apart, and all seconds below grow with that distance."""
_MAX_LINES = 4
"""Lines that are searched one after the other: an insertion or a cut breaks a line."""
_MAX_VOTES = 40_000
"""Frame pairs that vote, those with the largest excess: long videos have more than enough."""
_MIN_SIMILARITY = 0.35
_MIN_EXCESS = 0.12
"""A pair votes from this similarity, and this excess over the background (Fisher's z), on."""
_BIN_S = 0.2
"""Width of the bins of offsets in which votes are counted."""
_NEIGHBOUR_WEIGHT = 0.5
"""Weight at which the votes of the two neighbouring bins are added."""
_NORMAL_SPEED_BONUS = 1.1
"""Factor on the evidence of a line at normal speed, because nearly all copies have it."""
_BACKGROUND_WEIGHT = 0.02
"""Weight of similarity that does not exceed the background: static videos have no other."""
_SPEED_TOLERANCE = 0.004
"""A speed this near to 1 is 1;"""
_SPEED_DRIFT_S = 0.05
"""so is one that drifts by less than this, in seconds, over the whole line."""
_SEED_SIMILARITY = 0.55
"""Least similarity of the frames that start a segment,"""
_CONTINUE_SIMILARITY = 0.35
"""and of those that only continue it."""
_REFINE_RANGE_S = 0.3
"""How far the offset of a line is finally moved,"""
_REFINE_STEPS = 31
"""and the number of offsets that are tried in that range."""
_FIT_REACHES_S = (0.4, 0.25, 0.15)
"""How near to the line the frame pairs of each regression lie."""
_MIN_FIT_SPAN_S = 1.0
"""Pairs within a shorter time do not determine a speed."""
_MAX_GAP_S = 1.0
"""Seconds without a matching pair that do not end a segment."""
_MIN_SEGMENT_S = 0.4
_MIN_FRAMES = 3
"""Shorter segments are dropped, and fewer pairs are not fitted."""
_SEED_SHARE = 3
"""One in so many frames of a segment must have the seed similarity."""
_SCORED_SPEEDS = 3
"""Speeds with the most votes whose lines are scored, besides the normal one."""
_MAX_CORRELATION = 0.995
"""Similarities are clipped to this, because Fisher's z is infinite at 1."""
_SPEED_STEPS = 70
SPEEDS: tuple[float, ...] = tuple(
    2.0 ** (step / _SPEED_STEPS) for step in range(-_SPEED_STEPS, _SPEED_STEPS + 1)
)
"""From half to double speed in steps of 1 %; the inverse of each speed is among them."""


@dataclass(frozen=True, slots=True)
class TimeMapping:
    """t_b = t_a / speed + offset, in seconds."""

    speed: float
    offset: float

    def b_times(self, a_times: F64) -> F64:
        """Map times of `a` to times of `b`, in seconds."""
        return a_times / self.speed + self.offset


@dataclass(frozen=True, slots=True)
class AlignedSegment:
    """Aligned frame pairs of one segment, in order of the time of `a`.

    Attributes:
        mapping: the line on which the pairs lie.
        rows, columns: int64 (n,), frame numbers of `a` and of `b`.
        similarity: float32 (n,), -1..1.
    """

    mapping: TimeMapping
    rows: I64
    columns: I64
    similarity: F32


def align(similarity: F32, a_times: F32, b_times: F32) -> list[AlignedSegment]:
    """Return all segments in which two videos show the same, longest first.

    Args:
        similarity: float32 (n, m), similarity matrix of the frames, -1..1.
        a_times, b_times: float32 (n,) and (m,), seconds, ascending.
    """
    unit = max(1.0, max(_step(a_times), _step(b_times)) / _NORMAL_STEP_S)
    return [
        replace(segment, mapping=TimeMapping(segment.mapping.speed, segment.mapping.offset * unit))
        for segment in _align_scaled(similarity, a_times / unit, b_times / unit)
    ]


def _align_scaled(similarity: F32, a_times: F32, b_times: F32) -> list[AlignedSegment]:
    """Find line after line; each leaves out the frames that the ones before it have aligned."""
    remaining = similarity.copy()
    aligned: list[AlignedSegment] = []
    speeds: tuple[float, ...] = SPEEDS
    for _ in range(_MAX_LINES):
        segments = _best_segments(remaining, a_times, b_times, speeds)
        if not segments:
            break
        aligned += segments
        speeds = (segments[0].mapping.speed,)
        for segment in segments:
            remaining[segment.rows[0] : segment.rows[-1] + 1] = 0
            first, last = sorted((segment.columns[0], segment.columns[-1]))
            remaining[:, first : last + 1] = 0
    return sorted(aligned, key=lambda segment: -len(segment.rows))


def _best_segments(
    similarity: F32, a_times: F32, b_times: F32, speeds: tuple[float, ...]
) -> list[AlignedSegment]:
    """Return the segments of the candidate line with the most evidence."""
    best: tuple[float, list[AlignedSegment]] = (0.0, [])
    background = _background_similarity(similarity)
    for mapping in _candidate_mappings(similarity, background, a_times, b_times, speeds):
        segments = _segments(similarity, a_times, b_times, mapping)
        evidence = sum(_evidence(segment, background) for segment in segments)
        if mapping.speed == 1.0:
            evidence *= _NORMAL_SPEED_BONUS
        if evidence > best[0]:
            best = (evidence, segments)
    return best[1]


def _background_similarity(similarity: F32) -> F32:
    """Return how similar each pair of frames would be at any other moment: (n, m)."""
    return np.maximum(
        np.median(similarity, axis=1, keepdims=True),
        np.median(similarity, axis=0, keepdims=True),
    )


def _evidence(segment: AlignedSegment, background: F32) -> float:
    """Return the excess of the similarities over the background, summed as Fisher's z.

    In Fisher's z a few nearly perfect pairs outweigh many mediocre ones.
    """
    z = _z(segment.similarity)
    expected = _z(background[segment.rows, segment.columns])
    excess = np.maximum(z - np.maximum(expected, 0), 0)
    return float(excess.sum() + _BACKGROUND_WEIGHT * z.sum())


def _z(similarity: F32) -> F32:
    """Return Fisher's z."""
    return np.arctanh(np.clip(similarity, -_MAX_CORRELATION, _MAX_CORRELATION))


def _candidate_mappings(
    similarity: F32,
    background: F32,
    a_times: F32,
    b_times: F32,
    speeds: tuple[float, ...],
) -> list[TimeMapping]:
    """Return the lines with the most votes, refined with and without a change of speed."""
    # In Fisher's z, because in a static scene 0.99 is much more similar than 0.95.
    excess = np.where(similarity >= _MIN_SIMILARITY, _z(similarity) - _z(background), 0)
    rows, columns = np.nonzero(excess > _MIN_EXCESS)
    if len(rows) < _MIN_FRAMES:
        return _static_mapping(similarity, a_times, b_times)
    votes = excess[rows, columns]
    if len(rows) > _MAX_VOTES:
        strongest = np.argpartition(-votes, _MAX_VOTES)[:_MAX_VOTES]
        rows, columns, votes = rows[strongest], columns[strongest], votes[strongest]
    a, b = a_times[rows].astype(np.float64), b_times[columns].astype(np.float64)
    ranked = [_hough_offset(a, b, votes, speed) for speed in speeds]
    ranked.sort(key=lambda pair: -pair[0])
    chosen = [mapping for _, mapping in ranked[:_SCORED_SPEEDS]]
    chosen += [mapping for _, mapping in ranked[_SCORED_SPEEDS:] if mapping.speed == 1.0]
    fitted = [_regression(mapping, a, b, votes, fixed_speed=True) for mapping in chosen]
    if len(speeds) > 1:
        fitted += [_regression(mapping, a, b, votes, fixed_speed=False) for mapping in chosen]
    return [
        _refine_offset(mapping, similarity, a_times, b_times) for mapping in dict.fromkeys(fitted)
    ]


def _static_mapping(similarity: F32, a_times: F32, b_times: F32) -> list[TimeMapping]:
    """Return the earliest offset: in static videos every offset matches equally well."""
    if float(similarity.max(initial=0)) < _SEED_SIMILARITY:
        return []
    first = int(np.argmax(similarity >= _SEED_SIMILARITY))
    row, column = np.unravel_index(first, similarity.shape)
    return [TimeMapping(1.0, float(b_times[column] - a_times[row]))]


def _hough_offset(a: F64, b: F64, votes: F32, speed: float) -> tuple[float, TimeMapping]:
    """Return the offset with the most votes at a speed, and the sum of its votes.

    Args:
        a, b: float64 (k,), times of the voting pairs, in seconds.
        votes: float32 (k,), their weights.
    """
    offsets = b - a / speed
    lowest = float(offsets.min())
    bins = ((offsets - lowest) / _BIN_S).astype(np.int64)
    sums = np.bincount(bins, weights=votes).astype(np.float64, copy=False)
    neighbours = _NEIGHBOUR_WEIGHT * sums
    sums[:-1] += neighbours[1:]
    sums[1:] += neighbours[:-1]
    top = int(sums.argmax())
    return float(sums[top]), TimeMapping(speed, lowest + (top + 0.5) * _BIN_S)


def _regression(
    mapping: TimeMapping, a: F64, b: F64, votes: F32, *, fixed_speed: bool
) -> TimeMapping:
    """Fit the line by weighted least squares to the pairs near it, in three narrowing rounds.

    Args:
        a, b, votes: as in `_hough_offset`.
        fixed_speed: change only the offset.
    """
    for reach in _FIT_REACHES_S:
        near = np.abs(b - mapping.b_times(a)) < reach
        if near.sum() < _MIN_FRAMES:
            return mapping
        weight, x, y = votes[near] ** 2, a[near], b[near]
        mean_x, mean_y = np.average(x, weights=weight), np.average(y, weights=weight)
        spread = float(np.sum(weight * (x - mean_x) ** 2))
        slope = 1.0 / mapping.speed
        if not fixed_speed and spread > 1e-6 and np.ptp(x) > _MIN_FIT_SPAN_S:
            slope = float(np.sum(weight * (x - mean_x) * (y - mean_y)) / spread)
        speed = 1.0 / float(np.clip(slope, 1 / SPEEDS[-1], 1 / SPEEDS[0]))
        if abs(speed - 1.0) < max(_SPEED_TOLERANCE, _SPEED_DRIFT_S / max(float(np.ptp(x)), 0.1)):
            speed = 1.0
        mapping = TimeMapping(speed, float(mean_y - mean_x / speed))
    return mapping


def _refine_offset(
    mapping: TimeMapping, similarity: F32, a_times: F32, b_times: F32
) -> TimeMapping:
    """Return the nearby offset with the highest interpolated similarity, finer than the sampling.

    Of nearly equal offsets the one nearest to the start wins.
    """
    if len(b_times) < _MIN_FRAMES:
        return mapping
    best = (-1.0, mapping)
    shifts = np.linspace(-_REFINE_RANGE_S, _REFINE_RANGE_S, _REFINE_STEPS).tolist()
    for shift in sorted(shifts, key=abs):
        shifted = TimeMapping(mapping.speed, mapping.offset + shift)
        expected = shifted.b_times(a_times.astype(np.float64))
        rows = np.flatnonzero((expected >= b_times[0]) & (expected <= b_times[-1]))
        if len(rows) < _MIN_FRAMES:
            continue
        after = np.clip(np.searchsorted(b_times, expected[rows]), 1, len(b_times) - 1)
        gap = np.maximum(b_times[after] - b_times[after - 1], 1e-6)
        share = np.clip((expected[rows] - b_times[after - 1]) / gap, 0, 1)
        blended = similarity[rows, after - 1] * (1 - share) + similarity[rows, after] * share
        score = float(np.where(blended >= _MIN_SIMILARITY, blended, 0).sum())
        if score > best[0] * (1 + 1e-4):
            best = (score, shifted)
    return best[1]


def _segments(
    similarity: F32, a_times: F32, b_times: F32, mapping: TimeMapping
) -> list[AlignedSegment]:
    """Return the segments along a line in which the frames match, without longer gaps."""
    expected = mapping.b_times(a_times.astype(np.float64))
    step = _step(b_times)
    inside = np.flatnonzero((expected >= b_times[0] - step) & (expected <= b_times[-1] + step))
    if not len(inside):
        return []
    after = np.clip(np.searchsorted(b_times, expected[inside]), 0, len(b_times) - 1)
    before = np.maximum(after - 1, 0)
    take_after = similarity[inside, after] >= similarity[inside, before]
    columns = np.where(take_after, after, before)
    best = np.maximum(similarity[inside, after], similarity[inside, before])
    # Fast motion between two samples lowers the similarity of a true pair, so the frames that
    # continue a segment may be less similar than those that start one.
    matching = np.flatnonzero(best >= _CONTINUE_SIMILARITY)
    segments = []
    for start, stop in _runs(a_times[inside][matching]):
        run = matching[start:stop]
        seconds = float(np.ptp(a_times[inside[run]]))
        seeds = int((best[run] >= _SEED_SIMILARITY).sum())
        if seeds >= max(_MIN_FRAMES, len(run) // _SEED_SHARE) and seconds >= _MIN_SEGMENT_S:
            segments.append(AlignedSegment(mapping, inside[run], columns[run], best[run]))
    return segments


def _step(times: F32) -> float:
    """Return the median distance of frames, in seconds."""
    return float(np.median(np.diff(times))) if len(times) > 1 else _BIN_S


def _runs(times: F32) -> list[tuple[int, int]]:
    """Return slices of times without a gap over `_MAX_GAP_S`."""
    if not len(times):
        return []
    breaks = np.flatnonzero(np.diff(times) > _MAX_GAP_S) + 1
    edges = [0, *breaks.tolist(), len(times)]
    return list(pairwise(edges))
