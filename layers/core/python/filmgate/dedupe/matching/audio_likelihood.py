"""How much speaks for a course: what peaks find where it leads them, as a likelihood ratio.

What they find is held against what they find where they have no reason to, peak by peak. So a
drone that finds itself everywhere says nothing, and a few dozen peaks in a row that chance would
seldom bring say all. Of the evidence that is left, the best that wrong offsets have is taken away,
and most of what the best of them have, where other bars of the same music meet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.matching.audio_alignment import Course, Peaks

MIN_PEAKS = 4

_NEAR_HOPS = 1.5
_NEAR_BINS = 0.9
_FREQUENCIES = 4096
_SHARES = 8
_HIGHEST = 250
_EXTRA, _LEAST_EXTRA = 0.3, 0.08
_RIVALS, _RIVAL_SHARE, _RIVAL_PEAKS = 6, 0.7, 3000
_MOST_SHIFTS, _LEAST_SHIFTS, _LOOKUPS = 24, 4, 200_000
_LEAST_SHIFT, _FARTHEST_SHIFT = 25.0, 400.0
_USUAL, _UNUSUAL_NATS = 0.005, 15.0
_RUN = 10.0

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Run = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the peaks of one side find on the other.

    Attributes:
        nats: of the best run of peaks, over the best that wrong offsets have.
        clarity: share of the peaks in the runs that are there, beyond chance.
        spans: float64 (n, 2), the runs in hops of a.
        hits: peaks found in them.
    """

    nats: float
    clarity: float
    spans: Floats
    hits: int


_NONE = Evidence(0.0, 0.0, np.zeros((0, 2)), 0)


def weighed(a: Peaks, b: Peaks, course: Course) -> Evidence:
    """The evidence of the side that has more: the one with fewer peaks of its own, such as one
    that nobody speaks over."""
    there = _one_sided(a, b, course)
    back = _one_sided(b, a, course.back())
    best = there if there.nats >= back.nats else replace(back, spans=course.back().at(back.spans))
    # Many ways of playing are tried, and few copies are played otherwise.
    usual = abs(course.slope - 1) <= _USUAL
    return best if usual else replace(best, nats=best.nats - _UNUSUAL_NATS)


def _one_sided(a: Peaks, b: Peaks, course: Course) -> Evidence:
    """What the peaks of a find on b."""
    if not len(b):
        return _NONE
    low, length = float(b.times[0]), float(np.ptp(b.times)) + 1
    times, bins = course.at(a.times), a.bins * course.pitch
    inside = np.flatnonzero(
        (np.abs(times - low - length / 2) <= length / 2 + 2) & (bins < _HIGHEST)
    )
    if len(inside) < MIN_PEAKS:
        return _NONE
    times, bins = times[inside], bins[inside]
    lookup = _Lookup(b)

    def moved(shifts: Floats) -> Flags:
        places = (low + np.mod(times + by - low, length) for by in shifts)
        return np.stack([lookup.near(place, bins) for place in places])

    wrong, rivals = moved(_shifts(len(times), length)), moved(_rivals(times, bins, b))
    return _judged(a.times[inside], lookup.near(times, bins), wrong, rivals)


def _judged(times: Floats, hit: Flags, wrong: Flags, rivals: Flags) -> Evidence:
    """The evidence of hits, beside those at wrong offsets, and at rivals among these.

    Args:
        times: of the peaks, in hops.
        hit: bool (k,).
        wrong, rivals: bool (n, k).
    """
    chance, extra = _chance(wrong), _EXTRA
    # Again as clear as it turned out to be, so that faint copies are found whole.
    for _ in range(2):
        rows = _rows(_runs(_weights(hit, chance, extra)))
        extra = float(np.clip(_clarity(hit[rows], chance[rows]), _LEAST_EXTRA, _EXTRA))
    weights = _weights(hit, chance, extra)
    runs = _runs(weights)
    rows = _rows(runs)
    best = max((float(weights[start:stop].sum()) for start, stop in runs), default=0.0)
    luck, rival = (
        max(_best_run(_weights(some, chance, extra))[0] for some in shifted)
        for shifted in (wrong, rivals)
    )
    spans = [[times[start], times[stop - 1]] for start, stop in runs]
    return Evidence(
        nats=best - max(luck, _RIVAL_SHARE * rival),
        clarity=_clarity(hit[rows], chance[rows]),
        spans=np.array(spans).reshape(-1, 2),
        hits=int(hit[rows].sum()),
    )


def _weights(hit: Flags, chance: Floats, extra: float) -> Floats:
    """What each peak says, in nats, if copies find so many more than chance does."""
    expected = chance + (1 - chance) * extra
    gain, loss = np.log(expected / chance), np.log((1 - expected) / (1 - chance))
    return np.asarray(np.where(hit, gain, loss), dtype=np.float64)


