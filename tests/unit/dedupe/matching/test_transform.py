"""Looking at coefficients as if the pictures had been turned or cut."""

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


def found(a: NDArray[np.int8], b: NDArray[np.int8]) -> Registration:
    return register_frames(FrameSet(a), FrameSet(b))


def cut(picture: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    top, bottom, left, right = box
    return picture[
        round(top * height) : round(bottom * height), round(left * width) : round(right * width)
    ]


def alike(one: NDArray[np.float32], other: NDArray[np.float32], band: tuple[int, int]) -> float:
    return float((unit_vectors(one, band) * unit_vectors(other, band)).sum(axis=1).mean())


@pytest.fixture(scope="module")
def pictures() -> list[NDArray[np.uint8]]:
    return scene("canyon", 2.0)


@pytest.mark.parametrize(
    "box", [(0.1, 0.9, 0.1, 0.9), (0.0, 0.8, 0.2, 1.0), (0.0, 0.85, 0.0, 1.0), (0.3, 1.0, 0.0, 0.7)]
)
def test_cutting_coefficients_is_cutting_pictures(
    pictures: list[NDArray[np.uint8]], box: Box
) -> None:
    view = SpatialTransform(box=box)
    looked = apply_transform(stored(pictures), view)
    wanted = apply_transform(
        stored([cut(picture, box) for picture in pictures]), SpatialTransform()
    )
    assert alike(looked, wanted, view.band) > 0.85


@pytest.mark.parametrize(("start", "stop"), [(0.0, 1.0), (0.2, 1.0), (0.1, 0.7)])
def test_the_cutter_is_exact_for_slow_waves(start: float, stop: float) -> None:
    places = (np.arange(640) + 0.5) / 640
    wave = np.cos(np.pi * 3 * places)
    whole = dct.basis(640) @ wave
    inside = wave[round(start * 640) : round(stop * 640)]
    wanted = dct.basis(len(inside)) @ inside
    assert np.allclose(crop_matrix(start, stop) @ whole, wanted, atol=1e-3)


def test_a_cut_out_knows_fewer_frequencies() -> None:
    assert SpatialTransform().band == (16, 16)
    assert SpatialTransform(box=(0.0, 0.5, 0.0, 1.0)).band == (8, 16)
    assert SpatialTransform(box=(0.0, 0.1, 0.9, 1.0)).band == (4, 4)
    assert shared_band(
        SpatialTransform(box=(0, 0.5, 0, 1)), SpatialTransform(box=(0, 1, 0, 0.75))
    ) == (8, 12)


def test_units_have_length_one_or_none() -> None:
    frames = np.zeros((2, 16, 16), dtype=np.float32)
    frames[0] = np.random.default_rng(1).normal(size=(16, 16))
    assert np.linalg.norm(unit_vectors(frames, (16, 16)), axis=1).tolist() == pytest.approx([1, 0])
    assert not unit_vectors(frames, (4, 4)).reshape(2, 16, 16)[:, 4:].any()


@pytest.mark.parametrize(("mirror", "turn"), dct.ORIENTATIONS)
def test_orientations_are_found_and_told(
    pictures: list[NDArray[np.uint8]], mirror: bool, turn: int
) -> None:
    a = stored(pictures)
    # What was done to `a`, undone, is how `b` must be looked at.
    b = dct.orient(a, mirror, turn)
    views = found(a, b)
    assert views.similarity > 0.99
    assert np.array_equal(dct.orient(b, views.b.mirror, views.b.right_angle_deg), a)
    assert views.a == SpatialTransform()
    assert not views.is_cropped
    assert not views.excludes_strip


@settings(max_examples=12, deadline=None)
@given(
    orientation=st.sampled_from(dct.ORIENTATIONS),
    box=st.sampled_from([WHOLE, (0.0, 0.8, 0.1, 0.9), (0.2, 1.0, 0.0, 0.8)]),
    longer=st.booleans(),
)
def test_views_bring_both_sides_together_whichever_is_longer(
    pictures: list[NDArray[np.uint8]],
    orientation: tuple[bool, int],
    box: Box,
    longer: bool,
) -> None:
    mirror, turn = orientation
    if box != WHOLE and (turn or mirror):
        mirror, turn = True, 0
    part = [cut(picture, box) for picture in pictures[5:15]]
    changed = [np.rot90(p[:, ::-1] if mirror else p, k=-turn // 90) for p in part]
    a, b = stored(pictures), stored([np.ascontiguousarray(p) for p in changed])
    first, second = (a, b) if longer else (b, a)
    views = found(first, second)
    band = shared_band(views.a, views.b)
    table = (
        unit_vectors(apply_transform(first, views.a), band)
        @ unit_vectors(apply_transform(second, views.b), band).T
    )
    assert views.is_cropped == (box != WHOLE)
    assert table.max(axis=0 if longer else 1).mean() > 0.85


@pytest.mark.parametrize("box", [(0.15, 1.0, 0.0, 1.0), (0.1, 0.9, 0.1, 0.9)])
def test_the_edges_of_a_cut_are_found(pictures: list[NDArray[np.uint8]], box: Box) -> None:
    views = found(stored(pictures), stored([cut(picture, box) for picture in pictures]))
    assert views.is_cropped
    assert np.abs(np.subtract(views.a.box, box)).max() <= 0.05


def test_a_banner_is_looked_past(pictures: list[NDArray[np.uint8]]) -> None:
    covered = [picture.copy() for picture in pictures]
    for picture in covered:
        picture[-14:] = (200, 30, 40)
        picture[-10:-4, 20:90] = 255
    views = found(stored(pictures), stored(covered))
    assert views.excludes_strip
    assert views.similarity > 0.9


def test_strangers_stay_strangers_under_every_view(pictures: list[NDArray[np.uint8]]) -> None:
    views = found(stored(pictures), stored(scene("cartoon", 2.0)))
    assert views.similarity < 0.75


@given(st.sampled_from(dct.ORIENTATIONS), st.sampled_from(crop_search._BOXES))
def test_a_box_turned_and_turned_back_is_itself(orientation: tuple[bool, int], box: Box) -> None:
    mirror, turn = orientation
    there = oriented_box(box, mirror, turn)
    back = oriented_box(there, mirror, turn if mirror else -turn % 360)
    assert back == pytest.approx(box)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@given(seed=st.integers(0, 1000), aspect=st.sampled_from([0.002, 1.0, 500.0]))
@settings(max_examples=10, deadline=None)
def test_a_picture_and_its_negative_are_not_alike(seed: int, aspect: float) -> None:
    raw = np.random.default_rng(seed).normal(size=(1, 16, 16)).astype(np.float32)
    raw /= np.maximum(dct.whitening(), 1)
    white = dct.quantize(dct.whiten(raw))
    views = register_frames(FrameSet(white, aspect), FrameSet(-white))
    assert views.similarity < 0.8
