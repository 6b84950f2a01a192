"""Letterbox and pillarbox bars, found and trimmed before anything is hashed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from filmgate.arrays import F32, F64, I32, I64, U8

_FLAT_DEVIATION = 3.0
"""A line of a dark bar has at most this standard deviation, in levels of luma of 255,"""
_SAME_LEVEL = 6.0
"""differs by less than this from the outermost line,"""
_DARK = 40.0
"""and the outermost line is darker than this."""
_PAINTED_DEVIATION = 0.8
"""A bar of any brightness has lines of at most this standard deviation,"""
_PAINTED_LEVEL = 1.0
"""which differ by less than this from the outermost line."""
_MAX_SHARE = 0.4
"""Widest bar, as a share of the picture's height or width."""
_MIN_LINES = 2
"""Narrowest bar."""
_FLAT_SHARE = 0.75
"""A picture of which the bars of two sides take this share shows nothing."""
_BLOCK = 64
"""Pictures measured at a time."""


def find_bars(luma: U8, reach: int) -> I32:
    """The bars of each frame.

    A bar is a run of flat lines of one level from the edge inwards. It counts in a frame only
    when the frames around it have it too, so that a dark moment does not change the crop.

    Args:
        luma: uint8 (n, height, width).
        reach: how many frames before and after must have the bar.

    Returns:
        int32 (n, 4): lines to trim at top, bottom, left and right.
    """
    _, height, width = luma.shape
    rows, columns = (_bars_at_both_ends(*lines) for lines in _line_statistics(luma))
    flat = rows.sum(axis=1) >= height * _FLAT_SHARE
    flat |= columns.sum(axis=1) >= width * _FLAT_SHARE
    return _narrowest_nearby(np.concatenate([rows, columns], axis=1), flat, reach)


def _line_statistics(luma: U8) -> tuple[tuple[F64, F64], tuple[F64, F64]]:
    """Mean and deviation of each row and of each column: float64 (n, height), (n, width)."""
    _, height, width = luma.shape
    down, along = np.ones(height, dtype=np.float32), np.ones(width, dtype=np.float32)
    sums: list[list[F32]] = [[], [], [], []]
    # In blocks, for long videos. A product with ones is faster than sum(), and sums of 256
    # squared bytes are exact in float32.
    for start in range(0, len(luma), _BLOCK):
        levels = luma[start : start + _BLOCK].astype(np.float32)
        squares = np.square(levels)
        of_block = (levels @ along, squares @ along, down @ levels, down @ squares)
        for blocks, block in zip(sums, of_block, strict=True):
            blocks.append(block)
    of_rows, rows_squared, of_columns, columns_squared = (
        np.concatenate(blocks).astype(np.float64) for blocks in sums
    )
    return _moments(of_rows, rows_squared, width), _moments(of_columns, columns_squared, height)


def _moments(sums: F64, squared: F64, count: int) -> tuple[F64, F64]:
    mean = sums / count
    return mean, np.sqrt(np.maximum(squared / count - np.square(mean), 0))


def _bars_at_both_ends(mean: F64, deviation: F64) -> I32:
    """Lines of the bars at both ends: int32 (n, 2) from (n, lines) statistics."""
    return np.stack(
        [_bar_width(mean, deviation), _bar_width(mean[:, ::-1], deviation[:, ::-1])], axis=1
    ).astype(np.int32)


def _bar_width(mean: F64, deviation: F64) -> I64:
    """Lines of the bar at the first end: int64 (n,)."""
    lines = mean.shape[1]
    apart = np.abs(mean - mean[:, :1])
    plain = (deviation < _FLAT_DEVIATION) & (apart < _SAME_LEVEL) & (mean[:, :1] < _DARK)
    # A bright wall is nearly flat too, so a bar that is not dark must be perfectly even.
    plain |= (deviation < _PAINTED_DEVIATION) & (apart < _PAINTED_LEVEL)
    run = np.where(plain.all(axis=1), lines, np.argmin(plain, axis=1))
    run = np.minimum(run, int(lines * _MAX_SHARE))
    # After a resize, the line between bar and picture is a blend of both.
    return np.where(run >= _MIN_LINES, run + (run < int(lines * _MAX_SHARE)), 0)


def _narrowest_nearby(bars: I32, flat: NDArray[np.bool_], reach: int) -> I32:
    """The narrowest bars among the neighbours that are not flat; none where all are."""
    wide = np.iinfo(np.int32).max
    usable = np.where(flat[:, None], wide, bars)
    padded = np.pad(usable, ((reach, reach), (0, 0)), constant_values=wide)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
    narrowest = windows.min(axis=-1)
    return np.where(narrowest == wide, 0, narrowest).astype(np.int32)
