"""Augmented reference hashes: a picture cropped and tilted in the ways that copies usually are.

They go into the index beside the hash of the whole picture, so that such a copy is found. How
similar it is to the whole picture is measured later, on the coefficients.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np

from filmgate.arrays import F32, U8
from filmgate.dedupe.fingerprint import dct
from filmgate.dedupe.fingerprint.dct import SIDE

Box = tuple[float, float, float, float]
"""Top, bottom, left and right as shares of a picture, 0..1."""

REFERENCE_CROPS: tuple[Box, ...] = (
    (0.00, 0.85, 0.00, 1.00),
    (0.15, 1.00, 0.00, 1.00),
    (0.125, 0.875, 0.00, 1.00),
    (0.00, 1.00, 0.125, 0.875),
    (0.00, 1.00, 0.21875, 0.78125),
    *(
        (top * (1 - side), top * (1 - side) + side, left * (1 - side), left * (1 - side) + side)
        for side, places in ((0.9, 3), (0.8, 3), (0.7, 5))
        for top, left in product(np.linspace(0, 1, places).tolist(), repeat=2)
    ),
)
"""The parts of a picture that are hashed."""

TILT_ANGLES = (-6.0, -3.5, 3.5, 6.0)
"""Tilts in degrees; a hash tolerates about two more degrees on either side."""

WHOLE: Box = (0.0, 1.0, 0.0, 1.0)

_MOTION_DEVIATION = 6.0
"""Standard deviation of a pixel's luma over time, of 255, from which something moves there."""
_MIN_MOTION_SIDE = 0.3
"""A motion region with a side below this share of the picture is too small to be hashed."""
_MAX_MOTION_SIDE = 0.92
"""With both sides above this share, the motion region is taken to be the whole picture."""
_MIN_MOTION_FRAMES = 8
"""Fewer pictures do not show where something moves."""
_TILT_SAMPLES = 48
"""Samples a side at which a tilted picture is evaluated: three for each frequency."""


def tilted_hashes(raw: F32, aspect: float) -> list[U8]:
    """Hashes of the pictures tilted by each of `TILT_ANGLES`, with black corners as editors leave.

    Args:
        raw: float32 (n, 16, 16), raw coefficients with their means.
        aspect: width over height of the pictures.

    Returns:
        uint8 (n, 32) for each angle.
    """
    rows = raw.reshape(len(raw), SIDE * SIDE)
    hashes = []
    for angle in TILT_ANGLES:
        tilted = (rows @ tilt_matrix(angle, rounded_aspect(aspect)).T).reshape(raw.shape)
        hashes.append(dct.bits(dct.quantize(dct.whiten(tilted))))
    return hashes


def rounded_aspect(aspect: float) -> float:
    """Width over height to a hundredth, so that `tilt_matrix` is cached; always above 0."""
    return max(0.01, round(aspect, 2))


@lru_cache(maxsize=64)
def tilt_matrix(angle: float, aspect: float, box: Box = WHOLE) -> F32:
    """The linear map from raw coefficients of a picture to those of it tilted and then cropped.

    What lies outside the picture is black.

    Args:
        angle: clockwise, in degrees.
        aspect: width over height, see `rounded_aspect`.
        box: the part of the tilted picture that is kept.

    Returns:
        float32 (256, 256).
    """
    top, bottom, left, right = box
    inside = (np.arange(_TILT_SAMPLES) + 0.5) / _TILT_SAMPLES
    y, x = np.meshgrid(top + (bottom - top) * inside, left + (right - left) * inside, indexing="ij")
    wide, high = (x - 0.5) * aspect, y - 0.5
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    from_x = (wide * cosine + high * sine) / aspect + 0.5
    from_y = high * cosine - wide * sine + 0.5
    shown = (from_x >= 0) & (from_x <= 1) & (from_y >= 0) & (from_y <= 1)
    vertical = dct.synthesis(from_y.ravel()) * shown.ravel()[:, None]
    horizontal = dct.synthesis(from_x.ravel())
    picture = (vertical[:, :, None] * horizontal[:, None, :]).reshape(
        _TILT_SAMPLES, _TILT_SAMPLES, -1
    )
    waves = dct.basis(_TILT_SAMPLES)
    rows = np.einsum("ky,yxc->kxc", waves, picture)
    return np.einsum("lx,kxc->klc", waves, rows).reshape(SIDE * SIDE, -1).astype(np.float32)


def motion_region(luma: U8) -> Box:
    """The part of the picture in which anything ever moves; `WHOLE` when that is most of the
    picture or next to nothing.

    It finds a video that is shown in a corner of a still picture.

    Args:
        luma: uint8 (n, height, width), trimmed of bars.
    """
    if len(luma) < _MIN_MOTION_FRAMES:
        return WHOLE
    _, height, width = luma.shape
    moving = luma.std(axis=0) > _MOTION_DEVIATION
    rows, columns = np.flatnonzero(moving.any(axis=1)), np.flatnonzero(moving.any(axis=0))
    if not len(rows):
        return WHOLE
    box = (
        float(rows[0] / height),
        float((rows[-1] + 1) / height),
        float(columns[0] / width),
        float((columns[-1] + 1) / width),
    )
    shares = box[1] - box[0], box[3] - box[2]
    return box if _MIN_MOTION_SIDE <= min(shares) <= _MAX_MOTION_SIDE else WHOLE
