"""Points of a picture that are found again after it was cut, scaled, tilted or written over.

Blobs are extrema of the difference of Gaussians over space and scale (Lowe, "Distinctive image
features from scale-invariant keypoints", IJCV 2004), kept where none clearly stronger is near, so
that they are spread over the picture (Brown, Szeliski and Winder, "Multi-image matching using
multi-scale oriented patches", CVPR 2005). They are upright: mirrors and quarter turns are sign
flips and transposes of their patches, and smaller tilts are borne.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint import keypoint_descriptors
from filmgate.dedupe.fingerprint.dct import Floats
from filmgate.dedupe.fingerprint.model import Keypoints

MOST_KEYPOINTS = 200
MOST_OF_FILM = 400
FEW = 30
"""Pictures with fewer are too plain to be told by them alone."""
SIDE = 512
"""Pictures are halved until their longer side is at most so long."""

_SCALES = 2
_OCTAVES = 5
_FIRST_SIGMA = 1.6
_CAMERA_SIGMA = 0.5
_STEP = 2 ** (1 / _SCALES)
_LEAST_CONTRAST = 0.6
_EDGE_RATIO = 10.0
_STRONGEST = 1500
_CLEARLY = 0.9
_SMALLEST_SIDE = 16
_SAME_SPOT = 0.5
_SAME_LOOK = 0.85


@dataclass(frozen=True, slots=True)
class _Level:
    """A blurred picture and its blobs.

    Attributes:
        picture: float32 (height, width).
        scale: pixels of the whole picture for one of this.
        sigma: its blur, in pixels of this picture.
        x, y: float32 (n,), in pixels of this picture.
        strength: float32 (n,), in levels of luma.
    """

    picture: Floats
    scale: int
    sigma: float
    x: Floats
    y: Floats
    strength: Floats


def keypoints(luma: Floats) -> Keypoints:
    """The keypoints of a picture, those that stand out over the widest surroundings first.

    Args:
        luma: float32 (height, width), 0..255.
    """
    height, width = luma.shape
    levels = list(_levels(luma))
    level_of = np.repeat(np.arange(len(levels)), [len(level.x) for level in levels])
    if not len(level_of):
        return Keypoints.none(width / height)
    places = np.concatenate([_whole_picture(level) for level in levels])
    strength = np.concatenate([level.strength for level in levels])
    chosen = _spread(places[:, :2], strength)
    rows = np.zeros((len(chosen), *keypoint_descriptors.SHAPE), dtype=np.int8)
    starts = np.searchsorted(level_of, np.arange(len(levels)))
    for number, level in enumerate(levels):
        mine = np.flatnonzero(level_of[chosen] == number)
        some = chosen[mine] - starts[number]
        rows[mine] = keypoint_descriptors.describe(
            level.picture, level.x[some], level.y[some], level.sigma
        )
    unit = np.float32(np.sqrt(width * height))
    return Keypoints((places[chosen] / unit).astype(np.float32), rows, width / height)


def merged(found: Sequence[Keypoints]) -> Keypoints:
    """The keypoints of several frames of one film, those at one spot of several frames once.

    Returns:
        At most `MOST_OF_FILM`, the most telling of each frame first.
    """
    if len(found) == 1:
        return found[0]
    frame_of = np.repeat(np.arange(len(found)), [len(points.places) for points in found])
    rank = np.concatenate([np.arange(len(points.places)) for points in found])
    order = np.lexsort((frame_of, rank))
    places = np.concatenate([points.places for points in found])[order]
    rows = np.concatenate([points.patches for points in found])[order]
    vectors = keypoint_descriptors.units(rows)
    kept: list[int] = []
    for number in range(len(order)):
        at, sigma = places[number, :2], places[number, 2]
        near = np.abs(places[kept, :2] - at).max(axis=1) < sigma * _SAME_SPOT
        if not (near & (vectors[kept] @ vectors[number] > _SAME_LOOK)).any():
            kept.append(number)
        if len(kept) == MOST_OF_FILM:
            break
    return Keypoints(places[kept], rows[kept], found[0].aspect)


def _whole_picture(level: _Level) -> Floats:
    """x, y and sigma of its blobs in pixels of the whole picture, from its corner: (n, 3)."""
    x, y = (level.x + 0.5) * level.scale, (level.y + 0.5) * level.scale
    sigma = np.full(len(x), level.sigma * level.scale, dtype=np.float32)
    return np.stack([x, y, sigma], axis=1).astype(np.float32)


def _levels(luma: Floats) -> Iterator[_Level]:
    base = blur(luma.astype(np.float32), float(np.sqrt(_FIRST_SIGMA**2 - _CAMERA_SIGMA**2)))
    scale = 1
    for _ in range(_OCTAVES):
        if min(base.shape) < _SMALLEST_SIDE:
            return
        blurred = [base]
        for number in range(_SCALES + 2):
            sigma = _FIRST_SIGMA * _STEP**number
            blurred.append(blur(blurred[-1], sigma * float(np.sqrt(_STEP**2 - 1))))
        between = np.stack([coarse - fine for fine, coarse in pairwise(blurred)])
        for number, (rows, columns) in enumerate(_extrema(between), 1):
            x, y, strength = _refined(between[number], rows, columns)
            sigma = _FIRST_SIGMA * _STEP**number
            yield _Level(blurred[number], scale, sigma, x, y, strength)
        base, scale = _halved(blurred[_SCALES]), scale * 2


def _halved(picture: Floats) -> Floats:
    """Half the size, so that pixel edges stay where they are; the picture is blurred already."""
    height, width = (length // 2 * 2 for length in picture.shape)
    even = picture[:height, :width]
    rows = even[::2] + even[1::2]
    return ((rows[:, ::2] + rows[:, 1::2]) / 4).astype(np.float32)


def blur(picture: Floats, sigma: float) -> Floats:
    """Gaussian blur; the picture is taken to go on as it ends."""
    weights = _gaussian(round(sigma, 4))
    return _along_rows(_along_rows(picture, weights).T, weights).T


def _along_rows(picture: Floats, weights: Floats) -> Floats:
    reach, height = len(weights) // 2, len(picture)
    padded = np.pad(picture, ((reach, reach), (0, 0)), mode="edge")
    out = weights[reach] * picture
    for near in range(reach):
        far = 2 * reach - near
        out += weights[near] * (padded[near : near + height] + padded[far : far + height])
    return np.ascontiguousarray(out)


@lru_cache(maxsize=32)
def _gaussian(sigma: float) -> Floats:
    reach = int(np.ceil(3 * sigma))
    weights = np.exp(-np.square(np.arange(-reach, reach + 1)) / (2 * sigma**2))
    return (weights / weights.sum()).astype(np.float32)


def _extrema(between: Floats) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Rows and columns of what is above or below all 26 neighbours, for each inner level.

    Args:
        between: float32 (levels, height, width), differences of Gaussians.
    """
    highest, lowest = _highest(between), -_highest(-between)
    for level in range(1, len(between) - 1):
        inner = between[level, 1:-1, 1:-1]
        three = slice(level - 1, level + 2)
        extreme = (inner >= highest[three].max(axis=0)) | (inner <= lowest[three].min(axis=0))
        rows, columns = np.nonzero(extreme & (np.abs(inner) > _LEAST_CONTRAST))
        yield rows + 1, columns + 1


