"""Spatial transforms of frames (mirror, rotation, crop), applied to their stored DCT coefficients.

A transform says how one side must be changed to show what the other side shows. The pictures
themselves are not stored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from filmgate.arrays import F32, I8
from filmgate.dedupe.fingerprint import dct
from filmgate.dedupe.fingerprint.augmented_hashes import WHOLE, Box, tilt_matrix
from filmgate.dedupe.fingerprint.dct import SIDE
from filmgate.dedupe.fingerprint.model import Keypoints

__all__ = [
    "WHOLE",
    "Box",
    "FrameSet",
    "Registration",
    "SpatialTransform",
    "apply_transform",
    "crop_matrix",
    "evaluate_transforms",
    "fisher_z",
    "oriented_box",
    "shared_band",
    "similarity_matrix",
    "unit_vectors",
    "unwhiten",
]

_SYNTHESIS_POINTS = 64
"""Points at which a cropped axis is sampled: four per coefficient, enough to avoid aliasing."""
_MAX_CORRELATION = 0.999
"""Correlations are clipped to this, because Fisher's z is infinite at 1."""
_MIN_BAND = 4
"""Frequencies that even a very small crop is taken to resolve, per axis."""
_MIN_LENGTH = 1e-6
"""Vectors shorter than this become zero instead of unit vectors."""
REQUIRED_MATCH_SHARE = 0.75
"""Share of the query frames that must match: a crop that suits only a few frames proves nothing.
Hand-set on the tuning half of the matching benchmark."""


@dataclass(frozen=True, slots=True)
class SpatialTransform:
    """Mirror and rotate as in `dct.orient`, rotate by a few degrees, then keep only `box`.

    Attributes:
        mirror: left to right.
        right_angle_deg: 0, 90, 180 or 270 degrees clockwise, after the mirror.
        box: the part that is kept: top, bottom, left, right as shares of the picture.
        rotation_deg: further rotation by a few degrees, clockwise.
        aspect: width over height of the picture; used only with `rotation_deg`.
    """

    mirror: bool = False
    right_angle_deg: int = 0
    box: Box = WHOLE
    rotation_deg: float = 0.0
    aspect: float = 1.0

    @property
    def is_identity(self) -> bool:
        return self == SpatialTransform()

    @property
    def band(self) -> tuple[int, int]:
        """Vertical and horizontal frequencies that the crop still resolves, each 1..16."""
        return _band(self.box)


def fisher_z(correlation: float) -> float:
    """Return Fisher's z of a correlation, which is clipped just below 1."""
    return math.atanh(max(-_MAX_CORRELATION, min(correlation, _MAX_CORRELATION)))


