"""Keypoints alone register one picture in another."""

from __future__ import annotations

import numpy as np
import pytest

from filmgate.dedupe.fingerprint import dct
from filmgate.dedupe.fingerprint.model import Keypoints
from filmgate.dedupe.matching.geometric_verification import affine_registrations
from filmgate.dedupe.matching.local_mismatch import GRID, largest_mismatch_area

ASPECT = 1.5
WIDTH, HEIGHT = ASPECT**0.5, ASPECT**-0.5


def scattered(seed: int, count: int = 120) -> Keypoints:
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, (WIDTH, HEIGHT), (count, 2))
    scales = rng.uniform(0.01, 0.04, (count, 1))
    rows = rng.normal(0, 24, (count, 8, 8)).clip(-127, 127)
    rows[:, 0, 0] = 0
    return Keypoints(np.hstack([places, scales]).astype(np.float32), rows.astype(np.int8), ASPECT)


def moved(
    points: Keypoints, scale: float, shift: tuple[float, float], degrees: float = 0
) -> Keypoints:
    """Return the visible keypoints after the picture was scaled, rotated and moved."""
    angle = np.radians(degrees)
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    places = points.positions[:, :2] @ rotation * scale + shift
    inside = ((places > 0) & (places < (WIDTH, HEIGHT))).all(axis=1)
    visible = np.hstack([places, points.positions[:, 2:] * scale])[inside]
    return Keypoints(visible.astype(np.float32), points.descriptors[inside], ASPECT)


def test_a_crop_is_registered() -> None:
    whole = scattered(1)
    # The part from 10 % to 80 % down and from 20 % to 90 % along, at full size.
    cut = moved(whole, 1 / 0.7, (-0.2 / 0.7 * WIDTH, -0.1 / 0.7 * HEIGHT))
    best = affine_registrations(whole, cut)[0]
    assert best.a_box == pytest.approx((0.1, 0.8, 0.2, 0.9), abs=0.01)
    assert best.b_box == (0.0, 1.0, 0.0, 1.0)
    assert best.inlier_ratio > 0.95
    assert best.inliers >= len(cut.positions) - 2
    assert (best.mirror, best.right_angle_deg) == (False, 0)


def test_a_picture_in_a_picture_is_registered() -> None:
    whole, strangers = scattered(1), scattered(2, 60)
    small = moved(whole, 0.5, (0.4 * WIDTH, 0.3 * HEIGHT))
    both = Keypoints(
        np.concatenate([strangers.positions, small.positions]),
        np.concatenate([strangers.descriptors, small.descriptors]),
        ASPECT,
    )
    best = affine_registrations(whole, both)[0]
    assert best.b_box == pytest.approx((0.3, 0.8, 0.4, 0.9), abs=0.01)
    assert best.a_box == (0.0, 1.0, 0.0, 1.0)


@pytest.mark.parametrize("degrees", [-7.0, 3.0, 7.0])
def test_a_rotation_is_measured(degrees: float) -> None:
    whole = scattered(1)
    best = affine_registrations(whole, moved(whole, 1.0, (0.05, 0.02), degrees))[0]
    assert best.rotation_deg == pytest.approx(degrees, abs=0.2)


@pytest.mark.parametrize(("mirror", "right_angle_deg"), dct.ORIENTATIONS)
def test_orientations_are_found(mirror: bool, right_angle_deg: int) -> None:
    whole = scattered(1)
    x, y, scale = whole.positions.T
    rows = dct.orient(whole.descriptors, mirror, right_angle_deg)
    width, height = WIDTH, HEIGHT
    x = width - x if mirror else x
    for _ in range(right_angle_deg // 90):
        x, y, width, height = height - y, x, height, width
    copy = Keypoints(np.stack([x, y, scale], axis=1), rows, width / height)
    best = affine_registrations(whole, copy)[0]
    # The registration says how to undo the orientation of the copy.ard.
    assert (best.mirror, best.right_angle_deg) == (
        mirror,
        right_angle_deg if mirror else -right_angle_deg % 360,
    )
    assert best.inlier_ratio > 0.95
    assert best.a_box == best.b_box == (0.0, 1.0, 0.0, 1.0)


def test_unrelated_pictures_do_not_register() -> None:
    assert affine_registrations(scattered(1), scattered(2)) == []


def test_few_inliers_are_a_small_ratio() -> None:
    first, second = scattered(1), scattered(2)
    second.positions[:12], second.descriptors[:12] = first.positions[:12], first.descriptors[:12]
    best = affine_registrations(first, second)[0]
    assert best.inliers == 12
    assert best.inlier_ratio == pytest.approx(12 / 120, abs=0.02)


@pytest.mark.parametrize("count", [0, 1, 4])
def test_too_few_keypoints_say_nothing(count: int) -> None:
    assert affine_registrations(scattered(1, count), scattered(1, count)) == []
    assert affine_registrations(scattered(1), scattered(1, count)) == []


def test_swapping_the_sides_swaps_the_boxes() -> None:
    whole = scattered(1)
    cut = moved(whole, 1 / 0.7, (-0.2 / 0.7 * WIDTH, -0.1 / 0.7 * HEIGHT))
    forward, backward = affine_registrations(whole, cut)[0], affine_registrations(cut, whole)[0]
    assert forward.inliers == backward.inliers
    assert forward.a_box == pytest.approx(backward.b_box, abs=0.005)
    assert forward.b_box == pytest.approx(backward.a_box, abs=0.005)


def grid_places(cells: list[tuple[int, int]], each: int = 3) -> np.ndarray:
    places = [((row + 0.5) / GRID, (column + 0.5) / GRID) for row, column in cells]
    return np.repeat(np.array(places).reshape(-1, 2), each, axis=0)


EVERYWHERE = [(row, column) for row in range(GRID) for column in range(GRID)]


@pytest.mark.parametrize(
    ("differing", "expected"),
    [
        ([], 0.0),
        ([(2, 2), (2, 3), (3, 2), (3, 3)], 4 / 36),
        ([(2, 2), (3, 3)], 1 / 36),
        # A banner along the bottom and a logo in a corner are put on copies too.
        ([(5, column) for column in range(GRID)], 0.0),
        ([(0, 4), (0, 5), (1, 4), (1, 5)], 0.0),
        # Deeper than a banner.
        ([(row, column) for row in (3, 4, 5) for column in range(GRID)], 18 / 36),
    ],
)
def test_one_region_that_differs_is_a_mismatch(
    differing: list[tuple[int, int]], expected: float
) -> None:
    same = [cell for cell in EVERYWHERE if cell not in differing]
    everywhere = grid_places(EVERYWHERE)
    assert largest_mismatch_area(everywhere, everywhere, grid_places(same)) == pytest.approx(
        expected
    )


def test_a_region_without_keypoints_on_one_side_is_no_mismatch() -> None:
    middle = [(2, 2), (2, 3), (3, 2), (3, 3)]
    same = [cell for cell in EVERYWHERE if cell not in middle]
    assert largest_mismatch_area(grid_places(EVERYWHERE), grid_places(same), grid_places(same)) == 0
