"""Descriptors of keypoints: the surroundings of a keypoint as a few low frequencies.

The same idea as `dct.py`, on a patch instead of a picture: DCT-II coefficients, whitened by
frequency, without the mean. The size of the patch is proportional to the scale of the keypoint.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from filmgate.arrays import F32, I8, U8, U64, Rows
from filmgate.dedupe.fingerprint import dct

SIDE = 8
"""Frequencies each way of a descriptor."""
SHAPE = (SIDE, SIDE)
_SAMPLES = 16
"""Samples of a patch each way: two for each frequency."""
_REACH = 7.0
"""Half the side of a patch, in units of the keypoint's blur."""
_SCALE = 24.0
"""Standard deviation of the stored coefficients; int8 then clips beyond 5 of them."""


def describe(picture: F32, x: F32, y: F32, sigma: float) -> I8:
    """Whitened coefficients of the patches around keypoints, scaled to one standard deviation.

    Args:
        picture: float32 (height, width), blurred by `sigma`.
        x, y: float32 (n,), in pixels; 0 is the centre of the first.
        sigma: in pixels; a patch extends to seven times as far. Beyond the edge, the outermost
            pixels are repeated.

    Returns:
        int8 (n, 8, 8).
    """
    offsets = ((np.arange(_SAMPLES) + 0.5) / _SAMPLES * 2 - 1).astype(np.float32) * _REACH * sigma
    patch = _bilinear(picture, x[:, None] + offsets, y[:, None] + offsets)
    waves = dct.basis(_SAMPLES)[:SIDE]
    white = waves @ patch @ waves.T * dct.whitening()[:SIDE, :SIDE]
    deviation = np.sqrt(np.mean(np.square(white), axis=(1, 2), keepdims=True))
    scaled = white / np.maximum(deviation, 1e-3) * _SCALE
    return np.clip(np.rint(scaled), -127, 127).astype(np.int8)


def binary_codes(descriptors: I8) -> U64:
    """The 63 signs of each descriptor, for the index: uint64 (n,).

    The lowest frequency is the highest bit: the lower a frequency, the less copying changes it.
    The lowest bit is 0.
    """
    signs = descriptors.reshape(len(descriptors), SIDE * SIDE)[:, _lowest_first()] > 0
    codes: U64 = signs.astype(np.uint64) @ _powers()
    return codes


def margins(descriptors: I8) -> U8:
    """How far each bit of `binary_codes` is from flipping: uint8 (n, 63), 0..127, highest bit
    first."""
    rows = descriptors.reshape(len(descriptors), SIDE * SIDE)[:, _lowest_first()]
    return np.abs(rows).astype(np.uint8)


def unit_vectors(descriptors: I8) -> F32:
    """Descriptors scaled to unit length: float32 (n, 64)."""
    rows = descriptors.reshape(len(descriptors), SIDE * SIDE).astype(np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


@lru_cache(maxsize=1)
def _powers() -> U64:
    return np.left_shift(np.uint64(1), np.arange(SIDE * SIDE - 1, 0, -1, dtype=np.uint64))


@lru_cache(maxsize=1)
def _lowest_first() -> Rows:
    """The coefficients without the mean, in rising order of frequency."""
    down, along = np.divmod(np.arange(1, SIDE * SIDE), SIDE)
    return np.argsort(np.square(down) + np.square(along), kind="stable") + 1


def _bilinear(picture: F32, x: F32, y: F32) -> F32:
    """The picture at a grid of positions for each row: x and y are (n, k), the result (n, k, k)."""
    height, width = picture.shape
    x, y = np.clip(x, 0, width - 1.001), np.clip(y, 0, height - 1.001)
    left, top = x.astype(np.int32), y.astype(np.int32)
    along, down = (x - left)[:, None, :], (y - top)[:, :, None]
    flat = picture.ravel()
    at = top[:, :, None] * width + left[:, None, :]
    upper = flat[at] * (1 - along) + flat[at + 1] * along
    lower = flat[at + width] * (1 - along) + flat[at + width + 1] * along
    values: F32 = upper * (1 - down) + lower * down
    return values
