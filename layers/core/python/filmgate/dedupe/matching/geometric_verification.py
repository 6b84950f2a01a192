"""Where one picture lies in another, from the keypoints that both have.

Keypoints whose surroundings are alike are paired; pairs that agree on one scale and shift make a
first guess, and an affine map fitted to them says which pairs hold (Lowe, IJCV 2004, section 7,
with every pair as a guess instead of a vote). Of two pictures with some parts alike, few agree;
of a copy, a good share of all keypoints that both pictures could show.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import nlargest

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint import dct, keypoint_descriptors
from filmgate.dedupe.fingerprint.model import Keypoints
from filmgate.dedupe.matching.local_mismatch import contradicted
from filmgate.dedupe.matching.transform import Box

Matrix = NDArray[np.float64]

_ALIKE = 0.8
"""Least cosine of the surroundings of two keypoints that may be one."""
_LEAST = 5
"""Keypoints that a placement needs: a map of four numbers fits any two, and chance more."""
_GUESSES = 12
"""Pairs, those with the most others that agree, from which a map is begun."""
_MOST = 4
"""Placements that are looked at: a picture may repeat itself, or be mirrored."""
_ENOUGH_FOR_AFFINE = 24
"""Pairs from which on a map of six numbers is fitted, not of four."""
_OCTAVES = 0.5
"""How far the scales of two keypoints may be from what the map makes of them."""
_SCALE_ERROR = 0.15
"""Share of a distance by which a guess, whose scale is rough, may be off."""
_ROUNDS = (3.0, 2.0, 1.0, 1.0)
"""Tolerances of each fit, as multiples of the last: the map gets better as it goes."""
_BLUR_SHARE = 0.35
"""How well a keypoint is placed, as a share of its blur,"""
_SLACK = 0.001
"""and beside that, in units of the square root of the area."""
_VISIBLE_SCALE = 0.004
"""Blur below which a keypoint is lost where the picture is shown smaller."""
_SNAP = 0.035
"""What is this near to an edge lies at it: placements are no finer."""


@dataclass(frozen=True, slots=True)
class Placement:
    """One picture as a map of the other, oriented one.

    Attributes:
        mirror, turn: how the second picture must be oriented, see `dct.orient`.
        a_box, b_box: the part of each that the other shows too.
        angle: degrees clockwise by which the second lies tilted.
        agreed: keypoints that hold.
        share: of those that could, on the side where fewer could; 0..1.
        contradicted: see `contradiction`.
    """

    mirror: bool
    turn: int
    a_box: Box
    b_box: Box
    angle: float
    agreed: int
    share: float
    contradicted: float


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Keypoints that look alike: float64 (n, 3) each, x, y and scale."""

    a: Matrix
    b: Matrix


def placements(
    a: Keypoints,
    b: Keypoints,
    orientations: Iterable[tuple[bool, int]] = dct.ORIENTATIONS,
) -> list[Placement]:
    """The likeliest in these orientations of the second, those with the most keypoints first.

    There are none where too few agree, and some where a picture repeats itself.
    """
    found = [placed for mirror, turn in orientations for placed in _placed(a, b, mirror, turn)]
    return nlargest(_MOST, found, key=lambda placed: placed.agreed)


def _placed(a: Keypoints, b: Keypoints, mirror: bool, turn: int) -> Iterator[Placement]:
    turned = _oriented(b, mirror, turn)
    pairs = _paired(a, turned)
    told: set[bytes] = set()
    for guess in _guesses(pairs):
        held = _settled(pairs, guess)
        if held is not None and held.tobytes() not in told:
            told.add(held.tobytes())
            yield _placement(a, turned, pairs, held, (mirror, turn))


def _placement(
    a: Keypoints, b: Keypoints, pairs: _Pairs, held: NDArray[np.bool_], turned: tuple[bool, int]
) -> Placement:
    matrix = _fitted(pairs.a[held], pairs.b[held])
    agreed = _distinct(pairs, held)
    a_size, b_size = _size(a), _size(b)
    inverse = np.linalg.inv(np.column_stack([matrix, [0, 0, 1]]))[:, :2]
    seen_a, seen_b = _visible(a, matrix, b_size), _visible(b, inverse, a_size)
    possible = min(int(seen_a.sum()), int(seen_b.sum()))
    a_box = _box(inverse, b_size, a_size)
    mirror, turn = turned
    return Placement(
        mirror=mirror,
        turn=turn,
        a_box=a_box,
        b_box=_box(matrix, a_size, b_size),
        angle=float(np.degrees(np.arctan2(matrix[0, 1], matrix[0, 0]))),
        agreed=agreed,
        share=min(1.0, agreed / max(possible, agreed)),
        contradicted=contradicted(
            _within(a_box, a.positions[seen_a, :2] / a_size),
            _within(a_box, (b.positions[seen_b, :2] @ inverse[:2] + inverse[2]) / a_size),
            _within(a_box, pairs.a[held, :2] / a_size),
        ),
    )


def _size(points: Keypoints) -> tuple[float, float]:
    """Width and height, in units of the square root of the area."""
    return points.aspect**0.5, points.aspect**-0.5


