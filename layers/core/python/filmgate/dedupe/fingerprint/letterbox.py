"""Letterbox and pillarbox bars, found and trimmed before anything is hashed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_FLAT_DEVIATION = 3.0
_SAME_LEVEL = 6.0
_DARK = 40.0
_PAINTED_DEVIATION = 0.8
_PAINTED_LEVEL = 1.0
_MAX_SHARE = 0.4
_MIN_LINES = 2
_BLOCK = 64


def find(luma: NDArray[np.uint8], reach: int) -> NDArray[np.int32]:
    """The bars of each frame.

    A bar is a run of lines from the edge inwards that are flat and of one level. It counts in a
    frame only when the frames around it have it too, so a dark moment does not move the picture.

    Args:
        luma: uint8 (n, height, width).
        reach: how many frames before and after must agree.

    Returns:
        int32 (n, 4): lines to trim at top, bottom, left and right.
    """
    rows, columns = (_edges(*lines) for lines in _lines(luma))
    bars = np.concatenate([rows, columns], axis=1)
    flat = (rows.sum(axis=1) >= luma.shape[1] * 0.75) | (
        columns.sum(axis=1) >= luma.shape[2] * 0.75
    )
    return _agreed(bars, flat, reach)


def _lines(
    luma: NDArray[np.uint8],
) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Mean and deviation of each row and of each column: float64 (n, height), (n, width)."""
    _, height, width = luma.shape
    down, along = np.ones(height, dtype=np.float32), np.ones(width, dtype=np.float32)
    sums: list[list[NDArray[np.float32]]] = [[], [], [], []]
    # In blocks, for long films; products with ones add faster than sum() does. Sums of 256
    # squared bytes are still exact in float32.
    for start in range(0, len(luma), _BLOCK):
        levels = luma[start : start + _BLOCK].astype(np.float32)
        squares = np.square(levels)
        for kept, found in zip(
            sums, (levels @ along, squares @ along, down @ levels, down @ squares), strict=True
        ):
            kept.append(found)
    of_rows, rows_squared, of_columns, columns_squared = (
        np.concatenate(found).astype(np.float64) for found in sums
    )
    return _moments(of_rows, rows_squared, width), _moments(of_columns, columns_squared, height)


def _moments(sums: Floats, squared: Floats, count: int) -> tuple[Floats, Floats]:
    mean = sums / count
    return mean, np.sqrt(np.maximum(squared / count - np.square(mean), 0))


def _edges(mean: Floats, deviation: Floats) -> NDArray[np.int32]:
    """Flat lines at both ends: int32 (n, 2) from (n, lines) statistics."""
    return np.stack(
        [_run(mean, deviation), _run(mean[:, ::-1], deviation[:, ::-1])], axis=1
    ).astype(np.int32)


def _run(mean: Floats, deviation: Floats) -> NDArray[np.int64]:
    lines = mean.shape[1]
    apart = np.abs(mean - mean[:, :1])
    plain = (deviation < _FLAT_DEVIATION) & (apart < _SAME_LEVEL) & (mean[:, :1] < _DARK)
    # A bright wall is nearly flat too, so what is not dark must be as even as only paint is.
    plain |= (deviation < _PAINTED_DEVIATION) & (apart < _PAINTED_LEVEL)
    run = np.where(plain.all(axis=1), lines, np.argmin(plain, axis=1))
    run = np.minimum(run, int(lines * _MAX_SHARE))
    # The line where bar and picture meet is a blend of both after any resize.
    return np.where(run >= _MIN_LINES, run + (run < int(lines * _MAX_SHARE)), 0)


def _agreed(bars: NDArray[np.int32], flat: NDArray[np.bool_], reach: int) -> NDArray[np.int32]:
    """The narrowest bars among the neighbours that show a picture at all."""
    wide = np.iinfo(np.int32).max
    known = np.where(flat[:, None], wide, bars)
    padded = np.pad(known, ((reach, reach), (0, 0)), constant_values=wide)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
    narrowest = windows.min(axis=-1)
    return np.where(narrowest == wide, 0, narrowest).astype(np.int32)
