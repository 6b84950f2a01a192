"""Keypoints lie where they lay before the picture was changed, and look the same there."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from filmgate.arrays import F32
from filmgate.dedupe.fingerprint import dct, keypoint_descriptors
from filmgate.dedupe.fingerprint.keypoints import MAX_KEYPOINTS, blur, detect_keypoints
from filmgate.dedupe.fingerprint.model import Keypoints


def picture(seed: int = 3, width: int = 320, height: int = 240) -> F32:
    """Blobs of all sizes on a plain ground, as float32 luma."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    luma = np.full((height, width), 128.0)
    for _ in range(90):
        across, down = rng.uniform(0, width), rng.uniform(0, height)
        size = rng.uniform(2, 14)
        luma += rng.uniform(-90, 90) * np.exp(
            -(np.square(x - across) + np.square(y - down)) / (2 * size**2)
        )
    return np.clip(luma, 0, 255).astype(np.float32)


def refound(
    points: Keypoints, others: Keypoints, scale: float, shift: tuple[float, float]
) -> float:
    """Share of the keypoints that the others have at the same spot, within a third of the blur."""
    moved = points.positions[:, :2] * scale + shift
    apart = np.hypot(*(moved[:, None] - others.positions[None, :, :2]).transpose(2, 0, 1))
    close = apart < 0.35 * others.positions[None, :, 2]
    ratio = others.positions[None, :, 2] / (points.positions[:, 2] * scale)[:, None]
    return float((close & (ratio > 0.6) & (ratio < 1.6)).any(axis=1).mean())


def test_shapes_and_units() -> None:
    points = detect_keypoints(picture())
    count = len(points.positions)
    assert 30 < count <= MAX_KEYPOINTS
    assert points.positions.dtype == np.float32
    assert points.descriptors.shape == (count, 8, 8)
    assert points.descriptors.dtype == np.int8
    assert points.aspect == pytest.approx(320 / 240)
    assert (points.positions[:, 0] < points.aspect**0.5).all()
    assert (points.positions[:, 1] < points.aspect**-0.5).all()
    assert (points.positions > 0).all()


def test_a_lone_blob_is_found_in_its_middle_and_at_its_size() -> None:
    y, x = np.mgrid[:200, :300]
    luma = 60 + 120 * np.exp(-(np.square(x - 100) + np.square(y - 80)) / (2 * 8.0**2))
    points = detect_keypoints(luma.astype(np.float32))
    unit = np.sqrt(200 * 300)
    across, down, sigma = points.positions[0] * unit
    assert (across, down) == pytest.approx((100.5, 80.5), abs=0.6)
    assert 5 < sigma < 12


def test_a_flat_picture_has_none() -> None:
    points = detect_keypoints(np.full((90, 120), 77, np.float32))
    assert points.positions.shape == (0, 3)
    assert points.descriptors.shape == (0, 8, 8)


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (15, 15), (16, 17), (33, 400)])
def test_small_and_thin_pictures_are_borne(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).uniform(0, 255, shape).astype(np.float32)
    points = detect_keypoints(noise)
    assert len(points.positions) == len(points.descriptors)


def test_most_are_found_again_at_half_the_size() -> None:
    luma = picture()
    half = np.asarray(Image.fromarray(luma).resize((160, 120), Image.Resampling.LANCZOS))
    coarse = detect_keypoints(half.astype(np.float32))
    assert refound(coarse, detect_keypoints(luma), 1.0, (0.0, 0.0)) > 0.7


def test_most_are_found_again_in_a_cut_out() -> None:
    luma = picture()
    points = detect_keypoints(luma)
    cut = detect_keypoints(luma[40:208, 60:284])
    scale = np.sqrt(168 * 224) / np.sqrt(240 * 320)
    shift = (60 / np.sqrt(240 * 320), 40 / np.sqrt(240 * 320))
    assert refound(cut, points, float(scale), shift) > 0.7


def test_patches_of_a_mirror_image_are_mirrored_patches() -> None:
    luma = picture()
    points, mirrored = detect_keypoints(luma), detect_keypoints(np.ascontiguousarray(luma[:, ::-1]))
    width = points.aspect**0.5
    back = np.column_stack([width - mirrored.positions[:, 0], mirrored.positions[:, 1]])
    apart = np.hypot(*(points.positions[:, None, :2] - back[None]).transpose(2, 0, 1))
    rows, columns = np.nonzero(apart < 1e-3)
    assert len(rows) > 0.8 * len(points.positions)
    alike = keypoint_descriptors.unit_vectors(
        points.descriptors[rows]
    ) * keypoint_descriptors.unit_vectors(
        dct.orient(mirrored.descriptors[columns], mirror=True, turn=0)
    )
    assert np.median(alike.sum(axis=1)) > 0.97


def test_bits_are_the_signs_of_63_coefficients() -> None:
    rows = np.random.default_rng(2).integers(-127, 128, (5, 8, 8)).astype(np.int8)
    rows[:, 0, 0] = 100
    codes = keypoint_descriptors.binary_codes(rows)
    assert codes.dtype == np.uint64
    order = [(down, along) for down in range(8) for along in range(8) if down or along]
    # Of one frequency, the one with more waves across comes first.
    order.sort(key=lambda at: (at[0] ** 2 + at[1] ** 2, at[0]))
    for code, row in zip(codes.tolist(), rows, strict=True):
        signs = [bool(row[at] > 0) for at in order]
        assert [bool(code >> place & 1) for place in range(63, 0, -1)] == signs
        assert code & 1 == 0


def test_the_lowest_frequency_is_the_highest_bit_and_has_the_first_margin() -> None:
    rows = np.zeros((3, 8, 8), np.int8)
    rows[0, 0, 1], rows[1, 1, 0], rows[2, 7, 7] = 9, 127, -127
    assert sorted(keypoint_descriptors.binary_codes(rows).tolist()) == [0, 2**62, 2**63]
    margins = keypoint_descriptors.margins(rows)
    assert margins.dtype == np.uint8
    assert margins.shape == (3, 63)
    assert margins[:2, :2].max(axis=1).tolist() == [9, 127]
    assert margins[2].tolist() == [0] * 62 + [127]


def test_blurring_keeps_a_flat_picture_and_the_sum_of_a_dot() -> None:
    flat = np.full((20, 30), 9, np.float32)
    assert np.allclose(blur(flat, 2.0), 9, atol=1e-4)
    dot = np.zeros((41, 41), np.float32)
    dot[20, 20] = 1
    blurred = blur(dot, 3.0)
    assert blurred.sum() == pytest.approx(1, abs=1e-4)
    spread = np.square(np.arange(41) - 20)
    assert float((blurred.sum(axis=0) * spread).sum()) == pytest.approx(9, rel=0.1)