def _rows(runs: list[Run]) -> NDArray[np.intp]:
    return np.concatenate([np.zeros(0, np.intp), *(np.arange(*run) for run in runs)])


def _rivals(times: Floats, bins: Floats, b: Peaks) -> Floats:
    """The wrong offsets at which most peaks meet, in hops: other bars of the same music.

    Of long sounds only the middle is looked at.
    """
    middle = slice(max(0, (len(times) - _RIVAL_PEAKS) // 2), (len(times) + _RIVAL_PEAKS) // 2)
    times, bins = times[middle], bins[middle]
    first, last = np.searchsorted(
        b.times, [times[0] - _FARTHEST_SHIFT, times[-1] + _FARTHEST_SHIFT]
    )
    order = np.argsort(b.bins[first:last], kind="stable") + first
    rows = np.searchsorted(b.bins[order], bins - _NEAR_BINS)
    counts = np.searchsorted(b.bins[order], bins + _NEAR_BINS, "right") - rows
    within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    apart = b.times[order[np.repeat(rows, counts) + within]] - np.repeat(times, counts)
    apart = apart[(np.abs(apart) >= _LEAST_SHIFT) & (np.abs(apart) <= _FARTHEST_SHIFT)]
    places = np.rint((apart + _FARTHEST_SHIFT) / 2).astype(np.int64)
    votes = np.convolve(np.bincount(places, minlength=int(_FARTHEST_SHIFT) + 1), (1, 2, 1), "same")
    fullest = np.argsort(-votes, kind="stable")[:_RIVALS]
    return np.asarray(fullest * 2.0 - _FARTHEST_SHIFT, dtype=np.float64)


def _clarity(hit: Flags, chance: Floats) -> float:
    if not len(hit):
        return 0.0
    return float((hit.mean() - chance.mean()) / (1 - chance.mean()))


def _chance(wrong: Flags) -> Floats:
    """How likely each peak is found where it has no business: its own share, drawn towards that
    of all, as after two more trials."""
    share = (wrong.sum(axis=0) + 2 * wrong.mean() + 0.2) / (len(wrong) + 2.2)
    return np.asarray(np.clip(share, 0.01, 0.95))


def _shifts(peaks: int, length: float) -> Floats:
    """Wrong offsets, in hops: spread evenly by the golden ratio, to both sides in turn."""
    count = int(np.clip(_LOOKUPS // peaks, _LEAST_SHIFTS, _MOST_SHIFTS))
    number = np.arange(1, count + 1)
    farthest = min(_FARTHEST_SHIFT, length / 2 + 50)
    share = np.mod(number * 0.6180339887, 1)
    return np.asarray((_LEAST_SHIFT + share * (farthest - _LEAST_SHIFT)) * (-1.0) ** number)


class _Lookup:
    """Tells whether some peak is near."""

    def __init__(self, peaks: Peaks) -> None:
        hops = np.rint(peaks.times).astype(np.int64)
        places = np.rint(peaks.bins * _SHARES).astype(np.int64)
        self._keys = np.sort(hops * _FREQUENCIES + places)

    def near(self, times: Floats, bins: Floats) -> Flags:
        """bool (k,)."""
        low = np.ceil((bins - _NEAR_BINS) * _SHARES).astype(np.int64)
        high = np.floor((bins + _NEAR_BINS) * _SHARES).astype(np.int64)
        first = np.ceil(times - _NEAR_HOPS - 0.5).astype(np.int64)
        found = np.zeros(len(times), dtype=np.bool_)
        for ahead in range(int(2 * _NEAR_HOPS) + 2):
            row = (first + ahead) * _FREQUENCIES
            found |= np.searchsorted(self._keys, row + high, "right") > np.searchsorted(
                self._keys, row + low, "left"
            )
        return found


def _runs(weights: Floats) -> list[Run]:
    """Runs of peaks with enough evidence each, in order: the best one, then those beside it."""
    found: list[Run] = []
    open_parts = [(0, len(weights))]
    while open_parts:
        start, stop = open_parts.pop()
        score, first, last = _best_run(weights[start:stop])
        if score < _RUN:
            continue
        found.append((start + first, start + last))
        open_parts += [(start, start + first), (start + last, stop)]
    return sorted(found)


def _best_run(weights: Floats) -> tuple[float, int, int]:
    """The slice with the highest sum (Kadane): the sum, and where it starts and stops."""
    sums = np.concatenate([[0.0], np.cumsum(weights)])
    rise = sums - np.minimum.accumulate(sums)
    stop = int(rise.argmax())
    return float(rise[stop]), int(sums[: stop + 1].argmin()), stop
