"""Which moment of one video is which moment of the other.

Copies lie on straight lines in the plane of the two times: the slope is the speed, the intercept
the offset. Pairs of similar frames vote for lines, weighted by how much more similar they are
than is usual for either frame, so that a still background votes for none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.matching.arrays import F32

_USUAL_STEP_S = 0.5
"""Seconds between frames up to which the others here are meant as they stand. Slides, and films so
long that they are thinned, have more: there all grow with it."""
_MAX_LINES = 4
"""Lines that are looked for one after the other: what was inserted or cut out breaks a line."""
_MAX_VOTES = 40_000
"""Pairs of frames that vote, the strongest: votes of long films are many, and enough."""
_MIN_SIMILARITY = 0.35
_MIN_EXCESS = 0.12
"""A pair votes from this similarity, and from this much (Fisher's z) above what is usual."""
_BIN_S = 0.2
"""Width of the bins of offsets that votes are counted in."""
_PLAIN_SPEED_BONUS = 1.1
"""Factor on the evidence of a line at plain speed: nearly all copies have it."""
_ALIKE_WORTH = 0.02
"""What likeness counts that is no more than usual: where nothing moves there is no other."""
_SNAP = 0.004
"""A speed so near to 1 is 1."""
_MATCH = 0.55
"""Similarity of frames that found a stretch,"""
_CONTINUES = 0.35
"""and of those that only continue it."""
_POLISH_S = 0.3
"""How far a line's offset is moved at last, for the best."""
_BRIDGE_S = 1.0
"""Seconds without a pair that do not end a stretch."""
_MIN_SECONDS = 0.4
_MIN_FRAMES = 3
"""Less is no stretch."""
_TRIED = 3
"""Speeds with the most votes whose lines are weighed, beside the plain one."""
_PERFECT = 0.995
"""Similarities above count as this: Fisher's z has no end."""
_SPEED_STEPS = 70
SPEEDS: tuple[float, ...] = tuple(
    2.0 ** (step / _SPEED_STEPS) for step in range(-_SPEED_STEPS, _SPEED_STEPS + 1)
)
"""From half to twice, each 1 % above the one before; with each its inverse."""


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
    similarity: F32


def align(table: F32, a_times: F32, b_times: F32) -> list[Stretch]:
    """All stretches in which two videos run along each other, longest first.

    Args:
        table: float32 (n, m), similarities of frames, -1..1.
        a_times, b_times: float32 (n,) and (m,), seconds, ascending.
    """
    unit = max(1.0, max(_step(a_times), _step(b_times)) / _USUAL_STEP_S)
    return [
        replace(stretch, line=Line(stretch.line.speed, stretch.line.offset * unit))
        for stretch in _aligned(table, a_times / unit, b_times / unit)
    ]


def _aligned(table: F32, a_times: F32, b_times: F32) -> list[Stretch]:
    free = table.copy()
    found: list[Stretch] = []
    speeds: tuple[float, ...] = SPEEDS
    for _ in range(_MAX_LINES):
        stretches = _best_stretches(free, a_times, b_times, speeds)
        if not stretches:
            break
        found += stretches
        speeds = (stretches[0].line.speed,)
        for stretch in stretches:
            free[stretch.rows[0] : stretch.rows[-1] + 1] = 0
            first, last = sorted((stretch.columns[0], stretch.columns[-1]))
            free[:, first : last + 1] = 0
    return sorted(found, key=lambda stretch: -len(stretch.rows))


def _best_stretches(
    table: F32, a_times: F32, b_times: F32, speeds: tuple[float, ...]
) -> list[Stretch]:
    """The stretches of the line with the most evidence, of those with the most votes."""
    best: tuple[float, list[Stretch]] = (0.0, [])
    usual = _usual(table)
    for line in _lines(table, usual, a_times, b_times, speeds):
        stretches = _stretches(table, a_times, b_times, line)
        evidence = sum(_evidence(stretch, usual) for stretch in stretches)
        if line.speed == 1.0:
            evidence *= _PLAIN_SPEED_BONUS
        if evidence > best[0]:
            best = (evidence, stretches)
    return best[1]


def _usual(table: F32) -> F32:
    """How alike each pair of frames would be at any other moment: (n, m)."""
    return np.maximum(
        np.median(table, axis=1, keepdims=True), np.median(table, axis=0, keepdims=True)
    )


def _evidence(stretch: Stretch, usual: F32) -> float:
    """Fisher's z of the similarities, so that few perfect pairs outweigh many middling ones, by how
    much it exceeds the usual: before a still background all moments are much alike."""
    z = _z(stretch.similarity)
    expected = _z(usual[stretch.rows, stretch.columns])
    excess = np.maximum(z - np.maximum(expected, 0), 0)
    return float(excess.sum() + _ALIKE_WORTH * z.sum())


def _z(similarity: F32) -> F32:
    return np.arctanh(np.clip(similarity, -_PERFECT, _PERFECT))


def _lines(
    table: F32,
    usual: F32,
    a_times: F32,
    b_times: F32,
    speeds: tuple[float, ...],
) -> list[Line]:
    # In Fisher's z, for where little moves all is alike, and 0.99 against 0.95 says much.
    excess = np.where(table >= _MIN_SIMILARITY, _z(table) - _z(usual), 0)
    rows, columns = np.nonzero(excess > _MIN_EXCESS)
    if len(rows) < _MIN_FRAMES:
        return _still_line(table, a_times, b_times)
    votes = excess[rows, columns]
    if len(rows) > _MAX_VOTES:
        keep = np.argpartition(-votes, _MAX_VOTES)[:_MAX_VOTES]
        rows, columns, votes = rows[keep], columns[keep], votes[keep]
    a, b = a_times[rows].astype(np.float64), b_times[columns].astype(np.float64)
    voted = [_voted(a, b, votes, speed) for speed in speeds]
    voted.sort(key=lambda pair: -pair[0])
    chosen = [line for _, line in voted[:_TRIED]]
    chosen += [line for _, line in voted[_TRIED:] if line.speed == 1.0]
    fixed = len(speeds) == 1
    refined = [_refined(line, a, b, votes, fixed=True) for line in chosen]
    refined += [_refined(line, a, b, votes, fixed=False) for line in chosen if not fixed]
    return [_polished(line, table, a_times, b_times) for line in dict.fromkeys(refined)]


def _still_line(table: F32, a_times: F32, b_times: F32) -> list[Line]:
    """For pictures that do not move every offset is as good: the earliest."""
    if float(table.max(initial=0)) < _MATCH:
        return []
    row, column = np.unravel_index(int(np.argmax(table >= _MATCH)), table.shape)
    return [Line(1.0, float(b_times[column] - a_times[row]))]


def _voted(
    a: NDArray[np.float64], b: NDArray[np.float64], votes: F32, speed: float
) -> tuple[float, Line]:
    """The offset with the most votes at a speed, and how many."""
    offsets = b - a / speed
    lowest = float(offsets.min())
    bins = ((offsets - lowest) / _BIN_S).astype(np.int64)
    sums = np.bincount(bins, weights=votes).astype(np.float64, copy=False)
    beside = 0.5 * sums
    sums[:-1] += beside[1:]
    sums[1:] += beside[:-1]
    top = int(sums.argmax())
    return float(sums[top]), Line(speed, lowest + (top + 0.5) * _BIN_S)


def _refined(
    line: Line, a: NDArray[np.float64], b: NDArray[np.float64], votes: F32, *, fixed: bool
) -> Line:
    """Weighted least squares over the pairs near the line, closing in.

    With `fixed` only the offset moves.
    """
    for reach in (0.4, 0.25, 0.15):
        near = np.abs(b - line.at(a)) < reach
        if near.sum() < _MIN_FRAMES:
            return line
        weight, x, y = votes[near] ** 2, a[near], b[near]
        mean_x, mean_y = np.average(x, weights=weight), np.average(y, weights=weight)
        spread = float(np.sum(weight * (x - mean_x) ** 2))
        slope = 1.0 / line.speed
        if not fixed and spread > 1e-6 and np.ptp(x) > 1.0:
            slope = float(np.sum(weight * (x - mean_x) * (y - mean_y)) / spread)
        speed = 1.0 / float(np.clip(slope, 1 / SPEEDS[-1], 1 / SPEEDS[0]))
        if abs(speed - 1.0) < max(_SNAP, 0.05 / max(float(np.ptp(x)), 0.1)):
            speed = 1.0
        line = Line(speed, float(mean_y - mean_x / speed))
    return line


def _polished(line: Line, table: F32, a_times: F32, b_times: F32) -> Line:
    """The offset nearby along which the pictures agree best, finer than the sampling."""
    if len(b_times) < _MIN_FRAMES:
        return line
    best = (-1.0, line)
    for shift in sorted(np.linspace(-_POLISH_S, _POLISH_S, 31).tolist(), key=abs):
        moved = Line(line.speed, line.offset + shift)
        expected = moved.at(a_times.astype(np.float64))
        rows = np.flatnonzero((expected >= b_times[0]) & (expected <= b_times[-1]))
        if len(rows) < _MIN_FRAMES:
            continue
        after = np.clip(np.searchsorted(b_times, expected[rows]), 1, len(b_times) - 1)
        gap = np.maximum(b_times[after] - b_times[after - 1], 1e-6)
        share = np.clip((expected[rows] - b_times[after - 1]) / gap, 0, 1)
        blended = table[rows, after - 1] * (1 - share) + table[rows, after] * share
        score = float(np.where(blended >= _MIN_SIMILARITY, blended, 0).sum())
        if score > best[0] * (1 + 1e-4):
            best = (score, moved)
    return best[1]


def _stretches(table: F32, a_times: F32, b_times: F32, line: Line) -> list[Stretch]:
    expected = line.at(a_times.astype(np.float64))
    step = _step(b_times)
    inside = np.flatnonzero((expected >= b_times[0] - step) & (expected <= b_times[-1] + step))
    if not len(inside):
        return []
    after = np.clip(np.searchsorted(b_times, expected[inside]), 0, len(b_times) - 1)
    before = np.maximum(after - 1, 0)
    ahead = table[inside, after] >= table[inside, before]
    columns = np.where(ahead, after, before)
    similarity = np.maximum(table[inside, after], table[inside, before])
    # Fast motion between two samples lowers the similarity of a true pair, so what continues a
    # stretch may be weaker than what founds one.
    hit = np.flatnonzero(similarity >= _CONTINUES)
    found = []
    for start, stop in _runs(a_times[inside][hit]):
        some = hit[start:stop]
        seconds = float(np.ptp(a_times[inside[some]]))
        strong = int((similarity[some] >= _MATCH).sum())
        if strong >= max(_MIN_FRAMES, len(some) // 3) and seconds >= _MIN_SECONDS:
            found.append(Stretch(line, inside[some], columns[some], similarity[some]))
    return found


def _step(times: F32) -> float:
    """The usual distance of frames."""
    return float(np.median(np.diff(times))) if len(times) > 1 else _BIN_S


def _runs(times: F32) -> list[tuple[int, int]]:
    """Slices of times with no gap over `_BRIDGE_S`."""
    if not len(times):
        return []
    breaks = np.flatnonzero(np.diff(times) > _BRIDGE_S) + 1
    edges = [0, *breaks.tolist(), len(times)]
    return list(pairwise(edges))
