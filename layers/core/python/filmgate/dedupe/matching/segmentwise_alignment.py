"""Films whose framing changes between scenes, told part by part.

A copy is cut or set into another picture as a whole, but where some scenes of the film have black
bars and others none, no one view fits them all. Once it is known which moment is which, each part
can be looked at in a view of its own.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.matching.arrays import F32
from filmgate.dedupe.matching.frame_features import Usable
from filmgate.dedupe.matching.motion_correlation import along
from filmgate.dedupe.matching.spatial_alignment import register_frames
from filmgate.dedupe.matching.temporal_alignment import Line, Stretch
from filmgate.dedupe.matching.transform import (
    Registration,
    apply_transform,
    shared_band,
    unit_vectors,
)

_PART_S = 2.0
"""Seconds looked at in one view: shorter than most scenes, long enough for change."""
_MOST_PARTS = 60
"""Longer films have longer parts: each part costs a search for views, some 30 ms."""
_ALIKE = 0.75
"""Median similarity of a part that counts."""
_TOGETHER = 0.75
"""Correlation of what changes in it; as `residual` asks of whole films, a little more."""
_QUIET = 0.1
"""Below this share of change there is nothing to correlate,"""
_QUIET_ALIKE = 0.93
"""and the pictures must be this much alike instead."""
_LEAST_FRAMES = 6
"""Fewer say nothing of a part, or of a pair."""
_LEAST_SHARE = 0.6
"""Of the common time, that parts which hold must make up."""

Scene = tuple[Stretch, Registration]


def scenes(a: Usable, b: Usable, line: Line) -> list[Scene]:
    """The parts of the common time in which both show the same, each with its views.

    Where next to nothing moves, they need only be alike. None where they are the lesser part of
    the time, or in none of them the pictures move together as one place alone would not make them.
    """
    rows, columns = _pairs(a.times, b.times, line)
    if len(rows) < _LEAST_FRAMES:
        return []
    parts = round(float(np.ptp(a.times[rows])) / _PART_S)
    parts = max(1, min(parts, len(rows) // _LEAST_FRAMES, _MOST_PARTS))
    found: list[Scene] = []
    moved = False
    for some in np.array_split(np.arange(len(rows)), parts):
        stretch, views = _scene(a, b, line, rows[some], columns[some])
        change = along(a, b, stretch, views)
        similarity = float(np.median(stretch.similarity))
        together = change.correlation >= _TOGETHER and not change.still
        quiet = change.energy < _QUIET and similarity >= _QUIET_ALIKE
        if similarity >= _ALIKE and (together or quiet):
            found.append((stretch, views))
            moved |= together and change.telling
    held = sum(len(stretch.rows) for stretch, _ in found)
    return found if moved and held >= _LEAST_SHARE * len(rows) else []


def _pairs(a_times: F32, b_times: F32, line: Line) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Frames of both at the same moments, as far as the line leads through both."""
    expected = line.at(a_times.astype(np.float64))
    rows = np.flatnonzero((expected >= b_times[0]) & (expected <= b_times[-1]))
    if len(b_times) < 2:
        return rows, np.zeros(len(rows), dtype=np.int64)
    after = np.clip(np.searchsorted(b_times, expected[rows]), 1, len(b_times) - 1)
    nearer = expected[rows] - b_times[after - 1] < b_times[after] - expected[rows]
    return rows, np.where(nearer, after - 1, after)


def _scene(
    a: Usable, b: Usable, line: Line, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> Scene:
    first, second = (
        replace(side.pictures, coefficients=side.coefficients[some])
        for side, some in ((a, rows), (b, columns))
    )
    views = register_frames(first, second)
    band = shared_band(views.a, views.b)
    one = unit_vectors(apply_transform(first.coefficients, views.a), band)
    other = unit_vectors(apply_transform(second.coefficients, views.b), band)
    return Stretch(line, rows, columns, (one * other).sum(axis=1)), views
