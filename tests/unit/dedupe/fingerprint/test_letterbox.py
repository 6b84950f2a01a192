"""Bars: found where there are some, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint import letterbox

HEIGHT, WIDTH = 72, 128


def pictures(count: int = 6, level: float = 128.0, swing: float = 60.0) -> NDArray[np.uint8]:
    """Textured frames without bars: uint8 (count, HEIGHT, WIDTH)."""
    rng = np.random.default_rng(4)
    return np.clip(rng.normal(level, swing, (count, HEIGHT, WIDTH)), 0, 255).astype(np.uint8)


def found(luma: NDArray[np.uint8], reach: int = 2) -> list[list[int]]:
    return letterbox.find_bars(luma, reach).tolist()


def test_a_full_picture_has_none() -> None:
    assert found(pictures()) == [[0, 0, 0, 0]] * 6


@pytest.mark.parametrize("level", [0, 16, 128, 255])
def test_letterbox(level: int) -> None:
    luma = pictures()
    luma[:, :10] = luma[:, -8:] = level
    # One line more than the bar: the line where bar and picture meet is a blend after a resize.
    assert found(luma) == [[11, 9, 0, 0]] * 6


def test_pillarbox() -> None:
    luma = pictures()
    luma[:, :, :20] = luma[:, :, -20:] = 0
    assert found(luma) == [[0, 0, 21, 21]] * 6


def test_bars_all_round() -> None:
    luma = pictures()
    luma[:, :9] = luma[:, -9:] = 0
    luma[:, :, :16] = luma[:, :, -16:] = 0
    assert found(luma) == [[10, 10, 17, 17]] * 6


def test_a_bar_with_coding_noise_is_still_a_bar() -> None:
    luma = pictures()
    luma[:, :10] = np.random.default_rng(1).integers(14, 19, (6, 10, WIDTH))
    assert found(luma)[0][0] == 11


def test_a_single_line_is_no_bar() -> None:
    luma = pictures()
    luma[:, 0] = 0
    assert found(luma) == [[0, 0, 0, 0]] * 6


def test_black_frames_take_the_bars_of_their_neighbours() -> None:
    luma = pictures(9)
    luma[:, :10] = 0
    luma[:, -10:] = 0
    luma[3:5] = 0
    assert found(luma) == [[11, 11, 0, 0]] * 9


def test_all_black_has_none() -> None:
    assert found(np.zeros((5, HEIGHT, WIDTH), dtype=np.uint8)) == [[0, 0, 0, 0]] * 5


def test_a_dark_moment_does_not_move_the_picture() -> None:
    luma = pictures(9)
    luma[4, : HEIGHT // 3] = 10
    assert found(luma) == [[0, 0, 0, 0]] * 9


def test_a_dark_scene_with_a_lamp_is_never_cut_down_to_the_lamp() -> None:
    luma = np.full((5, HEIGHT, WIDTH), 8, dtype=np.uint8)
    luma[:, 30:40, 60:70] = 220
    top, bottom, left, right = found(luma)[2]
    assert HEIGHT - top - bottom >= HEIGHT * 0.2
    assert WIDTH - left - right >= WIDTH * 0.2


def test_a_sky_is_no_bar() -> None:
    luma = pictures()
    luma[:, :30] = np.linspace(200, 120, 30)[:, None].astype(np.uint8)
    assert found(luma)[0][0] <= 3


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 24),
    st.integers(0, 24),
    st.integers(0, 45),
    st.integers(0, 45),
    st.integers(1, 4),
)
def test_bars_of_any_width_are_found_to_the_line(
    top: int, bottom: int, left: int, right: int, reach: int
) -> None:
    luma = np.zeros((4, HEIGHT, WIDTH), dtype=np.uint8)
    luma[:, top : HEIGHT - bottom, left : WIDTH - right] = pictures(4, 170, 40)[
        :, top : HEIGHT - bottom, left : WIDTH - right
    ]
    for wanted, edge, lines in zip(
        (top, bottom, left, right),
        found(luma, reach)[0],
        (HEIGHT, HEIGHT, WIDTH, WIDTH),
        strict=True,
    ):
        expected = min(wanted + 1, int(lines * 0.4)) if wanted >= 2 else 0
        assert edge == expected


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_a_part_of_every_picture_is_left(height: int, width: int, count: int, seed: int) -> None:
    luma = np.random.default_rng(seed).integers(0, 8, (count, height, width)).astype(np.uint8)
    for top, bottom, left, right in found(luma, 1):
        assert top + bottom < height
        assert left + right < width
