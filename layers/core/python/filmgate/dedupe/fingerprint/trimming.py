"""Pictures grouped by size and bars, and boxes in pixels and in shares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from filmgate.arrays import F32, I32, I64, U8
from filmgate.dedupe.fingerprint import letterbox
from filmgate.dedupe.fingerprint.augmented_hashes import Box

PixelBox = tuple[int, int, int, int]
"""Top, bottom, left and right in pixels; bottom and right are excluded."""


@dataclass(frozen=True, slots=True)
class TrimmedFrames:
    """Frames of one size with bars of one size.

    Attributes:
        rows: int64 (n,), which frames.
        luma: uint8 (n, height, width), bars included.
        box: the picture inside its bars.
    """

    rows: I64
    luma: U8
    box: PixelBox

    @property
    def aspect(self) -> float:
        """Width over height inside the bars."""
        top, bottom, left, right = self.box
        return (right - left) / (bottom - top)

    @property
    def inside(self) -> U8:
        """The pictures inside their bars: uint8 (n, bottom - top, right - left)."""
        top, bottom, left, right = self.box
        return self.luma[:, top:bottom, left:right]

    @property
    def box_shares(self) -> F32:
        """The box as shares of the picture: float32 (4,)."""
        _, height, width = self.luma.shape
        return np.asarray(np.array(self.box) / [height, height, width, width], dtype=np.float32)

    def part(self, shares: Box) -> PixelBox:
        """A part of the box, given as shares of it, in pixels; at least one pixel each way."""
        top, bottom, left, right = self.box
        height, width = bottom - top, right - left
        first_row, last_row, first_column, last_column = shares
        return (
            top + int(first_row * height),
            max(top + round(last_row * height), top + int(first_row * height) + 1),
            left + int(first_column * width),
            max(left + round(last_column * width), left + int(first_column * width) + 1),
        )


def trim(luma: Sequence[U8], reach: int) -> list[TrimmedFrames]:
    """Group pictures by size and bars.

    Args:
        luma: uint8 (height, width) each, in order of time.
        reach: how many pictures before and after must have the same bars.
    """
    groups = []
    for rows, stack in _by_shape(luma):
        bars = letterbox.find_bars(stack, reach)
        for edges in np.unique(bars, axis=0):
            same = np.flatnonzero((bars == edges).all(axis=1))
            groups.append(TrimmedFrames(rows[same], stack[same], _inside(stack.shape, edges)))
    return groups


def _by_shape(frames: Sequence[U8]) -> Iterator[tuple[I64, U8]]:
    """Frames stacked by size: row numbers and uint8 (n, height, width)."""
    shapes = [frame.shape for frame in frames]
    for shape in dict.fromkeys(shapes):
        rows = [row for row, other in enumerate(shapes) if other == shape]
        yield np.array(rows), np.stack([frames[row] for row in rows])


def _inside(shape: tuple[int, ...], bars: I32) -> PixelBox:
    _, height, width = shape
    top, bottom, left, right = (int(lines) for lines in bars)
    return top, height - bottom, left, width - right
