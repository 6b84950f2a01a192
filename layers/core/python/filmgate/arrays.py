"""Array types named after their dtype, for the packages that work on NumPy arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F16 = NDArray[np.float16]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I8 = NDArray[np.int8]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
U16 = NDArray[np.uint16]
U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]
Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]
"""Row numbers, to index another array with."""


def ranges(starts: Rows, sizes: Rows) -> Rows:
    """The numbers of several ranges, one range after the other.

    Args:
        starts, sizes: (n,), where each range begins and how many numbers it has.

    Returns:
        (sum(sizes),).
    """
    before = np.cumsum(sizes) - sizes
    return np.repeat(starts - before, sizes) + np.arange(int(sizes.sum()))
