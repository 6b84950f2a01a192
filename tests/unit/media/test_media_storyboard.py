"""The storyboard stays small and even whatever the length."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from filmgate.media.model import Frame
from filmgate.media.storyboard import Storyboard


def _frame(time_s: float, height: int = 9, width: int = 16, value: int = 0) -> Frame:
    return Frame(time_s, np.full((height, width, 3), value, np.uint8))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 300), st.integers(2, 16))
def test_tiles_are_bounded_and_evenly_spread(count: int, max_tiles: int) -> None:
    storyboard = Storyboard(max_tiles=max_tiles, tile_width=16)
    for i in range(count):
        storyboard.add(_frame(float(i)))
    times = storyboard.finish().index.times_s
    assert times[0] == 0.0
    assert min(count, max_tiles // 2) <= len(times) <= max_tiles
    assert len(set(np.diff(times))) <= 1


def test_each_tile_lies_where_the_index_says() -> None:
    storyboard = Storyboard(tile_width=32)
    for i in range(13):
        storyboard.add(_frame(i / 2, value=i * 19))
    rendered = storyboard.finish()
    picture = np.asarray(Image.open(BytesIO(rendered.jpeg)).convert("L"), dtype=int)
    index = rendered.index
    assert picture.shape == (2 * index.tile_height, index.columns * index.tile_width)
    for i in range(13):
        y = i // index.columns * index.tile_height + index.tile_height // 2
        x = i % index.columns * index.tile_width + index.tile_width // 2
        assert abs(picture[y, x] - i * 19) <= 3


def test_a_change_of_shape_and_a_sliver_still_fit() -> None:
    storyboard = Storyboard()
    storyboard.add(_frame(0.0, height=256, width=1))
    storyboard.add(_frame(1.0, height=1, width=256))
    index = storyboard.finish().index
    assert index.tile_height <= 2 * index.tile_width


def test_an_empty_storyboard_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Storyboard().finish()
