"""What is seen of one asset, and what two assets are seen to have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint.model import Fingerprint, FrameTrack
from filmgate.dedupe.matching.model import FramePair, Segment
from filmgate.dedupe.matching.overlay import marked
from filmgate.dedupe.matching.transform import Box, Floats, Pictures, Views, look, turned_box

_MOST_FRAMES = 2400
"""Frames of a side that are compared, evenly spread: the table of both is 23 MB."""
_RECOLOURED = 1.5
"""Difference of a mean or deviation in `FrameTrack.chroma` beyond what encoding does."""
_BAR = 0.065
"""Share of a side by which bars must differ: copies without new ones reach 0.04, those with bars
begin at 0.08."""
_FRAMING = 0.02
"""Share of a side by which edges of one framing are found apart: twice the last step of cuts."""
_END_S = 0.4
_END_SHARE = 0.05
"""Blank seconds, or share of a side's time, by which ends must differ: as for parts in `sight`."""
_MOST_UNSEEN_S = 0.6
"""What fingerprinting leaves unseen at most, and a picture."""


@dataclass(frozen=True, slots=True)
class Sight:
    """The visual evidence.

    Attributes:
        score: 0..1.
        decisive: it can be nothing but the same material.
        coverage: share of the longer side that is aligned, 0..1; None where there is no time.
        speed: how much faster b plays.
        cropped, barred, padded, trimmed: see `model.Transform`.
    """

    score: float
    decisive: bool
    views: Views
    cropped: bool = False
    overlaid: bool = False
    recoloured: bool = False
    barred: bool = False
    padded: bool = False
    trimmed: bool = False
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
        bars: the part of the picture inside its bars.
        blank_s: seconds before the first of these frames, and after the last.
    """

    times: Floats
    coefficients: NDArray[np.int8]
    chroma: NDArray[np.int8]
    seconds: float
    unseen_s: float
    bars: Box
    blank_s: tuple[float, float]
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
    unseen_s = _widest_gap(track.times_s)
    seconds = _step(track.times_s, unseen_s) * len(rows)
    if len(rows) > _MOST_FRAMES:
        rows = rows[np.linspace(0, len(rows) - 1, _MOST_FRAMES).astype(int)]
    coefficients = track.coefficients[rows]
    info = fingerprint.info
    aspect = info.width / info.height if info.width and info.height else 1.0
    times = track.times_s[rows]
    return Usable(
        times=times,
        coefficients=coefficients,
        chroma=track.chroma[rows],
        seconds=seconds,
        unseen_s=unseen_s,
        bars=_box(track.bars),
        blank_s=(float(times[0] - track.times_s[0]), float(track.times_s[-1] - times[-1])),
        pictures=Pictures(coefficients, aspect, _box(track.motion_region), fingerprint.keypoints),
    )


def _box(edges: Floats) -> Box:
    top, bottom, left, right = edges.tolist()
    return top, bottom, left, right


def _widest_gap(times: Floats) -> float:
    """Seconds between pictures, the most that are the sampling's own: a film may show one picture
    for longer than any sampling leaves out."""
    gaps = np.diff(times)
    return float(gaps[gaps <= _MOST_UNSEEN_S].max(initial=0.0))


def _step(times: Floats, unseen_s: float) -> float:
    """Seconds that one frame stands for."""
    if len(times) < 2:
        return 0.0
    usual = float(np.median(np.diff(times)))
    # Where parts went unseen, the usual distance tells nothing of them.
    return usual if unseen_s < 2 * usual else float(np.ptp(times)) / (len(times) - 1)


def overlaid(a: NDArray[np.int8], b: NDArray[np.int8], views: Views) -> bool:
    return views.overlaid or marked(look(a, views.a), look(b, views.b))


def cropped(a: Usable, b: Usable, views: Views) -> bool:
    """Whether one shows a part of the other's picture.

    A line of dark edge may be taken for a bar on one side only, and is cut off there before
    anything is compared: that is no crop.
    """
    flickers = not barred(a, b, views) and _framed_alike(a, b, views)
    return views.cut and not flickers


def barred(a: Usable, b: Usable, views: Views) -> bool:
    """Whether their bars differ by more than finding them is sure of."""
    return _apart(a.bars, turned_box(b.bars, views.b.mirror, views.b.turn)) > _BAR


def _framed_alike(a: Usable, b: Usable, views: Views) -> bool:
    """What agrees has one place in both files' pictures, bars and all."""
    there = turned_box(b.bars, views.b.mirror, views.b.turn)
    return _apart(_within(a.bars, views.a.box), _within(there, views.b.box)) < _FRAMING


def _within(outer: Box, inner: Box) -> Box:
    """A box given in shares of another one, in shares of the whole."""
    height, width = outer[1] - outer[0], outer[3] - outer[2]
    return (
        outer[0] + inner[0] * height,
        outer[0] + inner[1] * height,
        outer[2] + inner[2] * width,
        outer[2] + inner[3] * width,
    )


def _apart(a: Box, b: Box) -> float:
    return max(abs(one - other) for one, other in zip(a, b, strict=True))


def padded(a: Usable, b: Usable, speed: float) -> bool:
    """Whether one has blank pictures before or after the rest, by more than sampling misses.

    Args:
        speed: how much faster b plays.
    """
    gaps = [abs(one - other * speed) for one, other in zip(a.blank_s, b.blank_s, strict=True)]
    unseen_s = max(a.unseen_s, b.unseen_s * speed)
    return max(gaps) > max(_END_S, unseen_s, _END_SHARE * a.seconds)


def recoloured(a: NDArray[np.int8], b: NDArray[np.int8]) -> bool:
    """Whether the colours of aligned frames differ, which must show the same.

    Kept of colour are a mean and a deviation of each frame, so nothing can be said of a part.

    Args:
        a, b: int8 (n, 4), see `FrameTrack.chroma`.
    """
    gap = np.abs(a.astype(np.float32).mean(axis=0) - b.astype(np.float32).mean(axis=0))
    return bool(gap.max() > _RECOLOURED)


def curve(value: float, at: tuple[float, ...], to: tuple[float, ...]) -> float:
    return round(float(np.interp(value, at, to)), 4)


def unit(value: float) -> float:
    return round(min(1.0, max(0.0, value)), 4)
