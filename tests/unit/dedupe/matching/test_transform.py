"""Transforming coefficients is the same as transforming the pictures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint import dct
from filmgate.dedupe.matching import crop_search
from filmgate.dedupe.matching.spatial_alignment import register_frames
from filmgate.dedupe.matching.transform import (
    WHOLE,
    Box,
    FrameSet,
    Registration,
    SpatialTransform,
    apply_transform,
    crop_matrix,
    oriented_box,
    shared_band,
    unit_vectors,
)
from tests.clips import scene


def stored(pictures: list[NDArray[np.uint8]]) -> NDArray[np.int8]:
    """Coefficients of RGB pictures of one size."""
    luma = np.stack([picture.mean(axis=2).astype(np.uint8) for picture in pictures])
    return dct.quantize(dct.whiten(dct.project(luma)))


def register(a: NDArray[np.int8], b: NDArray[np.int8]) -> Registration:
    return register_frames(FrameSet(a), FrameSet(b))


def crop(picture: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    top, bottom, left, right = box
    return picture[
        round(top * height) : round(bottom * height), round(left * width) : round(right * width)
    ]


def mean_similarity(
    one: NDArray[np.float32], other: NDArray[np.float32], band: tuple[int, int]
) -> float:
    return float((unit_vectors(one, band) * unit_vectors(other, band)).sum(axis=1).mean())


@pytest.fixture(scope="module")
def pictures() -> list[NDArray[np.uint8]]:
    return scene("canyon", 2.0)


@pytest.mark.parametrize(
    "box", [(0.1, 0.9, 0.1, 0.9), (0.0, 0.8, 0.2, 1.0), (0.0, 0.85, 0.0, 1.0), (0.3, 1.0, 0.0, 0.7)]
)
def test_cropping_coefficients_is_cropping_pictures(
    pictures: list[NDArray[np.uint8]], box: Box
) -> None:
    transform = SpatialTransform(box=box)
    transformed = apply_transform(stored(pictures), transform)
    wanted = apply_transform(
        stored([crop(picture, box) for picture in pictures]), SpatialTransform()
    )
    assert mean_similarity(transformed, wanted, transform.band) > 0.85


@pytest.mark.parametrize(("start", "stop"), [(0.0, 1.0), (0.2, 1.0), (0.1, 0.7)])
def test_the_crop_matrix_is_exact_for_low_frequencies(start: float, stop: float) -> None:
    places = (np.arange(640) + 0.5) / 640
    wave = np.cos(np.pi * 3 * places)
    whole = dct.basis(640) @ wave
    inside = wave[round(start * 640) : round(stop * 640)]
    wanted = dct.basis(len(inside)) @ inside
    assert np.allclose(crop_matrix(start, stop) @ whole, wanted, atol=1e-3)


def test_a_crop_resolves_fewer_frequencies() -> None:
    assert SpatialTransform().band == (16, 16)
    assert SpatialTransform(box=(0.0, 0.5, 0.0, 1.0)).band == (8, 16)
    assert SpatialTransform(box=(0.0, 0.1, 0.9, 1.0)).band == (4, 4)
    assert shared_band(
        SpatialTransform(box=(0, 0.5, 0, 1)), SpatialTransform(box=(0, 1, 0, 0.75))
    ) == (8, 12)


def test_unit_vectors_have_length_one_or_zero() -> None:
    frames = np.zeros((2, 16, 16), dtype=np.float32)
    frames[0] = np.random.default_rng(1).normal(size=(16, 16))
    assert np.linalg.norm(unit_vectors(frames, (16, 16)), axis=1).tolist() == pytest.approx([1, 0])
    assert not unit_vectors(frames, (4, 4)).reshape(2, 16, 16)[:, 4:].any()


@pytest.mark.parametrize(("mirror", "right_angle_deg"), dct.ORIENTATIONS)
def test_orientations_are_found(
    pictures: list[NDArray[np.uint8]], mirror: bool, right_angle_deg: int
) -> None:
    a = stored(pictures)
    # What was done to `a`, undone, is how `b` must be transformed at.
    b = dct.orient(a, mirror, right_angle_deg)
    registration = register(a, b)
    assert registration.similarity > 0.99
    assert np.array_equal(dct.orient(b, registration.b.mirror, registration.b.right_angle_deg), a)
    assert registration.a == SpatialTransform()
    assert not registration.is_cropped
    assert not registration.excludes_strip


@settings(max_examples=12, deadline=None)
@given(
    orientation=st.sampled_from(dct.ORIENTATIONS),
    box=st.sampled_from([WHOLE, (0.0, 0.8, 0.1, 0.9), (0.2, 1.0, 0.0, 0.8)]),
    longer=st.booleans(),
)
def test_registration_aligns_both_sides_whichever_is_longer(
    pictures: list[NDArray[np.uint8]],
    orientation: tuple[bool, int],
    box: Box,
    longer: bool,
) -> None:
    mirror, right_angle_deg = orientation
    if box != WHOLE and (right_angle_deg or mirror):
        mirror, right_angle_deg = True, 0
    part = [crop(picture, box) for picture in pictures[5:15]]
    changed = [np.rot90(p[:, ::-1] if mirror else p, k=-right_angle_deg // 90) for p in part]
    a, b = stored(pictures), stored([np.ascontiguousarray(p) for p in changed])
    first, second = (a, b) if longer else (b, a)
    registration = register(first, second)
    band = shared_band(registration.a, registration.b)
    table = (
        unit_vectors(apply_transform(first, registration.a), band)
        @ unit_vectors(apply_transform(second, registration.b), band).T
    )
    assert registration.is_cropped == (box != WHOLE)
    assert table.max(axis=0 if longer else 1).mean() > 0.85


@pytest.mark.parametrize("box", [(0.15, 1.0, 0.0, 1.0), (0.1, 0.9, 0.1, 0.9)])
def test_the_edges_of_a_crop_are_found(pictures: list[NDArray[np.uint8]], box: Box) -> None:
    registration = register(stored(pictures), stored([crop(picture, box) for picture in pictures]))
    assert registration.is_cropped
    assert np.abs(np.subtract(registration.a.box, box)).max() <= 0.05


def test_a_banner_is_left_out(pictures: list[NDArray[np.uint8]]) -> None:
    covered = [picture.copy() for picture in pictures]
    for picture in covered:
        picture[-14:] = (200, 30, 40)
        picture[-10:-4, 20:90] = 255
    registration = register(stored(pictures), stored(covered))
    assert registration.excludes_strip
    assert registration.similarity > 0.9


def test_unrelated_pictures_do_not_register(pictures: list[NDArray[np.uint8]]) -> None:
    registration = register(stored(pictures), stored(scene("cartoon", 2.0)))
    assert registration.similarity < 0.75


@given(st.sampled_from(dct.ORIENTATIONS), st.sampled_from(crop_search._BOXES))
def test_orienting_a_box_and_back_is_the_identity(orientation: tuple[bool, int], box: Box) -> None:
    mirror, right_angle_deg = orientation
    oriented = oriented_box(box, mirror, right_angle_deg)
    back = oriented_box(oriented, mirror, right_angle_deg if mirror else -right_angle_deg % 360)
    assert back == pytest.approx(box)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@given(seed=st.integers(0, 1000), aspect=st.sampled_from([0.002, 1.0, 500.0]))
@settings(max_examples=10, deadline=None)
def test_a_picture_and_its_negative_are_not_alike(seed: int, aspect: float) -> None:
    raw = np.random.default_rng(seed).normal(size=(1, 16, 16)).astype(np.float32)
    raw /= np.maximum(dct.whitening(), 1)
    white = dct.quantize(dct.whiten(raw))
    registration = register_frames(FrameSet(white, aspect), FrameSet(-white))
    assert registration.similarity < 0.8