def _oriented(points: Keypoints, mirror: bool, turn: int) -> Keypoints:
    """The keypoints of the picture mirrored, then turned clockwise."""
    width, height = _size(points)
    x, y, scale = points.positions.T
    x = width - x if mirror else x
    for _ in range(turn // 90):
        x, y, width, height = height - y, x, height, width
    rows = dct.orient(points.descriptors, mirror, turn)
    return Keypoints(np.stack([x, y, scale], axis=1), rows, width / height)


def _paired(a: Keypoints, b: Keypoints) -> _Pairs:
    """Each other's closest, where they are alike."""
    if not len(a.positions) or not len(b.positions):
        return _Pairs(np.zeros((0, 3)), np.zeros((0, 3)))
    table = (
        keypoint_descriptors.unit_vectors(a.descriptors)
        @ keypoint_descriptors.unit_vectors(b.descriptors).T
    )
    columns = table.argmax(axis=1)
    rows = np.arange(len(table))
    mutual = (table.argmax(axis=0)[columns] == rows) & (table[rows, columns] > _ALIKE)
    return _Pairs(
        a.positions[mutual].astype(np.float64), b.positions[columns[mutual]].astype(np.float64)
    )


def _guesses(pairs: _Pairs) -> NDArray[np.bool_]:
    """The pairs that agree with those that most agree with, each a row of (guesses, n)."""
    if len(pairs.a) < _LEAST:
        return np.zeros((0, len(pairs.a)), dtype=bool)
    octaves = np.log2(pairs.b[:, 2] / pairs.a[:, 2])
    scales = np.exp2(octaves)[:, None, None]
    from_a = (pairs.a[None, :, :2] - pairs.a[:, None, :2]) * scales
    error = np.abs(from_a - (pairs.b[None, :, :2] - pairs.b[:, None, :2])).max(axis=2)
    # A scale is known roughly, so what is far away may be farther off.
    allowed = _SCALE_ERROR * np.abs(from_a).max(axis=2) + pairs.b[None, :, 2]
    alike = np.abs(octaves[None, :] - octaves[:, None]) < _OCTAVES
    table = alike & (error < allowed)
    agreeing = table.sum(axis=1)
    most = np.argsort(-agreeing, kind="stable")[:_GUESSES]
    return np.unique(table[most[agreeing[most] >= _LEAST]], axis=0)


def _settled(pairs: _Pairs, held: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """The pairs that hold when a map is fitted to a guess; None where too few do."""
    for tolerance in _ROUNDS:
        if held.sum() < _LEAST:
            return None
        matrix = _fitted(pairs.a[held], pairs.b[held])
        held = _holding(pairs, matrix, tolerance)
    return held if _distinct(pairs, held) >= _LEAST else None


def _distinct(pairs: _Pairs, held: NDArray[np.bool_]) -> int:
    """Keypoints, where some lie at one place."""
    return min(len(np.unique(side[held], axis=0)) for side in (pairs.a, pairs.b))


def _fitted(a: Matrix, b: Matrix) -> Matrix:
    """The map from a to b with the least squared error: (3, 2), for rows of x, y, 1.

    Affine where there are pairs enough to bear it, else a similarity: scale, tilt and shift.
    """
    if len(a) >= _ENOUGH_FOR_AFFINE:
        ones = np.column_stack([a[:, :2], np.ones(len(a))])
        return np.linalg.lstsq(ones, b[:, :2], rcond=None)[0].astype(np.float64)
    x, y = a[:, :2] - a[:, :2].mean(axis=0), b[:, :2] - b[:, :2].mean(axis=0)
    square = max(float(np.square(x).sum()), 1e-12)
    along = float((x * y).sum()) / square
    across = float((x[:, 0] * y[:, 1] - x[:, 1] * y[:, 0]).sum()) / square
    turning = np.array([[along, across], [-across, along]])
    shift = b[:, :2].mean(axis=0) - a[:, :2].mean(axis=0) @ turning
    return np.vstack([turning, shift])


def _holding(pairs: _Pairs, matrix: Matrix, tolerance: float) -> NDArray[np.bool_]:
    """The pairs that the map brings together, in place and in scale."""
    moved = pairs.a[:, :2] @ matrix[:2] + matrix[2]
    error = np.abs(moved - pairs.b[:, :2]).max(axis=1)
    close = error < tolerance * (_BLUR_SHARE * pairs.b[:, 2] + _SLACK)
    octaves = np.log2(pairs.b[:, 2] / pairs.a[:, 2]) - np.log2(_scale(matrix))
    return close & (np.abs(octaves) < _OCTAVES)


def _scale(matrix: Matrix) -> float:
    return float(np.sqrt(max(abs(np.linalg.det(matrix[:2])), 1e-9)))


def _within(box: Box, places: NDArray[np.floating]) -> NDArray[np.floating]:
    """Places x, y of the picture as shares of a box, down and along."""
    top, bottom, left, right = box
    shares = (places - [left, top]) / [max(right - left, 1e-6), max(bottom - top, 1e-6)]
    return shares[:, ::-1]


def _visible(points: Keypoints, matrix: Matrix, size: tuple[float, float]) -> NDArray[np.bool_]:
    """Which keypoints the other picture should show too: inside of it, and not too fine for it."""
    moved = points.positions[:, :2] @ matrix[:2] + matrix[2]
    inside = ((moved >= 0) & (moved <= size)).all(axis=1)
    visible: NDArray[np.bool_] = inside & (points.positions[:, 2] * _scale(matrix) > _VISIBLE_SCALE)
    return visible


def _box(matrix: Matrix, size: tuple[float, float], onto: tuple[float, float]) -> Box:
    """The part of the target picture that a picture of a size covers, as shares."""
    width, height = size
    middle = np.array([width, height]) / 2 @ matrix[:2] + matrix[2]
    half = np.array([width * matrix[0, 0], height * matrix[1, 1]]) / 2
    left, top = (middle - half) / onto
    right, bottom = (middle + half) / onto
    return _edge(top), _edge(bottom), _edge(left), _edge(right)


def _edge(share: float) -> float:
    """Inside the picture; at its edge if it is nearly there."""
    inside = min(1.0, max(0.0, float(share)))
    return float(round(inside)) if abs(inside - round(inside)) < _SNAP else round(inside, 4)