def _highest(stack: Floats) -> Floats:
    """The highest of each 3 x 3 pixels: (levels, height - 2, width - 2)."""
    down = np.maximum(np.maximum(stack[:, :-2], stack[:, 1:-1]), stack[:, 2:])
    return np.maximum(np.maximum(down[:, :, :-2], down[:, :, 1:-1]), down[:, :, 2:])


def _refined(
    d: Floats, rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> tuple[Floats, Floats, Floats]:
    """x, y and strength of the extrema that are blobs and no edges, to a part of a pixel."""
    here = d[rows, columns]
    right, left = d[rows, columns + 1], d[rows, columns - 1]
    below, above = d[rows + 1, columns], d[rows - 1, columns]
    xx, yy = right + left - 2 * here, below + above - 2 * here
    corners = d[rows + 1, columns + 1] + d[rows - 1, columns - 1]
    xy = (corners - d[rows + 1, columns - 1] - d[rows - 1, columns + 1]) / 4
    determinant = xx * yy - np.square(xy)
    # Lowe, section 4.1: an edge is curved across and not along.
    blob = (determinant > 0) & (
        np.square(xx + yy) * _EDGE_RATIO < (_EDGE_RATIO + 1) ** 2 * determinant
    )
    # Where both curvatures have one sign neither is zero.
    x = columns[blob] + np.clip((left - right)[blob] / (2 * xx[blob]), -0.5, 0.5)
    y = rows[blob] + np.clip((above - below)[blob] / (2 * yy[blob]), -0.5, 0.5)
    return x.astype(np.float32), y.astype(np.float32), np.abs(here[blob])


def _spread(places: Floats, strength: Floats) -> NDArray[np.intp]:
    """The keypoints with the widest surroundings in which none is clearly stronger."""
    strongest = np.argsort(-strength, kind="stable")[:_STRONGEST]
    at, power = places[strongest], strength[strongest]
    square = np.square(at).sum(axis=1)
    apart = square[:, None] + square[None, :] - 2 * at @ at.T
    apart[power[None, :] * _CLEARLY <= power[:, None]] = np.inf
    widest = np.argsort(-apart.min(axis=1), kind="stable")
    chosen: NDArray[np.intp] = strongest[widest[:MOST_KEYPOINTS]]
    return chosen
