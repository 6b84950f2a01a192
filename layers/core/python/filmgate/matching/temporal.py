"""Which moment of one video is which moment of the other.

Copies lie on straight lines in the plane of the two times: the slope is the speed, the intercept
the offset. Pairs of similar frames vote for lines, weighted by how much more similar they are
than is usual for either frame, so that a still background votes for none.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_MAX_LINES = 4
_MAX_VOTES = 40_000
_MIN_SIMILARITY = 0.35
_MIN_EXCESS = 0.06
_BIN_S = 0.2
_PLAIN_SPEED_BONUS = 1.1
_SNAP = 0.004
_MATCH = 0.55
_BRIDGE_S = 1.0
_MIN_SECONDS = 0.4
_MIN_FRAMES = 3
SPEEDS = np.round(np.arange(0.70, 1.4501, 0.01), 2)


@dataclass(frozen=True, slots=True)
class Line:
    """t_b = t_a / speed + offset, in seconds."""

    speed: float
    offset: float

    def at(self, a_time: NDArray[np.float64]) -> NDArray[np.float64]:
        return a_time / self.speed + self.offset


@dataclass(frozen=True, slots=True)
class Stretch:
    """Aligned frames of one segment: row and column numbers, and their similarities."""

    line: Line
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    similarity: Floats


def align(table: Floats, a_times: Floats, b_times: Floats) -> list[Stretch]:
    """All stretches in which two videos run along each other, longest first.

    Args:
        table: float32 (n, m), similarities of frames, -1..1.
        a_times, b_times: float32 (n,) and (m,), seconds, ascending.
    """
    free = table.copy()
    found: list[Stretch] = []
    for _ in range(_MAX_LINES):
        line = _best_line(free, a_times, b_times)
        if line is None:
            break
        stretches = _stretches(free, a_times, b_times, line)
        if not stretches:
            break
        found += stretches
        for stretch in stretches:
            free[stretch.rows[0] : stretch.rows[-1] + 1] = 0
            first, last = sorted((stretch.columns[0], stretch.columns[-1]))
            free[:, first : last + 1] = 0
    return sorted(found, key=lambda stretch: -len(stretch.rows))


def _best_line(table: Floats, a_times: Floats, b_times: Floats) -> Line | None:
    usual = np.maximum(
        np.median(table, axis=1, keepdims=True), np.median(table, axis=0, keepdims=True)
    )
    excess = np.where(table >= _MIN_SIMILARITY, table - usual, 0)
    rows, columns = np.nonzero(excess > _MIN_EXCESS)
    if len(rows) < _MIN_FRAMES:
        return _still_line(table, a_times, b_times)
    votes = excess[rows, columns]
    if len(rows) > _MAX_VOTES:
        keep = np.argpartition(-votes, _MAX_VOTES)[:_MAX_VOTES]
        rows, columns, votes = rows[keep], columns[keep], votes[keep]
    a, b = a_times[rows].astype(np.float64), b_times[columns].astype(np.float64)
    return _refined(_voted(a, b, votes), a, b, votes)


def _still_line(table: Floats, a_times: Floats, b_times: Floats) -> Line | None:
    """For pictures that do not move every offset is as good: the earliest."""
    if float(table.max(initial=0)) < _MATCH:
        return None
    row, column = np.unravel_index(int(np.argmax(table >= _MATCH)), table.shape)
    return Line(1.0, float(b_times[column] - a_times[row]))


def _voted(a: NDArray[np.float64], b: NDArray[np.float64], votes: Floats) -> Line:
    best = (-1.0, Line(1.0, 0.0))
    for speed in SPEEDS:
        offsets = b - a / speed
        lowest = float(offsets.min())
        bins = ((offsets - lowest) / _BIN_S).astype(np.int64)
        sums = np.bincount(bins, weights=votes)
        sums = sums + 0.5 * np.r_[sums[1:], 0] + 0.5 * np.r_[0, sums[:-1]]
        top = int(sums.argmax())
        score = float(sums[top]) * (_PLAIN_SPEED_BONUS if speed == 1.0 else 1.0)
        if score > best[0]:
            best = (score, Line(float(speed), lowest + (top + 0.5) * _BIN_S))
    return best[1]


def _refined(line: Line, a: NDArray[np.float64], b: NDArray[np.float64], votes: Floats) -> Line:
    """Weighted least squares over the pairs near the line, closing in."""
    for reach in (0.4, 0.25, 0.15):
        near = np.abs(b - line.at(a)) < reach
        if near.sum() < _MIN_FRAMES:
            return line
        weight, x, y = votes[near] ** 2, a[near], b[near]
        mean_x, mean_y = np.average(x, weights=weight), np.average(y, weights=weight)
        spread = float(np.sum(weight * (x - mean_x) ** 2))
        slope = 1.0 / line.speed
        if spread > 1e-6 and np.ptp(x) > 1.0:
            slope = float(np.sum(weight * (x - mean_x) * (y - mean_y)) / spread)
        speed = 1.0 / float(np.clip(slope, 0.5, 2.0))
        if abs(speed - 1.0) < max(_SNAP, 0.05 / max(float(np.ptp(x)), 0.1)):
            speed = 1.0
        line = Line(speed, float(mean_y - mean_x / speed))
    return line


def _stretches(table: Floats, a_times: Floats, b_times: Floats, line: Line) -> list[Stretch]:
    expected = line.at(a_times.astype(np.float64))
    step = float(np.median(np.diff(b_times))) if len(b_times) > 1 else _BIN_S
    inside = np.flatnonzero((expected >= b_times[0] - step) & (expected <= b_times[-1] + step))
    if not len(inside):
        return []
    after = np.clip(np.searchsorted(b_times, expected[inside]), 0, len(b_times) - 1)
    before = np.maximum(after - 1, 0)
    ahead = table[inside, after] >= table[inside, before]
    columns = np.where(ahead, after, before)
    similarity = np.maximum(table[inside, after], table[inside, before])
    hit = np.flatnonzero(similarity >= _MATCH)
    runs = _runs(a_times[inside][hit])
    found = []
    for start, stop in runs:
        some = hit[start:stop]
        seconds = float(np.ptp(a_times[inside[some]]))
        if len(some) >= _MIN_FRAMES and seconds >= _MIN_SECONDS:
            found.append(Stretch(line, inside[some], columns[some], similarity[some]))
    return found


def _runs(times: Floats) -> list[tuple[int, int]]:
    """Slices of times with no gap over `_BRIDGE_S`."""
    if not len(times):
        return []
    breaks = np.flatnonzero(np.diff(times) > _BRIDGE_S) + 1
    edges = [0, *breaks.tolist(), len(times)]
    return list(pairwise(edges))
