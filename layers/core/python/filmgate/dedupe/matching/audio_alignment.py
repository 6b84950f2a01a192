"""Which moment of one sound is which moment of the other, and how it is played there.

As with pictures (`temporal`), copies lie on straight lines in the plane of the two times. Landmarks
vote for lines; the peaks near a line then say finely how fast and how high the sound is played.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint.constellation import BIN_HZ, HOP_MS
from filmgate.dedupe.fingerprint.landmarks import (
    Landmarks,
    PlaybackVariant,
    index_landmarks,
    query_landmarks,
)
from filmgate.dedupe.fingerprint.model import AudioTrack

_BIN_HOPS = 4
"""Width of a bin of offsets: 80 ms. Two neighbours are counted together."""
_PLAYING_SHIFT = 40
"""Bits for an offset below the number of the playing, in one key."""
_OFFSET_ZERO = 1 << 31
"""Makes offsets positive in that key."""
_LEAST_SPAN = 100
"""Hops added to the spread of offsets, so that a few do not look crowded."""
_MIN_VOTES = 5
"""Landmarks that a course needs,"""
_MIN_DEVIATIONS = 4.0
"""and how far beyond chance they are, in standard deviations."""
_MOST = 4
"""Courses that are weighed: a sound may be cut into pieces, and repeat itself."""
_SAME_HOPS = 25
"""Two courses this close to each other, half a second, are one."""
_FIRST_REACH = 200.0
"""Hops around the votes, four seconds, in which a course is first fitted; then twice that."""
_STEPS = 14
"""Doublings of that reach: 2^13 of it are nine hours."""
_PITCH_TOLERANCE = 0.004
"""How far a pitch may be from the speed's, or from 1: 7 cents."""
_LEAST_PAIRS = 6
"""Pairs of peaks to fit a course through, which has three numbers."""
_MOST_REPEATS = 64
"""A landmark that a side has more often tells nothing."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Peaks:
    """A constellation in hops of 20 ms and bins of 15.6 Hz: float64 (k,), by time."""

    times: Floats
    bins: Floats

    @classmethod
    def of(cls, track: AudioTrack) -> Peaks:
        """The peaks of a track."""
        return cls(track.times_ms / HOP_MS, track.frequencies_hz / BIN_HZ)

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True, slots=True)
class Course:
    """t_b = slope * t_a + offset, in hops, and f_b = pitch * f_a."""

    slope: float
    offset: float
    pitch: float

    def at(self, times: Floats) -> Floats:
        """The times of b at those of a."""
        return times * self.slope + self.offset

    def back(self) -> Course:
        """The same from b to a."""
        return Course(1 / self.slope, -self.offset / self.slope, 1 / self.pitch)


@dataclass(frozen=True, slots=True)
class _Votes:
    """Landmarks that agree: on which course, and about where on a, in hops."""

    course: Course
    centre: float


def courses(a: AudioTrack, b: AudioTrack, playings: tuple[PlaybackVariant, ...]) -> list[Course]:
    """The few courses with the most votes beyond chance, best first.

    Args:
        playings: how b may play a.
    """
    one, other = Peaks.of(a), Peaks.of(b)
    found = (
        _fitted(one, other, votes)
        for votes in _voted(query_landmarks(a, playings), index_landmarks(b), playings)
    )
    return [course for course in found if _plausible(course)]


def _plausible(course: Course) -> bool:
    """The pitch goes with the speed or stays; nobody changes both apart."""
    moved, kept_as_is = abs(course.pitch * course.slope - 1), abs(course.pitch - 1)
    return min(moved, kept_as_is) <= _PITCH_TOLERANCE


def _voted(
    sought: Landmarks, held: Landmarks, playings: tuple[PlaybackVariant, ...]
) -> list[_Votes]:
    """The fullest bins of offsets for what chance brings (deviations of Poisson's distribution),
    each line once."""
    rows, columns = _joined(sought.hashes, held.hashes)
    if len(rows) < _MIN_VOTES:
        return []
    times, playing = sought.times[rows], sought.variants[rows].astype(np.int64)
    offsets = held.times[columns].astype(np.int64) - times
    bins, counts = np.unique(
        (playing << _PLAYING_SHIFT) | (offsets // _BIN_HOPS + _OFFSET_ZERO), return_counts=True
    )
    counts[:-1] += np.where(np.diff(bins) == 1, counts[1:], 0)
    of = bins >> _PLAYING_SHIFT
    span = float(np.ptp(offsets)) + _LEAST_SPAN
    chance = np.bincount(playing, minlength=len(playings))[of] * 2 * _BIN_HOPS / span
    deviations = (counts - chance) / np.sqrt(chance + 1)
    likely = np.flatnonzero((counts >= _MIN_VOTES) & (deviations >= _MIN_DEVIATIONS))
    found: list[_Votes] = []
    for place in likely[np.argsort(-deviations[likely], kind="stable")].tolist():
        number, at = int(of[place]), int(bins[place] & ((1 << _PLAYING_SHIFT) - 1))
        # Two bins were counted: their common border.
        border = (at - _OFFSET_ZERO + 1) * _BIN_HOPS
        here = (playing == number) & (np.abs(offsets - border) <= _BIN_HOPS)
        speed, pitch = playings[number]
        votes = _Votes(
            Course(1 / speed, float(border), pitch), float(np.median(times[here])) * speed
        )
        if not any(_alike(votes, known) for known in found):
            found.append(votes)
        if len(found) == _MOST:
            break
    return found


def _alike(one: _Votes, other: _Votes) -> bool:
    apart = one.course.at(np.array([one.centre])) - other.course.at(np.array([one.centre]))
    return bool(np.abs(apart)[0] <= _SAME_HOPS)


def _joined(
    a: NDArray[np.uint32], b: NDArray[np.uint32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column numbers of equal hashes, without those so common that they tell nothing."""
    order = np.argsort(b, kind="stable")
    first = np.searchsorted(b[order], a, side="left")
    last = np.searchsorted(b[order], a, side="right")
    count = np.where(last - first <= _MOST_REPEATS, last - first, 0)
    rows = np.repeat(np.arange(len(a)), count)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    return rows, order[np.repeat(first, count) + within]


def _fitted(a: Peaks, b: Peaks, votes: _Votes) -> Course:
    """The course through the peaks of both sides: first where the votes are, then farther out."""
    course, reach = votes.course, _FIRST_REACH
    farthest = max(votes.centre - a.times[0], a.times[-1] - votes.centre)
    for step in range(_STEPS):
        tolerance = (6.0, 3.0, 3.0)[step] if step < 3 else 2.0
        some = np.abs(a.times - votes.centre) <= reach
        pairs = _near(a, b, course, np.flatnonzero(some), tolerance, loose=step < 2)
        if len(pairs.times) < _LEAST_PAIRS:
            break
        course = _regressed(course, pairs, votes.centre, reach, tolerance)
        if reach >= farthest and step > 3:
            break
        reach *= 2
    return course


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Peaks close to each other on a course, float64 (k,) each.

    Attributes:
        times: of a's peaks.
        apart: how many hops b's peaks are after where the course leads a's.
        bins: of a's peaks, as b plays them.
        off: how many bins b's peaks are above them.
    """

    times: Floats
    apart: Floats
    bins: Floats
    off: Floats


def _near(
    a: Peaks, b: Peaks, course: Course, some: NDArray[np.intp], tolerance: float, *, loose: bool
) -> _Pairs:
    """All pairs of peaks close to each other on the course."""
    wanted, bins = course.at(a.times[some]), a.bins[some] * course.pitch
    first = np.searchsorted(b.times, wanted - tolerance)
    count = np.searchsorted(b.times, wanted + tolerance) - first
    rows = np.repeat(np.arange(len(some)), count)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    columns = np.repeat(first, count) + within
    off = b.bins[columns] - bins[rows]
    close = np.abs(off) <= (1.5 + 0.01 * bins[rows] if loose else 1.5)
    rows, columns = rows[close], columns[close]
    return _Pairs(a.times[some][rows], b.times[columns] - wanted[rows], bins[rows], off[close])


def _regressed(
    course: Course, pairs: _Pairs, centre: float, reach: float, tolerance: float
) -> Course:
    """Least squares with weights that take outliers away (Geman and McClure, 1985), held close
    to where it started while the pairs are few."""
    after = pairs.times - centre
    design: Floats = np.stack([np.ones_like(after), after], axis=1)
    held = np.diag([1e-3, 1e-3 * len(after) * reach**2 / 30])
    trust = np.ones_like(after)
    moved: Floats = np.zeros(2)
    scale = tolerance / 2
    for _ in range(4):
        trust = _trust(pairs.apart - design @ moved, scale)
        weighted = trust[:, None] * design
        solved = np.linalg.solve(design.T @ weighted + held, weighted.T @ pairs.apart)
        moved = solved.astype(np.float64, copy=False)
        scale = max(0.5, 1.2 * float(np.median(np.abs(pairs.apart - design @ moved))))
    weight = trust / (1 + (pairs.off / 0.7) ** 2)
    higher = np.sum(weight * pairs.off * pairs.bins) / (np.sum(weight * pairs.bins**2) + 1e3)
    return Course(
        slope=course.slope + float(moved[1]),
        offset=course.offset + float(moved[0] - moved[1] * centre),
        pitch=course.pitch * (1 + float(higher)),
    )


def _trust(apart: Floats, scale: float) -> Floats:
    return np.asarray(1 / (1 + (apart / scale) ** 2) ** 2, dtype=np.float64)
