"""PDQ hashes (Facebook, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing
Algorithm", 2019), exported for those who exchange them; Filmgate matches on its own.

Made from the working frame, whose longer side is at most 256 pixels: a few bits may differ from a
hash of the full picture, well inside the radius of 31 that PDQ is used with.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from filmgate.media.model import Frame

_SIDE = 64
_HASH_SIDE = 16
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)

Floats = NDArray[np.float32]


def pdq(frame: Frame) -> tuple[float, str, int]:
    """(time in seconds, 64 hex digits, quality 0..100) of one frame."""
    return frame.time_s, *pdq_of(frame.rgb)


def pdq_of(rgb: NDArray[np.uint8]) -> tuple[str, int]:
    """64 hex digits and quality 0..100 of a picture, uint8 (height, width, 3)."""
    luma = rgb.astype(np.float32) @ _LUMA
    small = _decimate(_smooth(_smooth(luma)))
    dct = _dct_rows() @ small @ _dct_rows().T
    lower_median = np.partition(dct, 127, axis=None)[127] if dct.size else 0
    set_bits = (dct > lower_median).ravel()
    # The interchange form prints the highest bit first.
    return np.packbits(set_bits[::-1]).tobytes().hex(), _quality(small)


def _smooth(luma: Floats) -> Floats:
    """One pass of the box filter along each axis; two passes make a tent."""
    return _box(_box(luma, axis=1), axis=0)


def _box(values: Floats, axis: int) -> Floats:
    length = values.shape[axis]
    window = (length + 2 * _SIDE - 1) // (2 * _SIDE)
    ahead = (window + 2) // 2
    at = np.arange(length)
    first = np.maximum(at + ahead - window, 0)
    last = np.minimum(at + ahead, length)
    moved = np.moveaxis(values, axis, 0).astype(np.float64)
    sums = np.concatenate([np.zeros_like(moved[:1]), np.cumsum(moved, axis=0)])
    means = (sums[last] - sums[first]) / (last - first)[:, None]
    return np.moveaxis(means, 0, axis).astype(np.float32)


def _decimate(luma: Floats) -> Floats:
    rows, columns = (
        ((np.arange(_SIDE) + 0.5) * length / _SIDE).astype(int) for length in luma.shape
    )
    return luma[np.ix_(rows, columns)]


@lru_cache(maxsize=1)
def _dct_rows() -> Floats:
    """Frequencies 1..16 of the 64-point DCT-II, float32 (16, 64)."""
    frequency = np.arange(1, _HASH_SIDE + 1)[:, None]
    position = 2 * np.arange(_SIDE)[None, :] + 1
    rows = np.sqrt(2 / _SIDE) * np.cos(np.pi / (2 * _SIDE) * frequency * position)
    return rows.astype(np.float32)


def _quality(small: Floats) -> int:
    """The sum of quantised gradients, as the reference defines it."""
    steps = [np.abs(np.diff(small, axis=axis) * 100 / 255).astype(int).sum() for axis in (0, 1)]
    return int(min(100, sum(steps) // 90))
