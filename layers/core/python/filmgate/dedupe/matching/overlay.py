"""Telling a mark that was put on a picture, such as a logo, from what encoding does to it.

Encoding changes a little everywhere, and differently in every frame. A mark changes much, in one
place, in all frames. So the difference of aligned frames is averaged over time and looked at as
a picture.
"""

from __future__ import annotations

import numpy as np

from filmgate.dedupe.fingerprint import dct
from filmgate.dedupe.fingerprint.dct import SIDE
from filmgate.dedupe.matching.transform import Floats

_STRONG = 2.5
"""Least difference of a mark from the median, on the scale that coefficients are kept in."""
_ALONE = 40.0
"""How many times the usual difference it must be: encoding differs a little everywhere."""


def marked(a: Floats, b: Floats) -> bool:
    """Whether the pictures differ in one small place and hardly elsewhere.

    Args:
        a, b: float32 (n, 16, 16), whitened coefficients of frames that were aligned.
    """
    difference = (a - b).mean(axis=0) / np.maximum(dct.whitening(), 1.0)
    difference[0, 0] = 0
    waves = dct.synthesis((np.arange(SIDE) + 0.5) / SIDE)
    picture = waves @ difference @ waves.T
    distance = np.abs(picture - np.median(picture))
    peak = float(distance.max())
    return peak > _STRONG and peak > _ALONE * float(np.median(distance))
