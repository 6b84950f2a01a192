"""Log-likelihood ratio of an audio alignment: peak hits at the aligned offset versus wrong offsets.

Each peak of one side is looked up on the other side where the mapping predicts it. How likely it
is to be found by chance is measured peak by peak at wrong offsets, so a steady tone, which matches
itself everywhere, contributes nothing, and a few dozen consecutive hits that chance rarely
produces are conclusive. The best score at wrong offsets is subtracted, and most of the score of
competing offsets, where other bars of the same music match.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from filmgate.arrays import F64, Mask
from filmgate.dedupe.matching.audio_alignment import Peaks, TimePitchMapping

# Constants without another source are hand-set on the tuning half of the matching benchmark.

MIN_PEAKS = 4
"""Peaks that a side needs to be compared at all."""
_HIT_HOPS = 1.5
_HIT_BINS = 0.9
"""A peak is a hit if another lies within so many hops and frequency bins of its expected place."""
_KEYS_PER_HOP = 4096
"""Lookup keys reserved for the frequencies of one hop: more than `_MAX_BIN * _BIN_STEPS`."""
_BIN_STEPS = 8
"""Steps in which the lookup rounds one frequency bin."""
_MAX_BIN = 250
"""Peaks mapped to this bin or above are ignored: bin 256 is the Nyquist frequency, 4 kHz."""
_MAX_EXCESS, _MIN_EXCESS = 0.3, 0.08
"""Bounds of the hit rate beyond chance that a copy is assumed to have."""
_COMPETITORS = 6
"""Competing offsets that are scored."""
_COMPETITOR_SHARE = 0.7
"""Share of the best competitor's score that is subtracted."""
_COMPETITOR_PEAKS = 3000
"""Peaks from the middle of a long track that are searched for competing offsets."""
_MAX_SHIFTS, _MIN_SHIFTS, _MAX_LOOKUPS = 24, 4, 200_000
"""Wrong offsets that are tried: as many as this number of lookups allows, between two bounds."""
_MIN_SHIFT_HOPS, _MAX_SHIFT_HOPS = 25.0, 400.0
"""Distance of wrong offsets from the aligned one: 0.5 to 8 seconds."""
_SHIFT_MARGIN_HOPS = 50
"""For short tracks the largest shift is this much more than half of their length."""
_GOLDEN_RATIO = 0.6180339887
"""Multiples of the golden ratio modulo 1 are spread evenly, whatever their number."""
_NORMAL_SPEED = 0.005
"""A slope this near to 1 is the normal speed;"""
_SPEED_PENALTY_NATS = 15.0
"""any other costs this much: many variants are tried, and few copies play at another speed."""
_MIN_RUN_NATS = 10.0
"""Least score of a run of peaks."""
_CLARITY_ROUNDS = 2
"""Times that the assumed excess hit rate is replaced by the measured one."""
_PRIOR_TRIALS, _PRIOR_HITS = 2, 0.2
"""The chance of a peak is drawn towards the mean of all peaks, as after so many more trials;
and towards a hit, so that none is impossible."""
_MIN_CHANCE, _MAX_CHANCE = 0.01, 0.95
"""Bounds of the chance of a peak: beyond them a single peak would weigh too much."""

Run = tuple[int, int]


@dataclass(frozen=True, slots=True)
class AlignmentScore:
    """How strongly the peaks support an alignment.

    Attributes:
        nats: log-likelihood ratio of the best run of peaks, minus that at wrong offsets.
        clarity: hit rate of the peaks in the runs, beyond chance, at most 1.
        spans: float64 (n, 2), start and end of each run, in hops of `a`.
        hits: number of hits in the runs.
    """

    nats: float
    clarity: float
    spans: F64
    hits: int


_NO_SCORE = AlignmentScore(0.0, 0.0, np.zeros((0, 2)), 0)


def score_alignment(a: Peaks, b: Peaks, mapping: TimePitchMapping) -> AlignmentScore:
    """Score a mapping in both directions and return the better score.

    The better direction starts from the side with fewer peaks of its own, such as the one without
    speech over the music.
    """
    forward = _one_sided_score(a, b, mapping)
    backward = _one_sided_score(b, a, mapping.inverse())
    if forward.nats >= backward.nats:
        best = forward
    else:
        best = replace(backward, spans=mapping.inverse().b_times(backward.spans))
    if abs(mapping.slope - 1) <= _NORMAL_SPEED:
        return best
    return replace(best, nats=best.nats - _SPEED_PENALTY_NATS)


