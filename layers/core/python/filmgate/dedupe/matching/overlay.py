"""Detects a localised overlay, such as a logo, as opposed to encoding artefacts.

Encoding changes every frame a little, everywhere and differently. An overlay changes one place
strongly in all frames. So the difference of aligned frames is averaged over time and turned back
into a picture, in which an overlay is an isolated peak.
"""

from __future__ import annotations

import numpy as np

from filmgate.arrays import F32
from filmgate.dedupe.fingerprint import dct
from filmgate.dedupe.fingerprint.dct import SIDE

# Constants are hand-set on the tuning half of the matching benchmark.

_MIN_PEAK = 2.5
"""Least difference of an overlay from the median, on the scale of stored coefficients."""
_MIN_PEAK_RATIO = 40.0
"""How many times the median difference it must be."""


def has_localised_overlay(a: F32, b: F32) -> bool:
    """Whether the pictures differ strongly in one small place and hardly elsewhere.

    Args:
        a, b: float32 (n, 16, 16), whitened coefficients of aligned frames.
    """
    difference = (a - b).mean(axis=0) / np.maximum(dct.whitening(), 1.0)
    difference[0, 0] = 0
    waves = dct.synthesis((np.arange(SIDE) + 0.5) / SIDE)
    picture = waves @ difference @ waves.T
    deviation = np.abs(picture - np.median(picture))
    peak = float(deviation.max())
    return peak > _MIN_PEAK and peak > _MIN_PEAK_RATIO * float(np.median(deviation))
