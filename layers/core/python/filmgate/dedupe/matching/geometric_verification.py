"""Geometric verification: registers two pictures by the keypoints that both have.

Keypoints with similar descriptors are matched (mutual nearest neighbours). Each match is a
hypothesis of scale and translation; an affine transform fitted to the matches that agree with it
decides which of them are inliers (Lowe, IJCV 2004, section 7, with every match as a hypothesis
instead of a Hough vote). Pictures that share only some details have few inliers; in a copy most
keypoints that both pictures could show are inliers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import nlargest

import numpy as np
from numpy.typing import NDArray

from filmgate.arrays import F64, Mask
from filmgate.dedupe.fingerprint import dct, keypoint_descriptors
from filmgate.dedupe.fingerprint.model import Keypoints
from filmgate.dedupe.matching.local_mismatch import largest_mismatch_area
from filmgate.dedupe.matching.transform import Box

# Constants without another source are hand-set on the tuning half of the matching benchmark.

_MIN_COSINE = 0.8
"""Least cosine similarity of the descriptors of two matched keypoints."""
_MIN_INLIERS = 5
"""Inliers that a registration needs: a similarity transform fits any two, and chance adds some."""
_MAX_HYPOTHESES = 12
"""Hypotheses that are refined: those with which most other matches agree."""
_MAX_REGISTRATIONS = 4
"""Registrations that are returned: a picture may repeat itself, or be mirrored."""
_MIN_AFFINE_PAIRS = 24
"""From this many matches on an affine transform is fitted (six parameters), else a similarity
transform (four)."""
_MAX_SCALE_OCTAVES = 0.5
"""How far the scale ratio of two keypoints may be from that of the transform."""
_HYPOTHESIS_ERROR = 0.15
"""Error of a hypothesis as a share of the distance, because the scale of a keypoint is rough."""
_FIT_TOLERANCES = (3.0, 2.0, 1.0, 1.0)
"""Inlier tolerances of the fits, as multiples of the last: the transform improves with each."""
_POSITION_ERROR = 0.35
"""Position error of a keypoint as a share of its scale,"""
_POSITION_ERROR_FLOOR = 0.001
"""plus this, in units of the square root of the picture's area."""
_MIN_VISIBLE_SCALE = 0.004
"""A keypoint whose scale in the other picture is below this is not visible there."""
_EDGE_SNAP = 0.035
"""Box edges this near to the edge of the picture are moved onto it: registration is not finer."""
_MIN_SPREAD = 1e-12
_MIN_DETERMINANT = 1e-9
_MIN_BOX_SIDE = 1e-6
"""Lower bounds that keep degenerate inputs from dividing by zero."""


@dataclass(frozen=True, slots=True)
class AffineRegistration:
    """One picture registered in the other, oriented one.

    Attributes:
        mirror, right_angle_deg: how the second picture must be oriented, see `dct.orient`.
        a_box, b_box: the part of each picture that the other shows too.
        rotation_deg: degrees clockwise by which the second picture is further rotated.
        inliers: matched keypoints that agree with the transform.
        inlier_ratio: inliers as a share of the keypoints that both pictures could show, on the
            side that could show fewer; 0..1.
        mismatch_area: see `local_mismatch.largest_mismatch_area`.
    """

    mirror: bool
    right_angle_deg: int
    a_box: Box
    b_box: Box
    rotation_deg: float
    inliers: int
    inlier_ratio: float
    mismatch_area: float


@dataclass(frozen=True, slots=True)
class _Matches:
    """Matched keypoints: float64 (n, 3) each, x, y and scale."""

    a: F64
    b: F64


def affine_registrations(
    a: Keypoints,
    b: Keypoints,
    orientations: Iterable[tuple[bool, int]] = dct.ORIENTATIONS,
) -> list[AffineRegistration]:
    """Return up to four registrations, those with the most inliers first.

    There are none where too few keypoints agree, and several where a picture repeats itself.

    Args:
        orientations: mirror and right-angle rotation of `b` to try.
    """
    registrations = [
        registration
        for orientation in orientations
        for registration in _registrations(a, b, orientation)
    ]
    return nlargest(
        _MAX_REGISTRATIONS, registrations, key=lambda registration: registration.inliers
    )


