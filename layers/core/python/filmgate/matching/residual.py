"""The gate against "same room, other content".

Two films of one scene by one fixed camera agree in most of every picture. What makes a copy is
that they also agree in how the picture changes. So each side's mean picture is taken away and
what is left is correlated along the alignment.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from filmgate.matching.view import Floats, units

_SAME = 0.74
"""Correlation of what changes from which on two films are one recording."""
_SURELY = 0.8
"""The same where a part of a film has to do without the rest of it."""
_STILL = 0.06
"""Share of change below which there is nothing that could agree,"""
_STILL_SIMILARITY = 0.9
"""and the pictures must be this much alike instead."""
_FEW = 4
"""Fewer aligned frames than this have no change to speak of."""


@dataclass(frozen=True, slots=True)
class Residual:
    """Correlation of what changes.

    Attributes:
        correlation: -1..1 over all aligned frames.
        energy: share of the picture that changes, 0..1, on the stiller side.
        frames: aligned frames it rests on.
    """

    correlation: float
    energy: float
    frames: int

    @property
    def still(self) -> bool:
        """Nothing changes that could agree."""
        return self.frames < _FEW or self.energy < _STILL

    @property
    def surely(self) -> bool:
        """Enough changes, and nearly all of it alike."""
        return not self.still and self.correlation >= _SURELY

    def same(self, similarity: float) -> bool:
        """The pictures change together, or they are alike and neither changes at all."""
        if self.still:
            return similarity >= _STILL_SIMILARITY
        return self.correlation >= _SAME


def residual(a: Floats, b: Floats, band: tuple[int, int]) -> Residual:
    """Correlate the changes of aligned frames.

    Args:
        a, b: float32 (n, 16, 16), coefficients of frames that were aligned with each other.
        band: frequencies both know.
    """
    first, second = units(a, band), units(b, band)
    left, right = first - first.mean(axis=0), second - second.mean(axis=0)
    energies = float(np.square(left).sum()), float(np.square(right).sum())
    scale = np.sqrt(energies[0] * energies[1])
    correlation = float((left * right).sum() / scale) if scale > 1e-9 else 0.0
    return Residual(correlation, float(np.sqrt(min(energies) / len(a))), len(a))