def oriented_box(box: Box, mirror: bool, right_angle_deg: int) -> Box:
    """Return where a box lies after its picture is mirrored, then rotated clockwise."""
    top, bottom, left, right = box
    if mirror:
        left, right = 1 - right, 1 - left
    for _ in range(right_angle_deg // 90):
        top, bottom, left, right = left, right, 1 - bottom, 1 - top
    return top, bottom, left, right


@dataclass(frozen=True, slots=True)
class Registration:
    """The transforms under which two sides were compared.

    Attributes:
        a, b: the transform of each side.
        similarity: mean similarity of the best matching frames under them, -1..1.
    """

    a: SpatialTransform
    b: SpatialTransform
    similarity: float

    @property
    def z_score(self) -> float:
        """Fisher's z of the similarity, in standard deviations of chance.

        Agreement in the narrow band that a small crop resolves counts less.
        """
        rows, columns = shared_band(self.a, self.b)
        return fisher_z(self.similarity) * math.sqrt(rows * columns)

    @property
    def is_cropped(self) -> bool:
        """One side shows a part of the other, or each shows a part that the other lacks."""
        return self.a.box != self.b.box

    @property
    def is_full_frame(self) -> bool:
        """Each side shows the full picture of the other, at most mirrored or by right angles."""
        return self.a.box == self.b.box == WHOLE and not self.b.rotation_deg

    @property
    def excludes_strip(self) -> bool:
        """A strip of both sides was left out because something covers it on one side."""
        return self.a.box == self.b.box != WHOLE and not self.b.rotation_deg


@dataclass(frozen=True, slots=True)
class FrameSet:
    """The frames of one side that are registered.

    Attributes:
        coefficients: int8 (n, 16, 16), of the frames worth matching.
        aspect: width over height.
        motion_region: the part of the picture in which anything moves.
        keypoints: of some of the frames together; None where there are none.
    """

    coefficients: I8
    aspect: float = 1.0
    motion_region: Box = WHOLE
    keypoints: Keypoints | None = None


def apply_transform(coefficients: I8, transform: SpatialTransform) -> F32:
    """Return the whitened coefficients of transformed pictures: float32 (n, 16, 16).

    Args:
        coefficients: int8 (n, 16, 16), as stored.
    """
    oriented = dct.orient(coefficients, transform.mirror, transform.right_angle_deg)
    if transform.box == WHOLE and not transform.rotation_deg:
        return oriented.astype(np.float32) / dct.SCALE
    raw = unwhiten(oriented)
    if transform.rotation_deg:
        rotation = tilt_matrix(transform.rotation_deg, transform.aspect, transform.box)
        rows = raw.reshape(len(raw), SIDE * SIDE) @ rotation.T
        return dct.whiten(rows.reshape(raw.shape).astype(np.float32, copy=False))
    top, bottom, left, right = transform.box
    cropped = crop_matrix(top, bottom) @ raw @ crop_matrix(left, right).T
    return dct.whiten(cropped.astype(np.float32, copy=False))


def unwhiten(coefficients: I8) -> F32:
    """Return unwhitened coefficients, each frame on a scale of its own and without its mean.

    Args:
        coefficients: int8 (n, 16, 16), as stored.
    """
    raw: F32 = coefficients.astype(np.float32)
    raw /= np.maximum(dct.whitening(), 1.0)
    return raw


def unit_vectors(white: F32, band: tuple[int, int]) -> F32:
    """Return unit vectors of the coefficients inside a band, zero where a frame has none.

    Args:
        white: float32 (n, 16, 16), whitened coefficients.
        band: vertical and horizontal frequencies to use.

    Returns:
        float32 (n, 256).
    """
    in_band = np.zeros((len(white), SIDE, SIDE), dtype=np.float32)
    in_band[:, : band[0], : band[1]] = white[:, : band[0], : band[1]]
    in_band[:, 0, 0] = 0
    rows = in_band.reshape(len(white), SIDE * SIDE)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(length, _MIN_LENGTH)


def shared_band(a: SpatialTransform, b: SpatialTransform) -> tuple[int, int]:
    """Return the band that both transforms resolve."""
    (a_rows, a_columns), (b_rows, b_columns) = a.band, b.band
    return min(a_rows, b_rows), min(a_columns, b_columns)


def similarity_matrix(
    a: I8, b: I8, a_transform: SpatialTransform, b_transform: SpatialTransform
) -> F32:
    """Return the cosine similarity of each frame of `a` with each of `b`: (n, m), -1..1."""
    band = shared_band(a_transform, b_transform)
    a_units = unit_vectors(apply_transform(a, a_transform), band)
    matrix: F32 = a_units @ unit_vectors(apply_transform(b, b_transform), band).T
    return matrix


def evaluate_transforms(
    query_frames: I8, reference_frames: I8, a: SpatialTransform, b: SpatialTransform
) -> Registration:
    """Measure how well query frames (under `a`) find matches among reference frames (under `b`).

    Args:
        query_frames, reference_frames: int8 (n, 16, 16) and (m, 16, 16).
    """
    matrix = similarity_matrix(query_frames, reference_frames, a, b)
    count = max(1, round(len(query_frames) * REQUIRED_MATCH_SHARE))
    best = np.sort(matrix.max(axis=1))[-count:]
    return Registration(a, b, float(best.mean()))


@lru_cache(maxsize=4096)
def crop_matrix(start: float, stop: float) -> F32:
    """Return the map from coefficients of an axis to those of its part start..stop: (16, 16)."""
    points = (np.arange(_SYNTHESIS_POINTS) + 0.5) / _SYNTHESIS_POINTS
    waves = dct.synthesis(start + (stop - start) * points)
    return (dct.basis(_SYNTHESIS_POINTS) @ waves).astype(np.float32)


@lru_cache(maxsize=4096)
def _band(box: Box) -> tuple[int, int]:
    top, bottom, left, right = box
    return _resolved_frequencies(bottom - top), _resolved_frequencies(right - left)


def _resolved_frequencies(share: float) -> int:
    """Return how many of the 16 frequencies of an axis a share of it resolves."""
    return min(SIDE, max(_MIN_BAND, math.floor(SIDE * share + 1e-6)))
