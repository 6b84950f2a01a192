"""Reference hashes: how a picture looks when only a part of it is shown, or when it is tilted.

They go into the index beside the hash of the whole picture, so that a copy that shows just that
is found. How far it is from the whole is measured later, on the coefficients.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint import dct
from filmgate.dedupe.fingerprint.dct import SIDE, Floats

Box = tuple[float, float, float, float]

CROPS: tuple[Box, ...] = (
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
"""Reference crops as shares of the picture: top, bottom, left, right."""

ANGLES = (-6.0, -3.5, 3.5, 6.0)
"""Tilts in degrees; the hash bears about two more on either side."""

WHOLE: Box = (0.0, 1.0, 0.0, 1.0)

_STIRRED = 6.0
_LEAST = 0.3
_MOST = 0.92
_FEW = 8
_POINTS = 48


def tilted(raw: Floats, aspect: float) -> list[NDArray[np.uint8]]:
    """Hashes of the pictures tilted by each of `ANGLES`, with black corners as editors leave them.

    Args:
        raw: float32 (n, 16, 16), raw coefficients with their means.
        aspect: width over height of the pictures.
    """
    rows = raw.reshape(len(raw), SIDE * SIDE)
    found = []
    for angle in ANGLES:
        turned = (rows @ tilt(angle, shape(aspect)).T).reshape(raw.shape)
        found.append(dct.bits(dct.quantize(dct.whiten(turned))))
    return found


def shape(aspect: float) -> float:
    """Width over height to a hundredth, so that maps are made once; above 0 however narrow."""
    return max(0.01, round(aspect, 2))


@lru_cache(maxsize=64)
def tilt(angle: float, aspect: float, box: Box = WHOLE) -> Floats:
    """The map from raw coefficients of a picture to those of it tilted clockwise, then cut.

    What lies outside of the picture is black. float32 (256, 256).

    Args:
        angle: degrees.
        aspect: see `shape`.
    """
    top, bottom, left, right = box
    inside = (np.arange(_POINTS) + 0.5) / _POINTS
    y, x = np.meshgrid(top + (bottom - top) * inside, left + (right - left) * inside, indexing="ij")
    wide, high = (x - 0.5) * aspect, y - 0.5
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    from_x = (wide * cosine + high * sine) / aspect + 0.5
    from_y = high * cosine - wide * sine + 0.5
    shown = (from_x >= 0) & (from_x <= 1) & (from_y >= 0) & (from_y <= 1)
    vertical = dct.synthesis(from_y.ravel()) * shown.ravel()[:, None]
    horizontal = dct.synthesis(from_x.ravel())
    picture = (vertical[:, :, None] * horizontal[:, None, :]).reshape(_POINTS, _POINTS, -1)
    waves = dct.basis(_POINTS)
    rows = np.einsum("ky,yxc->kxc", waves, picture)
    return np.einsum("lx,kxc->klc", waves, rows).reshape(SIDE * SIDE, -1).astype(np.float32)


def stirring(luma: NDArray[np.uint8]) -> Box:
    """The part of the picture in which anything ever moves, as shares; the whole when that is
    most of it or next to nothing.

    A film shown in a corner of a still picture is found by it.

    Args:
        luma: uint8 (n, height, width), trimmed of bars.
    """
    if len(luma) < _FEW:
        return WHOLE
    _, height, width = luma.shape
    moving = luma.std(axis=0) > _STIRRED
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
    return box if min(shares) >= _LEAST and min(shares) <= _MOST else WHOLE