def _registrations(
    a: Keypoints, b: Keypoints, orientation: tuple[bool, int]
) -> Iterator[AffineRegistration]:
    oriented = _oriented(b, *orientation)
    matches = _mutual_nearest_neighbours(a, oriented)
    seen: set[bytes] = set()
    for hypothesis in _hypotheses(matches):
        inliers = _refit(matches, hypothesis)
        if inliers is not None and inliers.tobytes() not in seen:
            seen.add(inliers.tobytes())
            yield _registration(a, oriented, matches, inliers, orientation)


def _registration(
    a: Keypoints, b: Keypoints, matches: _Matches, inliers: Mask, orientation: tuple[bool, int]
) -> AffineRegistration:
    transform = _least_squares_transform(matches.a[inliers], matches.b[inliers])
    inlier_count = _distinct_count(matches, inliers)
    a_size, b_size = _size(a), _size(b)
    inverse = np.linalg.inv(np.column_stack([transform, [0, 0, 1]]))[:, :2]
    a_visible, b_visible = _visible(a, transform, b_size), _visible(b, inverse, a_size)
    possible = min(int(a_visible.sum()), int(b_visible.sum()))
    a_box = _covered_box(inverse, b_size, a_size)
    mirror, right_angle_deg = orientation
    return AffineRegistration(
        mirror=mirror,
        right_angle_deg=right_angle_deg,
        a_box=a_box,
        b_box=_covered_box(transform, a_size, b_size),
        rotation_deg=float(np.degrees(np.arctan2(transform[0, 1], transform[0, 0]))),
        inliers=inlier_count,
        inlier_ratio=min(1.0, inlier_count / max(possible, inlier_count)),
        mismatch_area=largest_mismatch_area(
            _within_box(a_box, a.positions[a_visible, :2] / a_size),
            _within_box(a_box, (b.positions[b_visible, :2] @ inverse[:2] + inverse[2]) / a_size),
            _within_box(a_box, matches.a[inliers, :2] / a_size),
        ),
    )


def _size(keypoints: Keypoints) -> tuple[float, float]:
    """Return width and height, in units of the square root of the area."""
    return keypoints.aspect**0.5, keypoints.aspect**-0.5


