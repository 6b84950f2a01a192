"""Points of a picture that are found again after it was cropped, scaled, tilted or overlaid.

Blobs are extrema of the difference of Gaussians over space and scale (Lowe, "Distinctive image
features from scale-invariant keypoints", IJCV 2004). Adaptive non-maximal suppression spreads them
over the picture (Brown, Szeliski and Winder, "Multi-image matching using
multi-scale oriented patches", CVPR 2005). Keypoints have no orientation: mirroring and quarter
turns are sign flips and transposes of their descriptors, and smaller tilts are tolerated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from filmgate.arrays import F32, Rows
from filmgate.dedupe.fingerprint import keypoint_descriptors
from filmgate.dedupe.fingerprint.model import Keypoints

MAX_KEYPOINTS = 200
"""Keypoints kept of one picture."""
MAX_VIDEO_KEYPOINTS = 400
"""Keypoints kept of all pictures of a video."""
MIN_KEYPOINTS = 30
"""A picture with fewer is too plain to be recognised by its keypoints alone."""
SIDE = 512
"""Pictures are halved until their longer side is at most this many pixels."""

_SCALES = 2
"""Scales of an octave at which blobs are detected."""
_OCTAVES = 5
"""Octaves at most; each halves the picture."""
_FIRST_SIGMA = 1.6
"""Blur of the first scale of an octave, in its pixels (Lowe, section 3.3)."""
_CAMERA_SIGMA = 0.5
"""Blur that a picture is assumed to have already, in pixels (Lowe, section 3.3)."""
_STEP = 2 ** (1 / _SCALES)
"""Ratio of the blurs of neighbouring scales."""
_MIN_CONTRAST = 0.6
"""Smallest difference of Gaussians of a blob, in levels of luma of 255."""
_EDGE_RATIO = 10.0
"""Largest ratio of the principal curvatures of a blob; more is an edge (Lowe, section 4.1)."""
_MAX_CANDIDATES = 1500
"""Blobs that take part in the suppression, the strongest."""
_CLEARLY_STRONGER = 0.9
"""A blob suppresses another that has less than this share of its strength (Brown et al.)."""
_MIN_SIDE = 16
"""Smaller octaves hold no blobs."""
_SAME_POSITION = 0.5
"""Keypoints of two frames are at one position up to this distance, in units of their scale,"""
_SAME_DESCRIPTOR = 0.85
"""and are the same from this cosine similarity of their descriptors."""


@dataclass(frozen=True, slots=True)
class _Level:
    """A blurred picture and its blobs.

    Attributes:
        picture: float32 (height, width).
        scale: pixels of the whole picture for one pixel of this one.
        sigma: its blur, in pixels of this picture.
        x, y: float32 (n,), in pixels of this picture.
        strength: float32 (n,), in levels of luma.
    """

    picture: F32
    scale: int
    sigma: float
    x: F32
    y: F32
    strength: F32


def detect_keypoints(luma: F32) -> Keypoints:
    """The keypoints of a picture, those with the widest suppression radius first.

    Args:
        luma: float32 (height, width), 0..255.
    """
    height, width = luma.shape
    levels = list(_levels(luma))
    level_of = np.repeat(np.arange(len(levels)), [len(level.x) for level in levels])
    if not len(level_of):
        return Keypoints.empty(width / height)
    positions = np.concatenate([_image_positions(level) for level in levels])
    strength = np.concatenate([level.strength for level in levels])
    chosen = _suppress_non_maxima(positions[:, :2], strength)
    descriptors = np.zeros((len(chosen), *keypoint_descriptors.SHAPE), dtype=np.int8)
    starts = np.searchsorted(level_of, np.arange(len(levels)))
    for number, level in enumerate(levels):
        of_level = np.flatnonzero(level_of[chosen] == number)
        blobs = chosen[of_level] - starts[number]
        descriptors[of_level] = keypoint_descriptors.describe(
            level.picture, level.x[blobs], level.y[blobs], level.sigma
        )
    unit = np.float32(np.sqrt(width * height))
    return Keypoints((positions[chosen] / unit).astype(np.float32), descriptors, width / height)


def merge_keypoints(frames: Sequence[Keypoints]) -> Keypoints:
    """The keypoints of several frames of one video, without repetitions of a static scene.

    Returns:
        At most `MAX_VIDEO_KEYPOINTS`, the most distinctive of each frame first.
    """
    if len(frames) == 1:
        return frames[0]
    frame_of = np.repeat(np.arange(len(frames)), [len(points.positions) for points in frames])
    rank = np.concatenate([np.arange(len(points.positions)) for points in frames])
    order = np.lexsort((frame_of, rank))
    positions = np.concatenate([points.positions for points in frames])[order]
    descriptors = np.concatenate([points.descriptors for points in frames])[order]
    vectors = keypoint_descriptors.unit_vectors(descriptors)
    chosen: list[int] = []
    for row in range(len(order)):
        center, sigma = positions[row, :2], positions[row, 2]
        near = np.abs(positions[chosen, :2] - center).max(axis=1) < sigma * _SAME_POSITION
        if not (near & (vectors[chosen] @ vectors[row] > _SAME_DESCRIPTOR)).any():
            chosen.append(row)
        if len(chosen) == MAX_VIDEO_KEYPOINTS:
            break
    return Keypoints(positions[chosen], descriptors[chosen], frames[0].aspect)


def _image_positions(level: _Level) -> F32:
    """x, y and sigma of the blobs in pixels of the whole picture, from its corner: (n, 3)."""
    x, y = (level.x + 0.5) * level.scale, (level.y + 0.5) * level.scale
    sigma = np.full(len(x), level.sigma * level.scale, dtype=np.float32)
    return np.stack([x, y, sigma], axis=1).astype(np.float32)


def _levels(luma: F32) -> Iterator[_Level]:
    base = blur(luma.astype(np.float32), float(np.sqrt(_FIRST_SIGMA**2 - _CAMERA_SIGMA**2)))
    scale = 1
    for _ in range(_OCTAVES):
        if min(base.shape) < _MIN_SIDE:
            return
        blurred = [base]
        for number in range(_SCALES + 2):
            sigma = _FIRST_SIGMA * _STEP**number
            blurred.append(blur(blurred[-1], sigma * float(np.sqrt(_STEP**2 - 1))))
        between = np.stack([coarse - fine for fine, coarse in pairwise(blurred)])
        for number, (rows, columns) in enumerate(_extrema(between), 1):
            x, y, strength = _subpixel_blobs(between[number], rows, columns)
            sigma = _FIRST_SIGMA * _STEP**number
            yield _Level(blurred[number], scale, sigma, x, y, strength)
        base, scale = _halved(blurred[_SCALES]), scale * 2


def _halved(picture: F32) -> F32:
    """Half the size, with aligned pixel edges; the picture is blurred already."""
    height, width = (length // 2 * 2 for length in picture.shape)
    even = picture[:height, :width]
    rows = even[::2] + even[1::2]
    return ((rows[:, ::2] + rows[:, 1::2]) / 4).astype(np.float32)


def blur(picture: F32, sigma: float) -> F32:
    """Gaussian blur; beyond the edge, the outermost pixels are repeated."""
    weights = _gaussian(round(sigma, 4))
    return _along_rows(_along_rows(picture, weights).T, weights).T


def _along_rows(picture: F32, weights: F32) -> F32:
    reach, height = len(weights) // 2, len(picture)
    padded = np.pad(picture, ((reach, reach), (0, 0)), mode="edge")
    out = weights[reach] * picture
    for near in range(reach):
        far = 2 * reach - near
        out += weights[near] * (padded[near : near + height] + padded[far : far + height])
    return np.ascontiguousarray(out)


@lru_cache(maxsize=32)
def _gaussian(sigma: float) -> F32:
    reach = int(np.ceil(3 * sigma))
    weights = np.exp(-np.square(np.arange(-reach, reach + 1)) / (2 * sigma**2))
    return (weights / weights.sum()).astype(np.float32)


def _extrema(between: F32) -> Iterator[tuple[Rows, Rows]]:
    """Rows and columns of values above or below all 26 neighbours, for each inner level.

    Args:
        between: float32 (levels, height, width), differences of Gaussians.
    """
    highest, lowest = _highest(between), -_highest(-between)
    for level in range(1, len(between) - 1):
        inner = between[level, 1:-1, 1:-1]
        three = slice(level - 1, level + 2)
        extreme = (inner >= highest[three].max(axis=0)) | (inner <= lowest[three].min(axis=0))
        rows, columns = np.nonzero(extreme & (np.abs(inner) > _MIN_CONTRAST))
        yield rows + 1, columns + 1


def _highest(stack: F32) -> F32:
    """The highest of each 3 x 3 pixels: (levels, height - 2, width - 2)."""
    down = np.maximum(np.maximum(stack[:, :-2], stack[:, 1:-1]), stack[:, 2:])
    return np.maximum(np.maximum(down[:, :, :-2], down[:, :, 1:-1]), down[:, :, 2:])


def _subpixel_blobs(d: F32, rows: Rows, columns: Rows) -> tuple[F32, F32, F32]:
    """x, y and strength of the extrema that are blobs and not edges, to a fraction of a pixel."""
    here = d[rows, columns]
    right, left = d[rows, columns + 1], d[rows, columns - 1]
    below, above = d[rows + 1, columns], d[rows - 1, columns]
    xx, yy = right + left - 2 * here, below + above - 2 * here
    corners = d[rows + 1, columns + 1] + d[rows - 1, columns - 1]
    xy = (corners - d[rows + 1, columns - 1] - d[rows - 1, columns + 1]) / 4
    determinant = xx * yy - np.square(xy)
    # Lowe, section 4.1: an edge is curved in one direction only.
    blob = (determinant > 0) & (
        np.square(xx + yy) * _EDGE_RATIO < (_EDGE_RATIO + 1) ** 2 * determinant
    )
    # Where both curvatures have the same sign, neither is zero.
    x = columns[blob] + np.clip((left - right)[blob] / (2 * xx[blob]), -0.5, 0.5)
    y = rows[blob] + np.clip((above - below)[blob] / (2 * yy[blob]), -0.5, 0.5)
    return x.astype(np.float32), y.astype(np.float32), np.abs(here[blob])


def _suppress_non_maxima(positions: F32, strength: F32) -> Rows:
    """Adaptive non-maximal suppression: the blobs with the widest radius in which no other is
    clearly stronger, at most `MAX_KEYPOINTS`.

    Args:
        positions: float32 (n, 2).
        strength: float32 (n,).
    """
    strongest = np.argsort(-strength, kind="stable")[:_MAX_CANDIDATES]
    center, power = positions[strongest], strength[strongest]
    square = np.square(center).sum(axis=1)
    apart = square[:, None] + square[None, :] - 2 * center @ center.T
    apart[power[None, :] * _CLEARLY_STRONGER <= power[:, None]] = np.inf
    widest = np.argsort(-apart.min(axis=1), kind="stable")
    chosen: Rows = strongest[widest[:MAX_KEYPOINTS]]
    return chosen
