"""The gate against "same room, other content".

Two films of one scene by one fixed camera agree in most of every picture. What makes a copy is
that they also agree in how the picture changes. So each side's mean picture is taken away and
what is left is correlated along the alignment. Where most of the picture stays, people in one
place move much alike at any moment: there a doubtful correlation must be clearly better than those
with other moments.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.matching.arrays import F32
from filmgate.dedupe.matching.frame_features import Usable
from filmgate.dedupe.matching.temporal_alignment import Stretch
from filmgate.dedupe.matching.transform import (
    Registration,
    apply_transform,
    fisher_z,
    shared_band,
    unit_vectors,
)

_SURELY = 0.8
"""Correlation of what changes from which on two films are surely one recording;"""
_SAME = 0.74
"""where most of the picture changes;"""
_ALIKE = 0.66
"""and where other moments agree clearly less."""
_STILL = 0.06
"""Share of change below which there is nothing that could agree,"""
_STILL_SIMILARITY = 0.9
"""and the pictures must be this much alike instead."""
_DISTINCT = 0.36
"""Fisher's z by which the best of other moments must stay behind,"""
_DISTINCT_PACED = 0.7
"""and at another speed: of so many, one agrees a little by chance."""
_ROOM = 0.6
"""Share of change from which on it is not one place that makes two films alike."""
_MOMENTS_S = (-3.0, -2.0, -1.5, -1.0, -0.75, -0.5, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
"""Seconds to other moments: from where motion has changed, mostly within one scene."""
_SAMPLED = 64
"""Frames that are looked at for it."""
_FEW = 4
"""Fewer aligned frames than this have no change to speak of."""


@dataclass(frozen=True, slots=True)
class Residual:
    """Correlation of what changes.

    Attributes:
        correlation: -1..1 over all aligned frames.
        energy: share of the picture that changes, 0..1, on the stiller side.
        frames: aligned frames it rests on.
        elsewhere: the highest correlation with other moments of `b`; 1 where there are none, or
            it was not asked for.
        paced: the two play at other speeds.
    """

    correlation: float
    energy: float
    frames: int
    elsewhere: float = 1.0
    paced: bool = False

    @property
    def still(self) -> bool:
        """Nothing changes that could agree."""
        return self.frames < _FEW or self.energy < _STILL

    @property
    def surely(self) -> bool:
        """Enough changes, and nearly all of it alike."""
        return not self.still and self.correlation >= _SURELY

    @property
    def distinct(self) -> bool:
        """It agrees clearly less with other moments."""
        gap = fisher_z(self.correlation) - fisher_z(self.elsewhere)
        return gap >= (_DISTINCT_PACED if self.paced else _DISTINCT)

    @property
    def telling(self) -> bool:
        """One place under other content would not make them change alike."""
        return self.distinct or (self.energy >= _ROOM and not self.paced)

    def same(self, similarity: float) -> bool:
        """The pictures change together, or they are alike and neither changes at all."""
        if self.still:
            return similarity >= _STILL_SIMILARITY
        if self.paced:
            return self.surely and self.distinct
        if self.distinct:
            return self.correlation >= _ALIKE
        return self.correlation >= (_SAME if self.energy >= _ROOM else _SURELY)


def along(a: Usable, b: Usable, stretch: Stretch, views: Registration) -> Residual:
    """How a stretch changes under the views, and how it would at other moments."""
    band = shared_band(views.a, views.b)
    first = apply_transform(a.coefficients[stretch.rows], views.a)
    there = residual(first, apply_transform(b.coefficients[stretch.columns], views.b), band)
    there = replace(there, paced=stretch.line.speed != 1.0)
    if there.still or there.correlation < _ALIKE:
        return there
    some = np.unique(np.linspace(0, len(first) - 1, _SAMPLED).astype(int))
    found = []
    for moment in _MOMENTS_S:
        places, columns = _moved(b.times, stretch.columns[some], moment)
        if len(places) >= max(_FEW, len(some) // 3):
            other = apply_transform(b.coefficients[columns], views.b)
            found.append(residual(first[some[places]], other, band).correlation)
    return replace(there, elsewhere=max(found, default=1.0))


def _moved(
    times: F32, columns: NDArray[np.int64], moment_s: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which of the frames have another one at that distance, to half of it; and which that is."""
    wanted = times[columns] + moment_s
    after = np.clip(np.searchsorted(times, wanted), 1, max(1, len(times) - 1))
    nearest = after - (wanted - times[after - 1] < times[after] - wanted)
    inside = (wanted >= times[0]) & (wanted <= times[-1])
    there = np.flatnonzero(inside & (np.abs(times[nearest] - wanted) < abs(moment_s) / 2))
    return there, nearest[there]


def residual(a: F32, b: F32, band: tuple[int, int]) -> Residual:
    """Correlate the changes of aligned frames.

    Args:
        a, b: float32 (n, 16, 16), coefficients of frames that were aligned with each other.
        band: frequencies both know.
    """
    first, second = unit_vectors(a, band), unit_vectors(b, band)
    left, right = first - first.mean(axis=0), second - second.mean(axis=0)
    energies = float(np.square(left).sum()), float(np.square(right).sum())
    scale = np.sqrt(energies[0] * energies[1])
    correlation = float((left * right).sum() / scale) if scale > 1e-9 else 0.0
    return Residual(correlation, float(np.sqrt(min(energies) / len(a))), len(a))
