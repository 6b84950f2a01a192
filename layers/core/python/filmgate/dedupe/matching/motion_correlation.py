"""Motion correlation: tells copies from videos of the same place with other content.

Two videos of one scene by a fixed camera agree in most of every picture. Copies also agree in how
the picture changes. So the mean picture of each side is subtracted, and the residuals are
correlated along the alignment. Where most of the picture is static, people in one place move
similarly at any moment. There a moderate correlation counts only if it is clearly higher than the
correlation with other moments.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from filmgate.arrays import F32, I64
from filmgate.dedupe.matching.frame_features import MatchableFrames
from filmgate.dedupe.matching.temporal_alignment import AlignedSegment
from filmgate.dedupe.matching.transform import (
    Registration,
    apply_transform,
    fisher_z,
    shared_band,
    unit_vectors,
)

# Constants are hand-set on the tuning half of the matching benchmark.

_STRONG = 0.8
"""Least motion correlation of one recording in general;"""
_STRONG_IF_MOSTLY_MOVING = 0.74
"""where most of the picture changes;"""
_STRONG_IF_UNIQUE = 0.66
"""and where other moments correlate clearly less."""
_MIN_MOTION = 0.06
"""Share of motion below which there is nothing to correlate,"""
_STATIC_SIMILARITY = 0.9
"""and the frames must have this similarity instead."""
_UNIQUE_GAP = 0.36
"""By how much other moments must correlate less, in Fisher's z,"""
_UNIQUE_GAP_IF_SPEED_CHANGED = 0.7
"""and at another speed: of the many speeds tried, one correlates a little by chance."""
_MOSTLY_MOVING = 0.6
"""Share of motion from which on a common background cannot explain the similarity."""
_MOMENTS_S = (-3.0, -2.0, -1.5, -1.0, -0.75, -0.5, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
"""Offsets of other moments in seconds: far enough for other motion, mostly within one scene."""
_MAX_OFFSET_ERROR = 0.5
"""Share of such an offset by which the nearest frame may miss it."""
_SAMPLED_FRAMES = 64
"""Frames that are correlated with other moments."""
_MIN_SAMPLE_SHARE = 3
"""One in so many of them must have a counterpart at another moment."""
_MIN_FRAMES = 4
"""With fewer aligned frames there is no motion to measure."""
_MIN_ENERGY = 1e-9
"""Below this energy of both sides together the correlation is 0, to avoid dividing by zero."""


@dataclass(frozen=True, slots=True)
class MotionCorrelation:
    """How well the changes of two aligned sides agree.

    Attributes:
        correlation: -1..1, over all aligned frames.
        motion: share of the picture that changes, 0..1, on the side with less motion.
        frames: number of aligned frames.
        other_moments: the highest correlation with other moments of `b`; 1 where there are none,
            or where it was not measured.
        speed_changed: the two sides play at different speeds.
    """

    correlation: float
    motion: float
    frames: int
    other_moments: float = 1.0
    speed_changed: bool = False

    @classmethod
    def measure(
        cls,
        a: MatchableFrames,
        b: MatchableFrames,
        segment: AlignedSegment,
        registration: Registration,
    ) -> MotionCorrelation:
        """Measure the motion correlation of a segment, and that with other moments."""
        band = shared_band(registration.a, registration.b)
        a_frames = apply_transform(a.coefficients[segment.rows], registration.a)
        b_frames = apply_transform(b.coefficients[segment.columns], registration.b)
        aligned = replace(
            correlate_motion(a_frames, b_frames, band),
            speed_changed=segment.mapping.speed != 1.0,
        )
        if aligned.is_static or aligned.correlation < _STRONG_IF_UNIQUE:
            return aligned
        sample = np.unique(np.linspace(0, len(a_frames) - 1, _SAMPLED_FRAMES).astype(int))
        correlations = []
        for offset_s in _MOMENTS_S:
            rows, columns = _at_offset(b.times, segment.columns[sample], offset_s)
            if len(rows) >= max(_MIN_FRAMES, len(sample) // _MIN_SAMPLE_SHARE):
                others = apply_transform(b.coefficients[columns], registration.b)
                moved = correlate_motion(a_frames[sample[rows]], others, band)
                correlations.append(moved.correlation)
        return replace(aligned, other_moments=max(correlations, default=1.0))

    @property
    def is_static(self) -> bool:
        """There is too little motion to correlate."""
        return self.frames < _MIN_FRAMES or self.motion < _MIN_MOTION

    @property
    def is_strong(self) -> bool:
        """There is enough motion, and nearly all of it agrees."""
        return not self.is_static and self.correlation >= _STRONG

    @property
    def is_unique_in_time(self) -> bool:
        """Other moments correlate clearly less."""
        gap = fisher_z(self.correlation) - fisher_z(self.other_moments)
        return gap >= (_UNIQUE_GAP_IF_SPEED_CHANGED if self.speed_changed else _UNIQUE_GAP)

    @property
    def is_discriminative(self) -> bool:
        """One place with other content would not correlate like this."""
        return self.is_unique_in_time or (self.motion >= _MOSTLY_MOVING and not self.speed_changed)

    def is_same_recording(self, similarity: float) -> bool:
        """Whether the motion agrees, or the frames are similar and neither side moves.

        Args:
            similarity: mean similarity of the aligned frames, -1..1.
        """
        if self.is_static:
            return similarity >= _STATIC_SIMILARITY
        if self.speed_changed:
            return self.is_strong and self.is_unique_in_time
        if self.is_unique_in_time:
            return self.correlation >= _STRONG_IF_UNIQUE
        mostly_moving = self.motion >= _MOSTLY_MOVING
        return self.correlation >= (_STRONG_IF_MOSTLY_MOVING if mostly_moving else _STRONG)


def correlate_motion(a: F32, b: F32, band: tuple[int, int]) -> MotionCorrelation:
    """Correlate the residuals of aligned frames after subtracting the mean of each side.

    Args:
        a, b: float32 (n, 16, 16), whitened coefficients of aligned frames.
        band: frequencies that both sides resolve.
    """
    a_units, b_units = unit_vectors(a, band), unit_vectors(b, band)
    a_residuals, b_residuals = a_units - a_units.mean(axis=0), b_units - b_units.mean(axis=0)
    energies = float(np.square(a_residuals).sum()), float(np.square(b_residuals).sum())
    scale = np.sqrt(energies[0] * energies[1])
    product = (a_residuals * b_residuals).sum()
    correlation = float(product / scale) if scale > _MIN_ENERGY else 0.0
    return MotionCorrelation(correlation, float(np.sqrt(min(energies) / len(a))), len(a))


def _at_offset(times: F32, columns: I64, offset_s: float) -> tuple[I64, I64]:
    """Return which of the frames have another one at an offset, and which one that is."""
    wanted = times[columns] + offset_s
    after = np.clip(np.searchsorted(times, wanted), 1, max(1, len(times) - 1))
    nearest = after - (wanted - times[after - 1] < times[after] - wanted)
    inside = (wanted >= times[0]) & (wanted <= times[-1])
    near = np.abs(times[nearest] - wanted) < abs(offset_s) * _MAX_OFFSET_ERROR
    rows = np.flatnonzero(inside & near)
    return rows, nearest[rows]
