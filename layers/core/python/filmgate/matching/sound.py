"""What the sound of two assets says about each other: peaks that lie on one course.

The evidence is the logarithm of a likelihood ratio: what the peaks of one side find on the other
where the course leads them, against what they find where they have no reason to. So a drone that
finds itself everywhere says nothing, and a few dozen peaks in a row that chance would seldom bring
say all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from filmgate.fingerprint.landmarks import Playing
from filmgate.fingerprint.model import AudioTrack
from filmgate.matching.courses import Course, Peaks, courses
from filmgate.matching.model import Segment

_NEAR_HOPS = 1.5
_NEAR_BINS = 0.9
_FREQUENCIES = 4096
_SHARES = 8
_HIGHEST = 250
_EXTRA, _LEAST_EXTRA = 0.3, 0.08
_RIVALS, _RIVAL_SHARE, _RIVAL_PEAKS = 6, 0.7, 3000
_MOST_SHIFTS, _LEAST_SHIFTS, _LOOKUPS = 24, 4, 200_000
_LEAST_SHIFT, _FARTHEST_SHIFT = 25.0, 400.0
_MIN_PEAKS = 4
_NOTHING = 10.0
_ENOUGH = 40.0
_PLENTY = 60.0
_USUAL, _UNUSUAL_NATS = 0.005, 15.0
_SURE = 0.86
_RUN = 10.0
_STRETCH_GAP_S = 3.0
_SNAP_HOPS = 1.0
_SNAP = 2e-4
_HOP_S = 0.02

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Run = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Sound:
    """The acoustic evidence.

    Attributes:
        score: 0..1.
        votes: peaks of one side that are where the other has them, in the segments.
        coverage: share of the longer side's sound that the segments hold.
        speed: how much faster b plays.
    """

    score: float
    votes: int
    decisive: bool
    coverage: float
    speed: float
    segments: tuple[Segment, ...]


_SILENCE = Sound(0.0, 0, False, 0.0, 1.0, ())


@dataclass(frozen=True, slots=True)
class _Evidence:
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


def hear(a: AudioTrack, b: AudioTrack, playings: tuple[Playing, ...]) -> Sound:
    """Compare sound, played in any of these ways by b.

    After the course with the most evidence others are looked for in what is left of both sides,
    such as what comes after a cut.
    """
    one, other = Peaks.of(a), Peaks.of(b)
    if min(len(one), len(other)) < _MIN_PEAKS:
        return _SILENCE
    weighed = [(course, _weighed(one, other, course)) for course in courses(a, b, playings)]
    if max((found.nats for _, found in weighed), default=0.0) < _PLENTY:
        # What is kept of one side may be what was laid over it.
        turned = (course.back() for course in courses(b, a, playings))
        weighed += [(course, _weighed(one, other, course)) for course in turned]
    weighed.sort(key=lambda pair: -pair[1].nats)
    if not weighed or weighed[0][1].nats <= _NOTHING:
        return _SILENCE
    course, best = weighed[0]
    speed = _snapped(1 / course.slope, best)
    if best.nats < _ENOUGH:
        return Sound(_score(best), best.hits, False, 0.0, speed, ())
    segments, votes = _segments(best, course), best.hits
    for other_course, _ in weighed[1:]:
        rest = _weighed(_without(one, segments, "a"), _without(other, segments, "b"), other_course)
        if rest.nats >= _ENOUGH:
            segments += _segments(rest, other_course)
            votes += rest.hits
    segments = tuple(sorted(segments, key=lambda part: part.a_start))
    return Sound(_score(best), votes, True, _coverage(segments, one, other), speed, segments)


def _score(found: _Evidence) -> float:
    """Certainty first; a match that is certain is the better the clearer it is heard."""
    certain = np.interp(found.nats, (_NOTHING, _ENOUGH, _PLENTY), (0, _SURE, 1))
    clear = np.interp(found.clarity, (0.1, 0.5, 0.75), (_SURE, 0.93, 1))
    return round(float(min(certain, clear)), 4)


def _snapped(speed: float, found: _Evidence) -> float:
    """1 where the course drifts less over its runs than peaks are placed."""
    span = float(found.spans.max() - found.spans.min()) if len(found.spans) else 0.0
    return 1.0 if abs(speed - 1) <= max(_SNAP, _SNAP_HOPS / max(span, 1.0)) else round(speed, 4)


def _weighed(a: Peaks, b: Peaks, course: Course) -> _Evidence:
    """The evidence of the side that has more: the one with fewer peaks of its own, such as one
    that nobody speaks over."""
    there = _one_sided(a, b, course)
    back = _one_sided(b, a, course.back())
    best = there if there.nats >= back.nats else replace(back, spans=course.back().at(back.spans))
    # Many ways of playing are tried, and few copies are played otherwise.
    usual = abs(course.slope - 1) <= _USUAL
    return best if usual else replace(best, nats=best.nats - _UNUSUAL_NATS)


_NO_EVIDENCE = _Evidence(0.0, 0.0, np.zeros((0, 2)), 0)


def _one_sided(a: Peaks, b: Peaks, course: Course) -> _Evidence:
    """What the peaks of a find on b."""
    if not len(b):
        return _NO_EVIDENCE
    low, length = float(b.times[0]), float(np.ptp(b.times)) + 1
    times, bins = course.at(a.times), a.bins * course.pitch
    inside = np.flatnonzero(
        (np.abs(times - low - length / 2) <= length / 2 + 2) & (bins < _HIGHEST)
    )
    if len(inside) < _MIN_PEAKS:
        return _NO_EVIDENCE
    times, bins = times[inside], bins[inside]
    lookup = _Lookup(b)
    hit = lookup.near(times, bins)

    def moved(shifts: Floats) -> Flags:
        return np.stack(
            [lookup.near(low + np.mod(times + by - low, length), bins) for by in shifts]
        )

    wrong = moved(_shifts(len(times), length))
    chance = _chance(wrong)
    weights, runs = _weights(hit, chance, _EXTRA), []
    # The second time as clear as it turned out to be, so that faint copies are found whole.
    for _ in range(2):
        rows = _rows(_runs(weights))
        clarity = _clarity(hit[rows], chance[rows])
        extra = float(np.clip(clarity, _LEAST_EXTRA, _EXTRA))
        weights = _weights(hit, chance, extra)
    runs = _runs(weights)
    rows = _rows(runs)
    best = max((float(weights[start:stop].sum()) for start, stop in runs), default=0.0)
    luck = max(_best_run(_weights(some, chance, extra))[0] for some in wrong)
    rivals = moved(_rivals(times, bins, b))
    rival = max((_best_run(_weights(some, chance, extra))[0] for some in rivals), default=0.0)
    spans = [[a.times[inside[start]], a.times[inside[stop - 1]]] for start, stop in runs]
    return _Evidence(
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


def _segments(found: _Evidence, course: Course) -> tuple[Segment, ...]:
    """Runs as stretches of time, joined where the gaps are short."""
    joined: list[list[float]] = []
    for start, stop in sorted(found.spans.tolist()):
        if joined and (start - joined[-1][1]) * _HOP_S <= _STRETCH_GAP_S:
            joined[-1][1] = max(stop, joined[-1][1])
        else:
            joined.append([start, stop])
    spans = np.array(joined)
    there = course.at(spans) * _HOP_S
    here = spans * _HOP_S
    return tuple(
        Segment(
            a_start=round(float(a[0]), 3),
            a_end=round(float(a[1]), 3),
            b_start=max(0.0, round(float(b[0]), 3)),
            b_end=round(float(b[1]), 3),
        )
        for a, b in zip(here, there, strict=True)
    )


def _without(peaks: Peaks, segments: tuple[Segment, ...], side: str) -> Peaks:
    """The peaks outside of the segments."""
    seconds = peaks.times * _HOP_S
    free = np.ones(len(peaks), dtype=np.bool_)
    for part in segments:
        start, end = getattr(part, f"{side}_start"), getattr(part, f"{side}_end")
        free &= (seconds < start) | (seconds > end)
    return Peaks(peaks.times[free], peaks.bins[free])


def _coverage(segments: tuple[Segment, ...], a: Peaks, b: Peaks) -> float:
    held_a = sum(part.a_end - part.a_start for part in segments)
    held_b = sum(part.b_end - part.b_start for part in segments)
    whole_a = max(1e-3, float(np.ptp(a.times)) * _HOP_S)
    whole_b = max(1e-3, float(np.ptp(b.times)) * _HOP_S)
    return round(min(1.0, held_a / whole_a, held_b / whole_b), 4)