def _one_sided_score(a: Peaks, b: Peaks, mapping: TimePitchMapping) -> AlignmentScore:
    """Score the hits of the peaks of `a` on `b`."""
    if not len(b):
        return _NO_SCORE
    low, length = float(b.times[0]), float(np.ptp(b.times)) + 1
    times, bins = mapping.b_times(a.times), a.bins * mapping.pitch
    inside = np.flatnonzero(
        (np.abs(times - low - length / 2) <= length / 2 + 2) & (bins < _MAX_BIN)
    )
    if len(inside) < MIN_PEAKS:
        return _NO_SCORE
    times, bins = times[inside], bins[inside]
    lookup = _PeakLookup(b)

    def hits_at(shifts: F64) -> Mask:
        # Shifted peaks wrap around, so that all of them stay within `b`.
        shifted = (low + np.mod(times + shift - low, length) for shift in shifts)
        return np.stack([lookup.has_peak(places, bins) for places in shifted])

    wrong = hits_at(_wrong_offsets(len(times), length))
    competing = hits_at(_competing_offsets(times, bins, b))
    return _likelihood_ratio(a.times[inside], lookup.has_peak(times, bins), wrong, competing)


def _likelihood_ratio(times: F64, hits: Mask, wrong: Mask, competing: Mask) -> AlignmentScore:
    """Score hits against those at wrong and at competing offsets.

    Args:
        times: of the k peaks, in hops.
        hits: bool (k,).
        wrong, competing: bool (n, k), hits at n other offsets.
    """
    chance, excess = _chance(wrong), _MAX_EXCESS
    # Faint copies are found whole only if the assumed hit rate is near the real one.
    for _ in range(_CLARITY_ROUNDS):
        rows = _rows_of(_runs(_log_ratios(hits, chance, excess)))
        excess = float(np.clip(_excess_rate(hits[rows], chance[rows]), _MIN_EXCESS, _MAX_EXCESS))
    ratios = _log_ratios(hits, chance, excess)
    runs = _runs(ratios)
    rows = _rows_of(runs)
    best = max((float(ratios[start:stop].sum()) for start, stop in runs), default=0.0)
    null_score, competitor_score = (
        max(_best_run(_log_ratios(shifted, chance, excess))[0] for shifted in others)
        for others in (wrong, competing)
    )
    spans = [[times[start], times[stop - 1]] for start, stop in runs]
    return AlignmentScore(
        nats=best - max(null_score, _COMPETITOR_SHARE * competitor_score),
        clarity=_excess_rate(hits[rows], chance[rows]),
        spans=np.array(spans).reshape(-1, 2),
        hits=int(hits[rows].sum()),
    )


def _log_ratios(hits: Mask, chance: F64, excess: float) -> F64:
    """Return the log-likelihood ratio of each peak, in nats.

    Args:
        chance: probability of a hit where nothing is aligned, per peak.
        excess: hit rate that a copy has beyond chance.
    """
    expected = chance + (1 - chance) * excess
    hit, miss = np.log(expected / chance), np.log((1 - expected) / (1 - chance))
    return np.asarray(np.where(hits, hit, miss), dtype=np.float64)


def _rows_of(runs: list[Run]) -> NDArray[np.intp]:
    return np.concatenate([np.zeros(0, np.intp), *(np.arange(*run) for run in runs)])


