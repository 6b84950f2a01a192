"""The drawing of the aligned segments of two files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from filmgate.dedupe.matching.descriptions import timecode
from filmgate.dedupe.matching.model import Segment

WIDTH = 640
HEIGHT = 104
_LEFT = 24
_RIGHT = WIDTH - 28
_TOP_BAR = 22
_BAR = 14
_LOW_BAR = 68


@dataclass(frozen=True, slots=True)
class Band:
    """One aligned stretch in drawing units, with its times in words."""

    a_x: float
    a_width: float
    b_x: float
    b_width: float
    polygon: str
    words: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Two bars on one time scale, as long as the files. `ticks` are (x, label)."""

    width: int
    height: int
    left: int
    a_length: float
    b_length: float
    top: int
    low: int
    bar: int
    bands: tuple[Band, ...]
    ticks: tuple[tuple[float, str], ...]


def timeline(
    segments: Sequence[Segment], a_duration_s: float | None, b_duration_s: float | None
) -> Timeline | None:
    """A drawing of the segments; None without segments.

    A file of unknown length is drawn up to its last aligned second.
    """
    a_end = max([a_duration_s or 0.0, *(s.a_end for s in segments)])
    b_end = max([b_duration_s or 0.0, *(s.b_end for s in segments)])
    end = max(a_end, b_end)
    if not segments or end <= 0:
        return None
    scale = (_RIGHT - _LEFT) / end
    return Timeline(
        WIDTH,
        HEIGHT,
        _LEFT,
        round(a_end * scale, 1),
        round(b_end * scale, 1),
        _TOP_BAR,
        _LOW_BAR,
        _BAR,
        tuple(_band(segment, scale) for segment in segments),
        tuple((round(_LEFT + t * scale, 1), timecode(t)) for t in _ticks(end)),
    )


def _band(segment: Segment, scale: float) -> Band:
    a0, a1, b0, b1 = (
        round(_LEFT + max(0.0, t) * scale, 1)
        for t in (segment.a_start, segment.a_end, segment.b_start, segment.b_end)
    )
    top, low = _TOP_BAR + _BAR, _LOW_BAR
    return Band(
        a0,
        max(1.0, round(a1 - a0, 1)),
        b0,
        max(1.0, round(b1 - b0, 1)),
        f"{a0},{top} {a1},{top} {b1},{low} {b0},{low}",
        f"A {timecode(segment.a_start)} to {timecode(segment.a_end)} shows the same as "
        f"B {timecode(segment.b_start)} to {timecode(segment.b_end)}",
    )


def _ticks(end: float) -> list[float]:
    """Up to seven round times from 0 to the end."""
    for step in (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200):
        if end / step <= 6:
            return [i * step for i in range(int(end / step) + 1)]
    return [0.0, end]