def _oriented(keypoints: Keypoints, mirror: bool, right_angle_deg: int) -> Keypoints:
    """Return the keypoints of the picture mirrored, then rotated clockwise."""
    width, height = _size(keypoints)
    x, y, scale = keypoints.positions.T
    x = width - x if mirror else x
    for _ in range(right_angle_deg // 90):
        x, y, width, height = height - y, x, height, width
    descriptors = dct.orient(keypoints.descriptors, mirror, right_angle_deg)
    return Keypoints(np.stack([x, y, scale], axis=1), descriptors, width / height)


def _mutual_nearest_neighbours(a: Keypoints, b: Keypoints) -> _Matches:
    """Match keypoints that are each other's most similar one, if similar enough."""
    if not len(a.positions) or not len(b.positions):
        return _Matches(np.zeros((0, 3)), np.zeros((0, 3)))
    cosines = (
        keypoint_descriptors.unit_vectors(a.descriptors)
        @ keypoint_descriptors.unit_vectors(b.descriptors).T
    )
    columns = cosines.argmax(axis=1)
    rows = np.arange(len(cosines))
    mutual = (cosines.argmax(axis=0)[columns] == rows) & (cosines[rows, columns] > _MIN_COSINE)
    a_places, b_places = a.positions[mutual], b.positions[columns[mutual]]
    return _Matches(a_places.astype(np.float64), b_places.astype(np.float64))


def _hypotheses(matches: _Matches) -> Mask:
    """Return the matches that agree with each of the best-supported ones: (hypotheses, n)."""
    if len(matches.a) < _MIN_INLIERS:
        return np.zeros((0, len(matches.a)), dtype=bool)
    octaves = np.log2(matches.b[:, 2] / matches.a[:, 2])
    scales = np.exp2(octaves)[:, None, None]
    expected = (matches.a[None, :, :2] - matches.a[:, None, :2]) * scales
    error = np.abs(expected - (matches.b[None, :, :2] - matches.b[:, None, :2])).max(axis=2)
    # The scale is only roughly known, so distant matches may be farther off.
    allowed = _HYPOTHESIS_ERROR * np.abs(expected).max(axis=2) + matches.b[None, :, 2]
    similar_scale = np.abs(octaves[None, :] - octaves[:, None]) < _MAX_SCALE_OCTAVES
    agrees = similar_scale & (error < allowed)
    support = agrees.sum(axis=1)
    best = np.argsort(-support, kind="stable")[:_MAX_HYPOTHESES]
    return np.unique(agrees[best[support[best] >= _MIN_INLIERS]], axis=0)


def _refit(matches: _Matches, inliers: Mask) -> Mask | None:
    """Alternate fitting a transform and selecting inliers; None where too few remain."""
    for tolerance in _FIT_TOLERANCES:
        if inliers.sum() < _MIN_INLIERS:
            return None
        transform = _least_squares_transform(matches.a[inliers], matches.b[inliers])
        inliers = _inlier_mask(matches, transform, tolerance)
    return inliers if _distinct_count(matches, inliers) >= _MIN_INLIERS else None


def _distinct_count(matches: _Matches, inliers: Mask) -> int:
    """Count inliers at distinct places, because several keypoints may share one place."""
    return min(len(np.unique(side[inliers], axis=0)) for side in (matches.a, matches.b))


def _least_squares_transform(a: F64, b: F64) -> F64:
    """Fit the transform from `a` to `b` with the least squared error.

    Affine with enough matches, else a similarity transform: scale, rotation and translation.

    Returns:
        float64 (3, 2), to be applied to rows of x, y, 1.
    """
    if len(a) >= _MIN_AFFINE_PAIRS:
        homogeneous = np.column_stack([a[:, :2], np.ones(len(a))])
        return np.linalg.lstsq(homogeneous, b[:, :2], rcond=None)[0].astype(np.float64)
    x, y = a[:, :2] - a[:, :2].mean(axis=0), b[:, :2] - b[:, :2].mean(axis=0)
    spread = max(float(np.square(x).sum()), _MIN_SPREAD)
    cosine = float((x * y).sum()) / spread
    sine = float((x[:, 0] * y[:, 1] - x[:, 1] * y[:, 0]).sum()) / spread
    rotation = np.array([[cosine, sine], [-sine, cosine]])
    translation = b[:, :2].mean(axis=0) - a[:, :2].mean(axis=0) @ rotation
    return np.vstack([rotation, translation])


def _inlier_mask(matches: _Matches, transform: F64, tolerance: float) -> Mask:
    """Return the matches that the transform brings together, in position and in scale."""
    mapped = matches.a[:, :2] @ transform[:2] + transform[2]
    error = np.abs(mapped - matches.b[:, :2]).max(axis=1)
    close = error < tolerance * (_POSITION_ERROR * matches.b[:, 2] + _POSITION_ERROR_FLOOR)
    octaves = np.log2(matches.b[:, 2] / matches.a[:, 2]) - np.log2(_scale(transform))
    return close & (np.abs(octaves) < _MAX_SCALE_OCTAVES)


def _scale(transform: F64) -> float:
    return float(np.sqrt(max(abs(np.linalg.det(transform[:2])), _MIN_DETERMINANT)))


def _within_box(box: Box, places: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return places (x, y as shares of the picture) as shares of a box, vertical first."""
    top, bottom, left, right = box
    size = [max(right - left, _MIN_BOX_SIDE), max(bottom - top, _MIN_BOX_SIDE)]
    shares = (places - [left, top]) / size
    return shares[:, ::-1]


def _visible(keypoints: Keypoints, transform: F64, size: tuple[float, float]) -> Mask:
    """Return which keypoints the other picture should show: inside it, and not too small."""
    mapped = keypoints.positions[:, :2] @ transform[:2] + transform[2]
    inside = ((mapped >= 0) & (mapped <= size)).all(axis=1)
    scales = keypoints.positions[:, 2] * _scale(transform)
    visible: Mask = inside & (scales > _MIN_VISIBLE_SCALE)
    return visible


def _covered_box(
    transform: F64, size: tuple[float, float], target_size: tuple[float, float]
) -> Box:
    """Return the part of the target picture that a transformed picture covers, as shares."""
    width, height = size
    centre = np.array([width, height]) / 2 @ transform[:2] + transform[2]
    half = np.array([width * transform[0, 0], height * transform[1, 1]]) / 2
    left, top = (centre - half) / target_size
    right, bottom = (centre + half) / target_size
    return _edge(top), _edge(bottom), _edge(left), _edge(right)


def _edge(share: float) -> float:
    """Clip to the picture, and to its edge if nearly there."""
    inside = min(1.0, max(0.0, float(share)))
    at_edge = abs(inside - round(inside)) < _EDGE_SNAP
    return float(round(inside)) if at_edge else round(inside, 4)
