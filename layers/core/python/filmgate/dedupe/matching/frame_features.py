"""The frames of an asset that can be matched, and changes that matched frames reveal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from filmgate.arrays import F32, I8
from filmgate.dedupe.fingerprint.model import Fingerprint, FrameTrack
from filmgate.dedupe.matching.model import FramePair, Segment, Transform
from filmgate.dedupe.matching.overlay import has_localised_overlay
from filmgate.dedupe.matching.transform import (
    Box,
    FrameSet,
    Registration,
    apply_transform,
    oriented_box,
)

# Constants without another source are hand-set on the tuning half of the matching benchmark.

_MAX_FRAMES = 2400
"""Frames of a side that are compared, evenly spaced: two sides make a matrix of 23 MB."""
_RECOLOURED = 1.5
"""Difference of a mean or deviation in `FrameTrack.chroma` beyond what encoding causes."""
_LETTERBOXED = 0.065
"""Share of a side by which black bars must differ. Measured: copies without new bars reach 0.04,
copies with new ones start at 0.08."""
_SAME_AREA = 0.02
"""Share of a side by which the edges of the same area may differ: twice the last step of
`crop_refinement`."""
_PADDED_S = 0.4
_PADDED_SHARE = 0.05
"""Seconds, or share of the duration, by which blank ends must differ: as `visual` requires of
what a part lacks."""
_MAX_SAMPLING_GAP_S = 0.6
"""The longest time that fingerprinting skips, and one frame more."""


@dataclass(frozen=True, slots=True)
class VisualEvidence:
    """Result of comparing the frames of two assets.

    Attributes:
        score: 0..1.
        decisive: the frames prove that both show the same material.
        transform: what was done to `a` to get `b`, without changes of the audio.
        coverage: share of the longer side that is aligned, 0..1; None without a time axis.
        segments: aligned segments.
        pairs: a few matched frames for people to look at.
    """

    score: float
    decisive: bool
    transform: Transform
    coverage: float | None = None
    segments: tuple[Segment, ...] = ()
    pairs: tuple[FramePair, ...] = ()


@dataclass(frozen=True, slots=True)
class MatchableFrames:
    """The n frames of an asset that are worth matching.

    Attributes:
        times: float32 (n,), seconds.
        coefficients: int8 (n, 16, 16), as stored.
        chroma: int8 (n, 4), see `FrameTrack.chroma`.
        shown_s: seconds for which these frames are shown.
        max_gap_s: the longest gap between any two sampled frames that is due to sampling.
        active_area: the part of the picture inside its black bars.
        blank_ends_s: seconds before the first of these frames, and after the last.
        frame_set: the same frames for registration.
    """

    times: F32
    coefficients: I8
    chroma: I8
    shown_s: float
    max_gap_s: float
    active_area: Box
    blank_ends_s: tuple[float, float]
    frame_set: FrameSet


class OrientationChange(TypedDict):
    """The fields of `model.Transform` that an orientation determines."""

    mirror: bool
    turn: int
    tilt: float


def has_visual_content(fingerprint: Fingerprint) -> bool:
    """Whether an asset has frames worth matching."""
    return fingerprint.frames is not None and bool(len(fingerprint.frames.worth_matching()))


def matchable_frames(fingerprint: Fingerprint) -> MatchableFrames | None:
    """Return the frames worth matching, at most 2,400; None where there are none."""
    track: FrameTrack | None = fingerprint.frames
    if track is None:
        return None
    rows = track.worth_matching()
    if not len(rows):
        return None
    max_gap_s = _max_sampling_gap_s(track.times_s)
    shown_s = _frame_duration_s(track.times_s, max_gap_s) * len(rows)
    if len(rows) > _MAX_FRAMES:
        rows = rows[np.linspace(0, len(rows) - 1, _MAX_FRAMES).astype(int)]
    coefficients = track.coefficients[rows]
    info = fingerprint.info
    aspect = info.width / info.height if info.width and info.height else 1.0
    times = track.times_s[rows]
    return MatchableFrames(
        times=times,
        coefficients=coefficients,
        chroma=track.chroma[rows],
        shown_s=shown_s,
        max_gap_s=max_gap_s,
        active_area=_box(track.bars),
        blank_ends_s=(float(times[0] - track.times_s[0]), float(track.times_s[-1] - times[-1])),
        frame_set=FrameSet(coefficients, aspect, _box(track.motion_region), fingerprint.keypoints),
    )


def _box(edges: F32) -> Box:
    top, bottom, left, right = edges.tolist()
    return top, bottom, left, right


def _max_sampling_gap_s(times: F32) -> float:
    """Return the longest gap in seconds that is due to sampling.

    Longer gaps are frames that a video shows for longer.
    """
    gaps = np.diff(times)
    return float(gaps[gaps <= _MAX_SAMPLING_GAP_S].max(initial=0.0))


def _frame_duration_s(times: F32, max_gap_s: float) -> float:
    """Return the seconds that one frame stands for."""
    if len(times) < 2:
        return 0.0
    median = float(np.median(np.diff(times)))
    # Where sampling skipped some parts, the median distance does not account for them.
    return median if max_gap_s < 2 * median else float(np.ptp(times)) / (len(times) - 1)


def orientation_change(registration: Registration) -> OrientationChange:
    """Return what was done to `a` to get `b`: the inverse of the transform of `b`."""
    b = registration.b
    if b.mirror:
        # The mirror comes first, so a rotation is undone by the same rotation.
        return {"mirror": True, "turn": b.right_angle_deg, "tilt": b.rotation_deg}
    return {"mirror": False, "turn": -b.right_angle_deg % 360, "tilt": 0.0 - b.rotation_deg}


def has_overlay(a: I8, b: I8, registration: Registration) -> bool:
    """Whether something covers a part of one side.

    Args:
        a, b: int8 (n, 16, 16), coefficients of aligned frames.
    """
    return registration.excludes_strip or has_localised_overlay(
        apply_transform(a, registration.a), apply_transform(b, registration.b)
    )


def is_cropped(a: MatchableFrames, b: MatchableFrames, registration: Registration) -> bool:
    """Whether one side shows a part of the other's picture.

    A dark line at an edge may be taken for a black bar on one side only, and is then trimmed
    before the comparison; that is not a crop.
    """
    trimmed_on_one_side = not is_letterboxed(a, b, registration) and _show_same_area(
        a, b, registration
    )
    return registration.is_cropped and not trimmed_on_one_side


def is_letterboxed(a: MatchableFrames, b: MatchableFrames, registration: Registration) -> bool:
    """Whether their black bars differ by more than the error of finding them."""
    return _edge_distance(a.active_area, _oriented_area(b, registration)) > _LETTERBOXED


def _show_same_area(a: MatchableFrames, b: MatchableFrames, registration: Registration) -> bool:
    """Whether the matching part lies at the same place of both pictures, including black bars."""
    a_area = _compose(a.active_area, registration.a.box)
    b_area = _compose(_oriented_area(b, registration), registration.b.box)
    return _edge_distance(a_area, b_area) < _SAME_AREA


def _oriented_area(b: MatchableFrames, registration: Registration) -> Box:
    return oriented_box(b.active_area, registration.b.mirror, registration.b.right_angle_deg)


def _compose(outer: Box, inner: Box) -> Box:
    """Convert a box that is given in shares of another box to shares of the picture."""
    height, width = outer[1] - outer[0], outer[3] - outer[2]
    return (
        outer[0] + inner[0] * height,
        outer[0] + inner[1] * height,
        outer[2] + inner[2] * width,
        outer[2] + inner[3] * width,
    )


def _edge_distance(a: Box, b: Box) -> float:
    return max(abs(a_edge - b_edge) for a_edge, b_edge in zip(a, b, strict=True))


def is_black_padded(a: MatchableFrames, b: MatchableFrames, speed: float) -> bool:
    """Whether one side has blank frames before or after the rest that the other lacks.

    The difference must exceed what sampling can miss.

    Args:
        speed: how much faster `b` plays.
    """
    ends = zip(a.blank_ends_s, b.blank_ends_s, strict=True)
    differences = [abs(a_end - b_end * speed) for a_end, b_end in ends]
    max_gap_s = max(a.max_gap_s, b.max_gap_s * speed)
    return max(differences) > max(_PADDED_S, max_gap_s, _PADDED_SHARE * a.shown_s)


def is_recoloured(a: I8, b: I8) -> bool:
    """Whether the colours of aligned frames differ.

    The chroma features are of full frames, so both sides must show the full frame.

    Args:
        a, b: int8 (n, 4), see `FrameTrack.chroma`.
    """
    difference = np.abs(a.astype(np.float32).mean(axis=0) - b.astype(np.float32).mean(axis=0))
    return bool(difference.max() > _RECOLOURED)


def interpolate(value: float, inputs: tuple[float, ...], outputs: tuple[float, ...]) -> float:
    """Interpolate linearly between the points of a curve; to four decimal places."""
    return round(float(np.interp(value, inputs, outputs)), 4)


def clamp_unit(value: float) -> float:
    """Clip to 0..1, to four decimal places."""
    return round(min(1.0, max(0.0, value)), 4)
