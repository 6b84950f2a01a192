"""Temporal alignment of two audio tracks: candidate mappings of time and pitch.

As with frames (`temporal_alignment`), copies lie on straight lines in the plane of the two times.
Landmark pairs with equal hashes vote for lines in a Hough histogram of offsets, one per speed and
pitch variant. A robust regression through the spectral peaks near a line then refines its speed,
offset and pitch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filmgate.arrays import F64, I64
from filmgate.dedupe.fingerprint.constellation import BIN_HZ, HOP_MS
from filmgate.dedupe.fingerprint.landmarks import (
    Landmarks,
    PlaybackVariant,
    index_landmarks,
    query_landmarks,
)
from filmgate.dedupe.fingerprint.model import AudioTrack

# Constants without another source are hand-set on the tuning half of the matching benchmark.

_OFFSET_BIN_HOPS = 4
"""Width of an offset bin: 80 ms. Two neighbouring bins are counted together."""
_VARIANT_SHIFT = 40
"""Bits reserved for the offset bin below the variant number in one sort key."""
_OFFSET_ZERO = 1 << 31
"""Added to offset bins so that they are positive in that key."""
_EXTRA_SPAN_HOPS = 100
"""Added to the range of offsets, so that a few votes close together do not look crowded."""
_MIN_VOTES = 5
"""Least number of landmark pairs that support a mapping."""
_MIN_DEVIATIONS = 4.0
"""Least excess of a bin over chance, in standard deviations of a Poisson distribution."""
_MAX_MAPPINGS = 4
"""Mappings that are scored: a track may be cut into pieces, and music repeats itself."""
_SAME_MAPPING_HOPS = 25
"""Two mappings this close to each other at the votes, half a second, count as one."""
_FIRST_REACH_HOPS = 200.0
"""The first fit uses peaks up to four seconds from the votes; each further fit doubles that."""
_MAX_FITS = 14
"""Fits at most: 2^13 times the first reach is more than nine hours."""
_FIT_TOLERANCES_HOPS = (6.0, 3.0, 3.0, 2.0)
"""How far apart two peaks may lie in each fit; the last value holds for all further fits."""
_LOOSE_FITS = 2
"""In this many first fits the pitch is still rough, so frequencies may differ more."""
_MIN_FITS = 5
"""Fits that are done even when the reach already covers the whole track."""
_PEAK_BINS = 1.5
"""How many frequency bins two paired peaks may lie apart;"""
_LOOSE_PITCH = 0.01
"""in loose fits this share of the frequency is added."""
_PITCH_TOLERANCE = 0.004
"""How far a pitch factor may be from the speed, or from 1: 7 cents."""
_MIN_PAIRS = 6
"""Peak pairs that a fit needs: a mapping has three parameters."""
_MAX_REPEATS = 64
"""A landmark that one side has more often than this is not distinctive and does not vote."""
_OFFSET_PRIOR = 1e-3
"""Ridge penalty that keeps the offset near its start while there are few pairs."""
_SLOPE_PRIOR = 1e-3
"""The same for the slope, in units of n * reach^2 / 30 for n pairs."""
_REWEIGHTINGS = 4
"""Rounds of iteratively reweighted least squares."""
_MIN_SCALE_HOPS = 0.5
_SCALE_FACTOR = 1.2
"""Scale of the robust weights: this factor times the median residual, at least the minimum."""
_PITCH_SCALE_BINS = 0.7
"""Scale of the robust weights of frequency residuals."""
_PITCH_PRIOR = 1e3
"""Ridge penalty that keeps the pitch near its start while there are few pairs, in bins squared."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """A constellation of k spectral peaks, in order of time.

    Attributes:
        times: float64 (k,), in hops of 20 ms.
        bins: float64 (k,), frequencies in bins of 15.6 Hz.
    """

    times: F64
    bins: F64

    @classmethod
    def of(cls, track: AudioTrack) -> Peaks:
        """Return the peaks of a track."""
        return cls(track.times_ms / HOP_MS, track.frequencies_hz / BIN_HZ)

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True, slots=True)
class TimePitchMapping:
    """t_b = slope * t_a + offset, in hops, and f_b = pitch * f_a."""

    slope: float
    offset: float
    pitch: float

    def b_times(self, a_times: F64) -> F64:
        """Map times of `a` to times of `b`, in hops."""
        return a_times * self.slope + self.offset

    def inverse(self) -> TimePitchMapping:
        """Return the mapping from `b` to `a`."""
        return TimePitchMapping(1 / self.slope, -self.offset / self.slope, 1 / self.pitch)


@dataclass(frozen=True, slots=True)
class _VotedMapping:
    """A mapping with many landmark votes.

    Attributes:
        centre: median time of the votes on `a`, in hops.
    """

    mapping: TimePitchMapping
    centre: float


def candidate_mappings(
    a: AudioTrack, b: AudioTrack, variants: tuple[PlaybackVariant, ...]
) -> list[TimePitchMapping]:
    """Return up to four mappings with the most votes beyond chance, best first.

    Args:
        variants: the speed and pitch variants in which `b` may play `a`.
    """
    a_peaks, b_peaks = Peaks.of(a), Peaks.of(b)
    refined = (
        _refine(a_peaks, b_peaks, voted)
        for voted in _hough_mappings(query_landmarks(a, variants), index_landmarks(b), variants)
    )
    return [mapping for mapping in refined if _is_plausible(mapping)]


def _is_plausible(mapping: TimePitchMapping) -> bool:
    """Whether the pitch follows the speed or stays: real edits do not change both independently."""
    resampled, stretched = abs(mapping.pitch * mapping.slope - 1), abs(mapping.pitch - 1)
    return min(resampled, stretched) <= _PITCH_TOLERANCE


def _hough_mappings(
    query: Landmarks, reference: Landmarks, variants: tuple[PlaybackVariant, ...]
) -> list[_VotedMapping]:
    """Return the offset bins with the largest excess over chance, without near-duplicates."""
    rows, columns = _equal_hashes(query.hashes, reference.hashes)
    if len(rows) < _MIN_VOTES:
        return []
    times, variant_of = query.times[rows], query.variants[rows].astype(np.int64)
    offsets = reference.times[columns].astype(np.int64) - times
    bins, counts = np.unique(
        (variant_of << _VARIANT_SHIFT) | (offsets // _OFFSET_BIN_HOPS + _OFFSET_ZERO),
        return_counts=True,
    )
    counts[:-1] += np.where(np.diff(bins) == 1, counts[1:], 0)
    bin_variants = bins >> _VARIANT_SHIFT
    span = float(np.ptp(offsets)) + _EXTRA_SPAN_HOPS
    votes_of_variant = np.bincount(variant_of, minlength=len(variants))
    chance = votes_of_variant[bin_variants] * 2 * _OFFSET_BIN_HOPS / span
    deviations = (counts - chance) / np.sqrt(chance + 1)
    likely = np.flatnonzero((counts >= _MIN_VOTES) & (deviations >= _MIN_DEVIATIONS))
    mappings: list[_VotedMapping] = []
    for row in likely[np.argsort(-deviations[likely], kind="stable")].tolist():
        number, offset_bin = int(bin_variants[row]), int(bins[row] & ((1 << _VARIANT_SHIFT) - 1))
        # Two neighbouring bins were counted together; the offset is their common border.
        border = (offset_bin - _OFFSET_ZERO + 1) * _OFFSET_BIN_HOPS
        in_bin = (variant_of == number) & (np.abs(offsets - border) <= _OFFSET_BIN_HOPS)
        speed, pitch = variants[number]
        voted = _VotedMapping(
            TimePitchMapping(1 / speed, float(border), pitch),
            float(np.median(times[in_bin])) * speed,
        )
        if not any(_is_same(voted, other) for other in mappings):
            mappings.append(voted)
        if len(mappings) == _MAX_MAPPINGS:
            break
    return mappings


def _is_same(voted: _VotedMapping, other: _VotedMapping) -> bool:
    centre = np.array([voted.centre])
    distance = voted.mapping.b_times(centre) - other.mapping.b_times(centre)
    return bool(np.abs(distance)[0] <= _SAME_MAPPING_HOPS)


def _equal_hashes(a: NDArray[np.uint32], b: NDArray[np.uint32]) -> tuple[I64, I64]:
    """Return row numbers of all pairs of equal hashes, without hashes that `b` has too often."""
    order = np.argsort(b, kind="stable")
    first = np.searchsorted(b[order], a, side="left")
    last = np.searchsorted(b[order], a, side="right")
    count = np.where(last - first <= _MAX_REPEATS, last - first, 0)
    rows = np.repeat(np.arange(len(a)), count)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    return rows, order[np.repeat(first, count) + within]


def _refine(a: Peaks, b: Peaks, voted: _VotedMapping) -> TimePitchMapping:
    """Fit the mapping to the peaks of both sides, first near the votes and then farther out."""
    mapping, reach = voted.mapping, _FIRST_REACH_HOPS
    farthest = max(voted.centre - a.times[0], a.times[-1] - voted.centre)
    for step in range(_MAX_FITS):
        tolerance = _FIT_TOLERANCES_HOPS[min(step, len(_FIT_TOLERANCES_HOPS) - 1)]
        in_reach = np.flatnonzero(np.abs(a.times - voted.centre) <= reach)
        pairs = _peak_pairs(a, b, mapping, in_reach, tolerance, loose=step < _LOOSE_FITS)
        if len(pairs.times) < _MIN_PAIRS:
            break
        mapping = _regression(mapping, pairs, voted.centre, reach, tolerance)
        if reach >= farthest and step >= _MIN_FITS - 1:
            break
        reach *= 2
    return mapping


@dataclass(frozen=True, slots=True)
class _PeakPairs:
    """Pairs of peaks that lie close to each other under a mapping, float64 (k,) each.

    Attributes:
        times: of the peaks of `a`, in hops.
        time_residuals: by how many hops the peaks of `b` are later than the mapping predicts.
        bins: frequencies of the peaks of `a`, mapped to `b`.
        bin_residuals: by how many bins the peaks of `b` are higher than that.
    """

    times: F64
    time_residuals: F64
    bins: F64
    bin_residuals: F64


def _peak_pairs(
    a: Peaks,
    b: Peaks,
    mapping: TimePitchMapping,
    rows_of_a: NDArray[np.intp],
    tolerance: float,
    *,
    loose: bool,
) -> _PeakPairs:
    """Return all pairs of peaks that lie close to each other under the mapping."""
    expected, bins = mapping.b_times(a.times[rows_of_a]), a.bins[rows_of_a] * mapping.pitch
    first = np.searchsorted(b.times, expected - tolerance)
    count = np.searchsorted(b.times, expected + tolerance) - first
    rows = np.repeat(np.arange(len(rows_of_a)), count)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    columns = np.repeat(first, count) + within
    bin_residuals = b.bins[columns] - bins[rows]
    allowed = _PEAK_BINS + _LOOSE_PITCH * bins[rows] if loose else _PEAK_BINS
    close = np.abs(bin_residuals) <= allowed
    rows, columns = rows[close], columns[close]
    return _PeakPairs(
        a.times[rows_of_a][rows],
        b.times[columns] - expected[rows],
        bins[rows],
        bin_residuals[close],
    )


def _regression(
    mapping: TimePitchMapping, pairs: _PeakPairs, centre: float, reach: float, tolerance: float
) -> TimePitchMapping:
    """Refine a mapping by least squares with Geman-McClure weights (Geman and McClure, 1985).

    Ridge penalties keep it near its start while there are few pairs.
    """
    times = pairs.times - centre
    design: F64 = np.stack([np.ones_like(times), times], axis=1)
    prior = np.diag([_OFFSET_PRIOR, _SLOPE_PRIOR * len(times) * reach**2 / 30])
    weights = np.ones_like(times)
    correction: F64 = np.zeros(2)
    scale = tolerance / 2
    for _ in range(_REWEIGHTINGS):
        weights = _robust_weights(pairs.time_residuals - design @ correction, scale)
        weighted = weights[:, None] * design
        solution = np.linalg.solve(design.T @ weighted + prior, weighted.T @ pairs.time_residuals)
        correction = solution.astype(np.float64, copy=False)
        residuals = np.abs(pairs.time_residuals - design @ correction)
        scale = max(_MIN_SCALE_HOPS, _SCALE_FACTOR * float(np.median(residuals)))
    pitch_weights = weights / (1 + (pairs.bin_residuals / _PITCH_SCALE_BINS) ** 2)
    pitch_change = np.sum(pitch_weights * pairs.bin_residuals * pairs.bins) / (
        np.sum(pitch_weights * pairs.bins**2) + _PITCH_PRIOR
    )
    return TimePitchMapping(
        slope=mapping.slope + float(correction[1]),
        offset=mapping.offset + float(correction[0] - correction[1] * centre),
        pitch=mapping.pitch * (1 + float(pitch_change)),
    )


def _robust_weights(residuals: F64, scale: float) -> F64:
    """Return Geman-McClure weights: near 1 for small residuals, near 0 for outliers."""
    return np.asarray(1 / (1 + (residuals / scale) ** 2) ** 2, dtype=np.float64)
