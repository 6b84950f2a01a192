"""Find the boundaries of shots from the pictures that a decoding pass sees on its way.

A cut is a picture that differs from the one before it far more than pictures around it differ, in
colours as in places, and does not turn back at once, as after a flash. A gradual transition is a
stretch whose pictures are blends of its two ends.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filmgate.media.timing import SampleClock

COARSE_SIDE = 128
"""Longer side in pixels of the pictures that are compared."""
_CELL = 8
"""Pixels each way in a cell, of which there are 16 by 9 in a wide picture: coarse enough for motion
to change them less than another shot does."""
_BINS = 16 + 32 + 32
"""Of brightness and of two colour differences, each 16 of 256 levels wide."""

_AROUND_S = 0.45
"""Seconds to either side in which pictures are compared with a cut, and after which it is known.
Pictures may be half a second apart before a keyframe, and such a gap is to stand alone."""
_QUANTILE = 0.8
"""The change around a cut is what this share of the pictures stay below."""
_CELL_NOISE, _HISTOGRAM_NOISE = 4.0, 0.05
"""Changes that say nothing: of cells, of 255, and of the histogram, as a share of the pixels."""
_LEAST_CHANGE = 20.0
"""Mean change of the cells at a cut, of 255. Fast motion reaches 18, weak cuts have 26."""
_LEAST_SCORE = 3.0
"""Product of both changes, each over the change around it. On films with labels, cuts have 3.1 and
more, and other changes up to 2.5."""
_TURNED_BACK = 0.5
"""Pictures after a flash differ from those before it by a smaller share than this of its change;
those after a cut by 0.8 and more."""
_FLASH_S = 0.6
"""Seconds before a flash in which a picture is looked for that is like those after it: half a
second may not have been decoded."""
_LEAST_SHOT_S = 0.2
"""Two cuts are at least so far apart."""

_STEP_S = 0.08
"""Seconds between the pictures that are looked at for gradual transitions."""
_TEST_S = 0.25
"""Seconds between two searches for them."""
_SPANS_S = (0.8, 1.0, 1.2, 1.4, 1.6, 1.9, 2.2, 2.5, 2.8)
"""Lengths of the stretches in which a transition is looked for, with its settled ends."""
_SETTLED_S = 0.16
"""Seconds at either end in which a stretch hardly changes."""
_UNSETTLED = 0.12
"""As a share of the change from end to end."""
_LEAST_BLEND_CHANGE = 22.0
"""Mean change of the cells from end to end of a transition, of 255."""
_LEAST_SPREAD = 0.35
"""Median over mean of the change of the cells; 0.2 for a title that fades in, which leaves most of
the picture as it is."""
_MOST_RESIDUE = 0.25
"""How far a picture may be from the blend that is closest to it, as a share of that change."""
_BACKWARD = 0.08
"""How far the share of the second end may fall from one picture to the next."""
_LARGEST_STEP = 0.7
"""How far it may rise at once: a cut after a little motion rises further."""
_LEAST_MIXED = 3
"""Pictures of a transition that show both of its ends; with fewer it is a cut."""
_SAME_SCENE = 0.8
"""Correlation of the ends from which on only the light changed."""
_FLAT = 10.0
"""Deviation of the cells of a picture without content, such as black between two fades."""
_JOINED_S = 0.8
"""Transitions closer than this are one, such as a fade out and in again."""


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Where shots end and begin, in seconds from the first picture, in order.

    Attributes:
        cuts_s: the first picture of each new shot.
        transitions_s: start and end of each gradual transition.
    """

    cuts_s: tuple[float, ...]
    transitions_s: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A picture with its change from the one before it.

    Attributes:
        cells: float32 (n,), 0 to 255.
        histogram: float32 (_BINS,), shares whose sum is 1.
    """

    time_s: float
    cells: NDArray[np.float32]
    histogram: NDArray[np.float32]
    cell_change: float
    histogram_change: float


class ShotDetector:
    """Takes pictures in order of time; the boundaries are known half a second later."""

    def __init__(self) -> None:
        self._seen: deque[_Seen] = deque()
        self._open = 0
        self._steps: deque[_Seen] = deque()
        self._tests = SampleClock(_TEST_S)
        self._cuts: list[float] = []
        self._transitions: list[tuple[float, float]] = []

    @property
    def count(self) -> int:
        """Boundaries found so far; it never falls."""
        return len(self._cuts) + len(self._transitions)

    def add(self, time_s: float, picture: NDArray[np.uint8]) -> None:
        """Take the next picture.

        Args:
            picture: uint8 RGB, its longer side `COARSE_SIDE` pixels or less. A picture of another
                shape than the last begins a new shot.
        """
        last = self._seen[-1] if self._seen else None
        if last is not None and time_s <= last.time_s:
            return
        cells, histogram = _features(picture)
        if last is not None and last.cells.shape != cells.shape:
            self._decide(last.time_s + _AROUND_S)
            self._cut(time_s)
            self._seen.clear()
            self._steps.clear()
            self._open = 0
            last = None
        seen = _Seen(
            time_s,
            cells,
            histogram,
            0.0 if last is None else _distance(last.cells, cells),
            0.0 if last is None else float(np.abs(last.histogram - histogram).sum()) / 2,
        )
        self._seen.append(seen)
        self._decide(time_s)
        self._step(seen)

    def finish(self) -> Boundaries:
        """Return all boundaries."""
        if self._seen:
            self._decide(self._seen[-1].time_s + 2 * _AROUND_S)
        inside = [
            cut
            for cut in self._cuts
            if not any(start <= cut <= end for start, end in self._transitions)
        ]
        return Boundaries(tuple(inside), tuple(_joined(self._transitions)))

    def _decide(self, now_s: float) -> None:
        """Look at the pictures around which enough has been seen; forget what is too old."""
        while self._open < len(self._seen):
            seen = self._seen[self._open]
            if now_s - seen.time_s < _AROUND_S:
                break
            if self._open and self._is_cut(self._open):
                self._cut(seen.time_s)
            self._open += 1
        while self._open > 1 and self._seen[self._open - 1].time_s - self._seen[0].time_s > 1.0:
            self._seen.popleft()
            self._open -= 1

    def _cut(self, time_s: float) -> None:
        if not self._cuts or time_s - self._cuts[-1] >= _LEAST_SHOT_S:
            self._cuts.append(time_s)

    def _is_cut(self, position: int) -> bool:
        seen, before = self._seen[position], self._seen[position - 1]
        if seen.cell_change < _LEAST_CHANGE:
            return False
        around = [
            other
            for other in self._seen
            if other is not seen and abs(other.time_s - seen.time_s) <= _AROUND_S
        ]
        cells = _level([other.cell_change for other in around])
        histogram = _level([other.histogram_change for other in around])
        score = (seen.cell_change / (cells + _CELL_NOISE)) * (
            seen.histogram_change / (histogram + _HISTOGRAM_NOISE)
        )
        if score < _LEAST_SCORE:
            return False
        earlier = [other for other in self._seen if 0.0 < before.time_s - other.time_s <= _FLASH_S]
        later = [other for other in around if other.time_s > seen.time_s]
        return not _is_flash(earlier, before, seen, later)

    def _step(self, seen: _Seen) -> None:
        """Remember a picture for gradual transitions, and look for one now and then."""
        if self._steps and seen.time_s - self._steps[-1].time_s < _STEP_S:
            return
        self._steps.append(seen)
        while seen.time_s - self._steps[0].time_s > _SPANS_S[-1]:
            self._steps.popleft()
        if not self._tests.wants(seen.time_s):
            return
        self._tests.take(seen.time_s)
        for span_s in _SPANS_S:
            stretch = [step for step in self._steps if seen.time_s - step.time_s <= span_s]
            found = _transition(stretch)
            if found and (not self._transitions or found[0] >= self._transitions[-1][1]):
                self._transitions.append(found)
                return


def _is_flash(earlier: list[_Seen], before: _Seen, seen: _Seen, later: list[_Seen]) -> bool:
    """Whether a picture before this one looks like it or one after it: a flash begins or ends.

    Args:
        before: the one right before, which differs by what made this one stand out.
    """
    pairs = [(one, seen) for one in earlier]
    pairs += [(one, other) for one in (*earlier, before) for other in later]
    least = min((_distance(one.cells, other.cells) for one, other in pairs), default=np.inf)
    return bool(least < _TURNED_BACK * seen.cell_change)


def _transition(stretch: list[_Seen]) -> tuple[float, float] | None:
    """Start and end of the gradual transition that a stretch of pictures holds, if it does."""
    if len(stretch) < _LEAST_MIXED + 2:
        return None
    times = np.array([step.time_s for step in stretch])
    cells = np.stack([step.cells for step in stretch])
    if not _ends_differ(cells[0], cells[-1]) or not _ends_settled(times, cells):
        return None
    first, way = cells[0], cells[-1] - cells[0]
    shares = (cells - first) @ way / float(way @ way)
    residues = np.abs(cells - (first + shares[:, None] * way)).mean(axis=1)
    steps = np.diff(shares)
    mixed = np.flatnonzero((shares > 0.1) & (shares < 0.9))
    if (
        residues.max() > _MOST_RESIDUE * np.abs(way).mean()
        or steps.min() < -_BACKWARD
        or steps.max() > _LARGEST_STEP
        or len(mixed) < _LEAST_MIXED
    ):
        return None
    return float(times[mixed[0] - 1]), float(times[mixed[-1] + 1])


def _ends_differ(first: NDArray[np.float32], last: NDArray[np.float32]) -> bool:
    """Whether these are of two shots: they differ everywhere, and not in their light alone."""
    changes = np.abs(first - last)
    change = float(changes.mean())
    return (
        change >= _LEAST_BLEND_CHANGE
        and float(np.median(changes)) >= _LEAST_SPREAD * change
        and not _same_scene(first, last)
    )


def _ends_settled(times: NDArray[np.float64], cells: NDArray[np.float32]) -> bool:
    most = _UNSETTLED * _distance(cells[0], cells[-1])
    ends = (
        (cells[0], cells[times <= times[0] + _SETTLED_S]),
        (cells[-1], cells[times >= times[-1] - _SETTLED_S]),
    )
    return all(
        len(near) > 1 and float(np.abs(near - end).mean(axis=1).max()) <= most for end, near in ends
    )


def _same_scene(first: NDArray[np.float32], last: NDArray[np.float32]) -> bool:
    """Whether the ends show the same in another light, and neither shows nothing."""
    spreads = float(first.std()), float(last.std())
    if min(spreads) < _FLAT:
        return False
    covariance = float(((first - first.mean()) * (last - last.mean())).mean())
    return covariance > _SAME_SCENE * spreads[0] * spreads[1]


def _joined(transitions: list[tuple[float, float]]) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for start, end in transitions:
        if joined and start - joined[-1][1] <= _JOINED_S:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _features(picture: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the cells and the histogram of a picture; a small one is enlarged to one cell."""
    tall, wide = (-(-_CELL // length) for length in picture.shape[:2])
    if tall > 1 or wide > 1:
        picture = picture.repeat(tall, axis=0).repeat(wide, axis=1)
    return _cells(picture), _histogram(picture[::2, ::2].astype(np.int16))


def _cells(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean colours of squares of pixels, in one row; what does not fill one is left out."""
    rows, columns = picture.shape[0] // _CELL, picture.shape[1] // _CELL
    whole = picture[: rows * _CELL, : columns * _CELL]
    # Rows first: numpy adds long rows fast, and walks three channels slowly.
    bands = np.ascontiguousarray(whole).reshape(rows, _CELL, -1).sum(axis=1, dtype=np.uint16)
    sums = bands.reshape(rows, columns, _CELL, 3).sum(axis=2, dtype=np.uint16)
    return sums.ravel().astype(np.float32) / np.float32(_CELL * _CELL)


def _histogram(pixels: NDArray[np.int16]) -> NDArray[np.float32]:
    """Shares of brightness, and of blue and red less brightness; their sum is 1."""
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    # Rec. 601 in eighths, which fits 16 bits.
    luma = (2 * red + 5 * green + blue) >> 3
    bins = np.empty((3, *luma.shape), dtype=np.int16)
    bins[0] = luma >> 4
    bins[1] = (blue - luma + (256 + 16 * 16)) >> 4
    bins[2] = (red - luma + (256 + 48 * 16)) >> 4
    counts = np.bincount(bins.ravel(), minlength=_BINS)
    return (counts / np.float32(bins.size)).astype(np.float32)


def _distance(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(np.abs(one - other).mean())


def _level(changes: list[float]) -> float:
    return sorted(changes)[int(_QUANTILE * len(changes))] if changes else 0.0
