"""The surroundings of a keypoint as a few low frequencies: what keypoints are compared by.

The same idea as `dct.py`, on a patch instead of a picture: DCT-II coefficients, whitened by
frequency, without the mean. The patch is as large as the keypoint is coarse.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint import dct
from filmgate.dedupe.fingerprint.dct import Floats

SIDE = 8
SHAPE = (SIDE, SIDE)
_SAMPLES = 16
_REACH = 7.0
_SCALE = 24.0


def describe(picture: Floats, x: Floats, y: Floats, sigma: float) -> NDArray[np.int8]:
    """Whitened coefficients of the patches around places, each of one standard deviation.

    Args:
        picture: float32 (height, width), blurred by `sigma`.
        x, y: float32 (n,), in pixels; 0 is the middle of the first.
        sigma: in pixels; a patch reaches seven times as far. Beyond the edge the picture is
            taken to go on as it ends.

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


def bits(patches: NDArray[np.int8]) -> NDArray[np.uint64]:
    """63 signs of each patch, for the index: uint64 (n,).

    The lowest frequency is the highest bit: the lower, the less copying changes it. The lowest
    bit is 0.
    """
    signs = patches.reshape(len(patches), SIDE * SIDE)[:, _lowest_first()] > 0
    words: NDArray[np.uint64] = signs.astype(np.uint64) @ _powers()
    return words


def margins(patches: NDArray[np.int8]) -> NDArray[np.uint8]:
    """How far each of the `bits` is from flipping, the highest first: uint8 (n, 63), 0..127."""
    rows = patches.reshape(len(patches), SIDE * SIDE)[:, _lowest_first()]
    return np.abs(rows).astype(np.uint8)


def units(patches: NDArray[np.int8]) -> Floats:
    """Patches as unit vectors: float32 (n, 64)."""
    rows = patches.reshape(len(patches), SIDE * SIDE).astype(np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


@lru_cache(maxsize=1)
def _powers() -> NDArray[np.uint64]:
    return np.left_shift(np.uint64(1), np.arange(SIDE * SIDE - 1, 0, -1, dtype=np.uint64))


@lru_cache(maxsize=1)
def _lowest_first() -> NDArray[np.intp]:
    """The coefficients but the mean, by frequency."""
    down, along = np.divmod(np.arange(1, SIDE * SIDE), SIDE)
    return np.argsort(np.square(down) + np.square(along), kind="stable") + 1


def _bilinear(picture: Floats, x: Floats, y: Floats) -> Floats:
    """The picture at a grid of places for each row: x and y are (n, k), the result (n, k, k)."""
    height, width = picture.shape
    x, y = np.clip(x, 0, width - 1.001), np.clip(y, 0, height - 1.001)
    left, top = x.astype(np.int32), y.astype(np.int32)
    along, down = (x - left)[:, None, :], (y - top)[:, :, None]
    flat = picture.ravel()
    at = top[:, :, None] * width + left[:, None, :]
    upper = flat[at] * (1 - along) + flat[at + 1] * along
    lower = flat[at + width] * (1 - along) + flat[at + width + 1] * along
    found: Floats = upper * (1 - down) + lower * down
    return found
