"""What the sound of two assets says about each other: how sure it is, since when and how played."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint.landmarks import PlaybackVariant
from filmgate.dedupe.fingerprint.model import AudioTrack
from filmgate.dedupe.matching.audio_alignment import Course, Peaks, courses
from filmgate.dedupe.matching.audio_likelihood import MIN_PEAKS, Evidence, weighed
from filmgate.dedupe.matching.model import Segment

_NOTHING = 10.0
"""Nats of evidence up to which nothing was heard."""
_ENOUGH = 40.0
"""Nats from which on it is the same recording."""
_PLENTY = 60.0
"""Nats from which on looking the other way round would add nothing."""
_SURE = 0.86
"""Score of what is just certain, as `settings.NEAR_FLOOR`."""
_STRETCH_GAP_S = 3.0
"""Seconds between two runs of peaks that are one segment."""
_SNAP_HOPS = 1.0
"""Drift over a whole course, in hops, that peaks are not placed finely enough to tell,"""
_SNAP = 2e-4
"""and as a share of the speed, for long ones."""
_HOP_S = 0.02
"""Of the constellation."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sound:
    """The acoustic evidence.

    Attributes:
        score: 0..1.
        peaks: those of one side that are where the other has them, in the segments.
        coverage: share of the longer side's sound that the segments hold.
        speed: how much faster b plays.
    """

    score: float
    peaks: int
    decisive: bool
    coverage: float
    speed: float
    segments: tuple[Segment, ...]


_SILENCE = Sound(0.0, 0, False, 0.0, 1.0, ())


def hear(a: AudioTrack, b: AudioTrack, playings: tuple[PlaybackVariant, ...]) -> Sound:
    """Compare sound, played in any of these ways by b.

    After the course with the most evidence others are looked for in what is left of both sides,
    such as what comes after a cut.
    """
    one, other = Peaks.of(a), Peaks.of(b)
    if min(len(one), len(other)) < MIN_PEAKS:
        return _SILENCE
    heard = [(course, weighed(one, other, course)) for course in courses(a, b, playings)]
    if max((found.nats for _, found in heard), default=0.0) < _PLENTY:
        # What is kept of one side may be what was laid over it.
        backwards = tuple(PlaybackVariant(1 / how.speed, 1 / how.pitch) for how in playings)
        turned = (course.back() for course in courses(b, a, backwards))
        heard += [(course, weighed(one, other, course)) for course in turned]
    heard.sort(key=lambda pair: -pair[1].nats)
    if not heard or heard[0][1].nats <= _NOTHING:
        return _SILENCE
    course, best = heard[0]
    speed = _snapped(1 / course.slope, best)
    if best.nats < _ENOUGH:
        return Sound(_score(best), best.hits, False, 0.0, speed, ())
    segments, peaks = _segments(best, course), best.hits
    for other_course, _ in heard[1:]:
        rest = weighed(_without(one, segments, "a"), _without(other, segments, "b"), other_course)
        if rest.nats >= _ENOUGH:
            segments += _segments(rest, other_course)
            peaks += rest.hits
    segments = tuple(sorted(segments, key=lambda part: part.a_start))
    return Sound(_score(best), peaks, True, _coverage(segments, one, other), speed, segments)


def _score(found: Evidence) -> float:
    """Certainty first; a match that is certain is the better the clearer it is heard."""
    certain = np.interp(found.nats, (_NOTHING, _ENOUGH, _PLENTY), (0, _SURE, 1))
    clear = np.interp(found.clarity, (0.1, 0.5, 0.75), (_SURE, 0.93, 1))
    return round(float(min(certain, clear)), 4)


def _snapped(speed: float, found: Evidence) -> float:
    """1 where the course drifts less over its runs than peaks are placed."""
    span = float(found.spans.max() - found.spans.min()) if len(found.spans) else 0.0
    return 1.0 if abs(speed - 1) <= max(_SNAP, _SNAP_HOPS / max(span, 1.0)) else round(speed, 4)


def _segments(found: Evidence, course: Course) -> tuple[Segment, ...]:
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
            a_start=max(0.0, round(float(a[0]), 3)),
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