def _competing_offsets(times: F64, bins: F64, b: Peaks) -> F64:
    """Return the wrong offsets with the most hits, in hops: other bars of the same music.

    Of long tracks only the middle is searched.
    """
    first_row = max(0, (len(times) - _COMPETITOR_PEAKS) // 2)
    middle = slice(first_row, (len(times) + _COMPETITOR_PEAKS) // 2)
    times, bins = times[middle], bins[middle]
    first, last = np.searchsorted(
        b.times, [times[0] - _MAX_SHIFT_HOPS, times[-1] + _MAX_SHIFT_HOPS]
    )
    order = np.argsort(b.bins[first:last], kind="stable") + first
    rows = np.searchsorted(b.bins[order], bins - _HIT_BINS)
    counts = np.searchsorted(b.bins[order], bins + _HIT_BINS, "right") - rows
    within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    shifts = b.times[order[np.repeat(rows, counts) + within]] - np.repeat(times, counts)
    shifts = shifts[(np.abs(shifts) >= _MIN_SHIFT_HOPS) & (np.abs(shifts) <= _MAX_SHIFT_HOPS)]
    offset_bins = np.rint((shifts + _MAX_SHIFT_HOPS) / 2).astype(np.int64)
    histogram = np.bincount(offset_bins, minlength=int(_MAX_SHIFT_HOPS) + 1)
    votes = np.convolve(histogram, (1, 2, 1), "same")
    fullest = np.argsort(-votes, kind="stable")[:_COMPETITORS]
    return np.asarray(fullest * 2.0 - _MAX_SHIFT_HOPS, dtype=np.float64)


def _excess_rate(hits: Mask, chance: F64) -> float:
    """Return the hit rate beyond chance, as a share of what chance leaves; 0 without peaks."""
    if not len(hits):
        return 0.0
    return float((hits.mean() - chance.mean()) / (1 - chance.mean()))


def _chance(wrong: Mask) -> F64:
    """Return the probability of a hit at a wrong offset, per peak, shrunk towards the mean."""
    rate = (wrong.sum(axis=0) + _PRIOR_TRIALS * wrong.mean() + _PRIOR_HITS) / (
        len(wrong) + (_PRIOR_TRIALS + _PRIOR_HITS)
    )
    return np.asarray(np.clip(rate, _MIN_CHANCE, _MAX_CHANCE))


def _wrong_offsets(peaks: int, length: float) -> F64:
    """Return wrong offsets in hops, evenly spread and alternating in sign."""
    count = int(np.clip(_MAX_LOOKUPS // peaks, _MIN_SHIFTS, _MAX_SHIFTS))
    number = np.arange(1, count + 1)
    farthest = min(_MAX_SHIFT_HOPS, length / 2 + _SHIFT_MARGIN_HOPS)
    share = np.mod(number * _GOLDEN_RATIO, 1)
    return np.asarray((_MIN_SHIFT_HOPS + share * (farthest - _MIN_SHIFT_HOPS)) * (-1.0) ** number)


class _PeakLookup:
    """Finds out whether a track has a peak near a place."""

    def __init__(self, peaks: Peaks) -> None:
        hops = np.rint(peaks.times).astype(np.int64)
        bin_steps = np.rint(peaks.bins * _BIN_STEPS).astype(np.int64)
        self._keys = np.sort(hops * _KEYS_PER_HOP + bin_steps)

    def has_peak(self, times: F64, bins: F64) -> Mask:
        """Return a bool (k,) for k places."""
        low = np.ceil((bins - _HIT_BINS) * _BIN_STEPS).astype(np.int64)
        high = np.floor((bins + _HIT_BINS) * _BIN_STEPS).astype(np.int64)
        first_hop = np.ceil(times - _HIT_HOPS - 0.5).astype(np.int64)
        hits = np.zeros(len(times), dtype=np.bool_)
        for ahead in range(int(2 * _HIT_HOPS) + 2):
            key = (first_hop + ahead) * _KEYS_PER_HOP
            hits |= np.searchsorted(self._keys, key + high, "right") > np.searchsorted(
                self._keys, key + low, "left"
            )
        return hits


def _runs(ratios: F64) -> list[Run]:
    """Return disjoint runs of peaks with a high enough score each, in order of time.

    The best run is found first, then the best ones before and after it.
    """
    runs: list[Run] = []
    open_parts = [(0, len(ratios))]
    while open_parts:
        start, stop = open_parts.pop()
        score, first, last = _best_run(ratios[start:stop])
        if score < _MIN_RUN_NATS:
            continue
        runs.append((start + first, start + last))
        open_parts += [(start, start + first), (start + last, stop)]
    return sorted(runs)


def _best_run(ratios: F64) -> tuple[float, int, int]:
    """Return the slice with the highest sum (Kadane's algorithm): its sum, start and stop."""
    sums = np.concatenate([[0.0], np.cumsum(ratios)])
    rise = sums - np.minimum.accumulate(sums)
    stop = int(rise.argmax())
    return float(rise[stop]), int(sums[: stop + 1].argmin()), stop
