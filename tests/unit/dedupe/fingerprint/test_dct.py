"""The coefficients: what mirrors, turns, sizes, noise and strangers do to them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from filmgate.dedupe.fingerprint import dct

sizes = st.integers(24, 140)
seeds = st.integers(0, 2**32 - 1)
orientations = st.sampled_from(dct.ORIENTATIONS)


def smooth(seed: int, height: int, width: int) -> NDArray[np.uint8]:
    """A picture of a few random waves and one edge: uint8 (height, width)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    picture = np.zeros((height, width))
    for _ in range(24):
        down, across = rng.uniform(-9, 9, 2)
        strength = 1 / np.hypot(down, across).clip(1)
        picture += strength * np.cos(2 * np.pi * (down * y + across * x) + rng.uniform(0, 6.28))
    picture += rng.uniform(0.5, 1.5) * (x * rng.uniform(-1, 1) + y * rng.uniform(-1, 1) > 0.1)
    picture = (picture - picture.min()) / np.ptp(picture)
    return np.rint(20 + 210 * picture).astype(np.uint8)


def stored(luma: NDArray[np.uint8]) -> NDArray[np.int8]:
    return dct.quantize(dct.whiten(dct.project(luma[None])))


def distance(one: NDArray[np.int8], other: NDArray[np.int8]) -> int:
    return int(np.bitwise_count(dct.bits(one) ^ dct.bits(other)).sum())


@settings(max_examples=60, deadline=None)
@given(seeds, sizes, sizes, orientations)
def test_orienting_coefficients_is_orienting_pixels(
    seed: int, height: int, width: int, orientation: tuple[bool, int]
) -> None:
    mirror, turn = orientation
    luma = smooth(seed, height, width)
    changed = np.rot90(luma[:, ::-1] if mirror else luma, k=-turn // 90)
    expected = stored(np.ascontiguousarray(changed))
    found = dct.orient(stored(luma), mirror, turn)
    # One step: sums in another order round to the other side now and then.
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= 1


@settings(max_examples=30, deadline=None)
@given(seeds, orientations, orientations)
def test_orientations_are_a_closed_set(
    seed: int, first: tuple[bool, int], second: tuple[bool, int]
) -> None:
    coefficients = stored(smooth(seed, 60, 90))
    twice = dct.orient(dct.orient(coefficients, *first), *second)
    once = [dct.orient(coefficients, *orientation) for orientation in dct.ORIENTATIONS]
    assert any(np.array_equal(twice, one) for one in once)


@settings(max_examples=40, deadline=None)
@given(seeds, sizes, sizes)
def test_a_hash_is_256_bits_about_half_of_them_set(seed: int, height: int, width: int) -> None:
    packed = dct.bits(stored(smooth(seed, height, width)))
    assert packed.shape == (1, 32)
    assert packed.dtype == np.uint8
    assert 100 <= int(np.bitwise_count(packed).sum()) <= 128


@settings(max_examples=30, deadline=None)
@given(seeds, st.floats(0.5, 2.0), st.floats(0.5, 2.0))
def test_the_size_and_shape_of_a_picture_hardly_count(
    seed: int, wider: float, taller: float
) -> None:
    luma = smooth(seed, 90, 120)
    resized = Image.fromarray(luma).resize(
        (round(120 * wider), round(90 * taller)), Image.Resampling.BICUBIC
    )
    assert distance(stored(luma), stored(np.asarray(resized))) <= 30


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_noise_hardly_counts(seed: int) -> None:
    luma = smooth(seed, 90, 120)
    grain = np.random.default_rng(seed).normal(0, 8, luma.shape)
    noisy = np.clip(luma + grain, 0, 255).astype(np.uint8)
    assert distance(stored(luma), stored(noisy)) <= 40


def test_brightness_and_contrast_do_not_count() -> None:
    luma = smooth(1, 90, 120)
    assert distance(stored(luma), stored((luma * 0.5 + 60).astype(np.uint8))) <= 12


def test_unrelated_pictures_differ_in_half_of_the_bits() -> None:
    pictures = [stored(smooth(seed, 90, 120)) for seed in range(40)]
    distances = [
        distance(one, other)
        for number, one in enumerate(pictures)
        for other in pictures[number + 1 :]
    ]
    assert 120 <= np.mean(distances) <= 136
    assert min(distances) > 72


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 255), st.integers(1, 300), st.integers(1, 300))
def test_flat_pictures_have_no_coefficients_and_no_contrast(
    level: int, height: int, width: int
) -> None:
    luma = np.full((1, height, width), level, dtype=np.uint8)
    raw = dct.project(luma)
    assert abs(float(raw[0, 0, 0]) - level) < 0.01
    assert not dct.quantize(dct.whiten(raw)).any()
    assert float(dct.contrast(raw)[0]) < 0.5


def test_contrast_is_the_deviation_of_a_smooth_picture() -> None:
    across = np.cos(np.pi * 2 * (np.arange(200) + 0.5) / 200)
    luma = np.rint(128 + 40 * np.tile(across, (50, 1))).astype(np.uint8)
    found = float(dct.contrast(dct.project(luma[None]))[0])
    assert abs(found - 40 / np.sqrt(2)) < 0.5


def test_no_frames_have_no_hashes() -> None:
    assert dct.bits(np.zeros((0, 16, 16), dtype=np.int8)).shape == (0, 32)
