"""What is seen of one asset, and what two assets are seen to have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filmgate.fingerprint.model import Fingerprint, FrameTrack
from filmgate.matching.model import FramePair, Segment
from filmgate.matching.overlay import marked
from filmgate.matching.temporal import widest_gap
from filmgate.matching.view import Floats, Pictures, Views, look

_MOST_FRAMES = 2400
"""Frames of a side that are compared, evenly spread: the table of both is 23 MB."""
_RECOLOURED = 1.5
"""Difference of a mean or deviation in `FrameTrack.chroma` beyond what encoding does."""


@dataclass(frozen=True, slots=True)
class Sight:
    """The visual evidence.

    Attributes:
        score: 0..1.
        decisive: it can be nothing but the same material.
        coverage: share of the longer side that is aligned, 0..1; None where there is no time.
        speed: how much faster b plays.
    """

    score: float
    decisive: bool
    views: Views
    overlaid: bool = False
    recoloured: bool = False
    partial: bool = False
    coverage: float | None = None
    speed: float = 1.0
    segments: tuple[Segment, ...] = ()
    pairs: tuple[FramePair, ...] = ()


@dataclass(frozen=True, slots=True)
class Usable:
    """Frames worth matching.

    Attributes:
        seconds: how long they are shown.
        unseen_s: the widest gap that sampling left, among all frames.
    """

    times: Floats
    coefficients: NDArray[np.int8]
    chroma: NDArray[np.int8]
    seconds: float
    unseen_s: float
    pictures: Pictures


def shows(fingerprint: Fingerprint) -> bool:
    """It has pictures worth matching."""
    return fingerprint.frames is not None and bool(len(fingerprint.frames.worth_matching()))


def usable(fingerprint: Fingerprint) -> Usable | None:
    track: FrameTrack | None = fingerprint.frames
    if track is None:
        return None
    rows = track.worth_matching()
    if not len(rows):
        return None
    unseen_s = widest_gap(track.times_s)
    seconds = _step(track.times_s, unseen_s) * len(rows)
    if len(rows) > _MOST_FRAMES:
        rows = rows[np.linspace(0, len(rows) - 1, _MOST_FRAMES).astype(int)]
    coefficients = track.coefficients[rows]
    info = fingerprint.info
    aspect = info.width / info.height if info.width and info.height else 1.0
    top, bottom, left, right = (float(edge) for edge in track.stirring)
    pictures = Pictures(coefficients, aspect, (top, bottom, left, right), fingerprint.keypoints)
    return Usable(
        track.times_s[rows], coefficients, track.chroma[rows], seconds, unseen_s, pictures
    )


def _step(times: Floats, unseen_s: float) -> float:
    """Seconds that one frame stands for."""
    if len(times) < 2:
        return 0.0
    usual = float(np.median(np.diff(times)))
    # Where parts went unseen, the usual distance tells nothing of them.
    return usual if unseen_s < 2 * usual else float(np.ptp(times)) / (len(times) - 1)


def overlaid(a: NDArray[np.int8], b: NDArray[np.int8], views: Views) -> bool:
    return views.overlaid or marked(look(a, views.a), look(b, views.b))


def recoloured(a: NDArray[np.int8], b: NDArray[np.int8]) -> bool:
    gap = np.abs(a.astype(np.float32).mean(axis=0) - b.astype(np.float32).mean(axis=0))
    return bool(gap.max() > _RECOLOURED)


def curve(value: float, at: tuple[float, ...], to: tuple[float, ...]) -> float:
    return round(float(np.interp(value, at, to)), 4)


def unit(value: float) -> float:
    return round(min(1.0, max(0.0, value)), 4)
