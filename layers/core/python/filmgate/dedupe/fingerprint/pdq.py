"""PDQ hashes (Facebook, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing
Algorithm", 2019), exported for hash exchange; Filmgate does not match on them.

Computed from the working frame, whose longer side is at most 256 pixels: a few bits may differ
from a hash of the full picture, well inside the radius of 31 that PDQ is used with.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from filmgate.arrays import F32, U8
from filmgate.dedupe.fingerprint.color import luma
from filmgate.media.model import Frame

_SIDE = 64
"""Rows and columns of the reduced picture."""
_HASH_SIDE = 16
"""Frequencies each way in the hash."""


def pdq(frame: Frame) -> tuple[float, str, int]:
    """(time in seconds, 64 hex digits, quality 0..100) of one frame."""
    return frame.time_s, *pdq_of(frame.rgb)


def pdq_of(rgb: U8) -> tuple[str, int]:
    """64 hex digits and quality 0..100 of a picture, uint8 (height, width, 3)."""
    small = _reduced(_reduced(luma(rgb.astype(np.float32))).T).T
    dct = _dct_rows() @ small @ _dct_rows().T
    lower_median = np.partition(dct, 127, axis=None)[127] if dct.size else 0
    set_bits = (dct > lower_median).ravel()
    # The interchange form prints the highest bit first.
    return np.packbits(set_bits[::-1]).tobytes().hex(), _quality(small)


def _reduced(plane: F32) -> F32:
    """The rows smoothed and thinned to 64: float32 (64, width)."""
    rows, weights = _reduction(len(plane))
    # Not a matrix product: NumPy would start threads for it, beside those of the decoder.
    small: F32 = (plane[rows] * weights[:, :, None]).sum(axis=1)
    return small


@lru_cache(maxsize=64)
def _reduction(length: int) -> tuple[NDArray[np.int64], F32]:
    """The input rows of each of the 64 output rows, and their weights: both (64, taps).

    The reference runs a box filter twice and then subsamples. Both are linear, so they are one
    weighted sum, and only the output rows are computed.
    """
    window = (length + 2 * _SIDE - 1) // (2 * _SIDE)
    ahead = (window + 2) // 2
    at = np.arange(length)
    first = np.maximum(at + ahead - window, 0)[:, None]
    last = np.minimum(at + ahead, length)[:, None]
    box = ((at >= first) & (at < last)) / (last - first)
    matrix = box[((np.arange(_SIDE) + 0.5) * length / _SIDE).astype(int)] @ box
    taps = int(np.count_nonzero(matrix, axis=1).max())
    start = np.minimum((matrix > 0).argmax(axis=1), length - taps)
    rows = start[:, None] + np.arange(taps)
    return rows, np.take_along_axis(matrix, rows, axis=1).astype(np.float32)


@lru_cache(maxsize=1)
def _dct_rows() -> F32:
    """Frequencies 1..16 of the 64-point DCT-II, float32 (16, 64)."""
    frequency = np.arange(1, _HASH_SIDE + 1)[:, None]
    position = 2 * np.arange(_SIDE)[None, :] + 1
    rows = np.sqrt(2 / _SIDE) * np.cos(np.pi / (2 * _SIDE) * frequency * position)
    return rows.astype(np.float32)


def _quality(small: F32) -> int:
    """The sum of quantised gradients, as the reference defines it."""
    steps = [np.abs(np.diff(small, axis=axis) * 100 / 255).astype(int).sum() for axis in (0, 1)]
    return int(min(100, sum(steps) // 90))
