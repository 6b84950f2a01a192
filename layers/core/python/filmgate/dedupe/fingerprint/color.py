"""From RGB pictures to small luma and chroma planes (ITU-R BT.601)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from filmgate.arrays import F32, U8

LUMA_WEIGHTS = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Luma of red, green and blue."""
_CHROMA_WEIGHTS = np.array([[-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]], dtype=np.float32)
"""Cb and Cr of red, green and blue."""
_PAIR_MEANS = np.tile(np.eye(3, dtype=np.float32), (2, 1)) / 4
"""Means of 2 x 2 pixels, from sums of two rows: float32 (6, 3)."""


def luma(rgb: U8 | F32) -> F32:
    """Luma, float32 (height, width), 0..255, of a picture (height, width, 3)."""
    return rgb @ LUMA_WEIGHTS


def chroma(rgb: F32) -> F32:
    """Cb and Cr, float32 (height, width, 2), -128..127, of a picture (height, width, 3)."""
    return rgb @ _CHROMA_WEIGHTS.T


def halve(rgb: U8 | F32, side: int) -> F32:
    """The picture halved until its longer side is at most `side`: float32 (height, width, 3)."""
    small: NDArray[Any] = rgb
    while max(small.shape[:2]) > side and min(small.shape[:2]) >= 2:
        height, width = (length // 2 * 2 for length in small.shape[:2])
        even = small[:height, :width]
        row_sums = even[::2].astype(np.float32) + even[1::2]
        # NumPy is slow on three channels, and fast at a product with a small matrix.
        small = row_sums.reshape(height // 2, width // 2, 6) @ _PAIR_MEANS
    return small.astype(np.float32, copy=False)
