"""What the benchmark of a learned descriptor takes for true pairs, and what it learns of them."""

from __future__ import annotations

import numpy as np
import pytest

from filmgate_samples import plan
from filmgate_samples.edits import EDITS
from tests.benchmarks.descriptor import false_at, projection
from tests.benchmarks.descriptor_pairs import Copy, Described, geometry, paired

_SIZE = (160, 120)


@pytest.mark.parametrize("base", ["crop", "crop_30", "rotate", "resize", "five", "logo"])
def test_a_mark_is_where_the_geometry_puts_it(base: str) -> None:
    width, height = _SIZE
    blank = np.zeros((height, width, 3), dtype=np.uint8)
    marked = blank.copy()
    marked[57:64, 72:79] = 255
    parameters = EDITS[base].draw(plan.stream(1, base))
    with_it, without = (EDITS[base].change(one, parameters)[..., 1] for one in (marked, blank))
    # Noise is of another seed in each, and far below half of the mark's brightness.
    apart = np.abs(with_it.astype(float) - without)
    rows, columns = np.nonzero(apart > apart.max() / 2)
    matrix = geometry(base, parameters, width, height)
    expected = np.array([75.5, 60.5]) @ matrix[:2] + matrix[2]
    assert np.median(columns) + 0.5 == pytest.approx(expected[0], abs=1.0)
    assert np.median(rows) + 0.5 == pytest.approx(expected[1], abs=1.0)


def test_a_picture_in_a_picture_fills_the_box_the_geometry_puts_it_in() -> None:
    width, height = _SIZE
    parameters = EDITS["picture_in_picture"].draw(plan.stream(1, "inner"))
    blank, full = (np.full((height, width, 3), level, dtype=np.uint8) for level in (0, 255))
    changed = [EDITS["picture_in_picture"].change(one, parameters) for one in (blank, full)]
    rows, columns = np.nonzero((changed[0] != changed[1]).all(axis=2))
    matrix = geometry("picture_in_picture", parameters, width, height)
    assert [columns.min(), rows.min()] == list(matrix[2])
    assert [columns.max() + 1, rows.max() + 1] == pytest.approx(
        [width, height] @ matrix[:2] + matrix[2]
    )


def test_keypoints_pair_by_place_and_by_scale() -> None:
    a = np.array([[10.0, 10.0, 4.0], [30.0, 10.0, 4.0], [50.0, 10.0, 4.0]])
    b = np.array([[100.5, 20.0, 8.0], [60.0, 20.0, 2.0], [20.0, 20.0, 8.0]])
    doubled = np.vstack([np.eye(2) * 2, np.zeros(2)])
    assert paired(a, b, doubled, 0.0).tolist() == [[0, 2], [2, 0]]


def test_false_pairs_are_counted_within_the_distance_that_finds_enough_true_ones() -> None:
    true, false = np.array([50, 30, 20, 0]), np.array([1, 9, 90, 900])
    assert false_at(true, false, 0.8) == pytest.approx(0.01)
    assert false_at(true, false, 0.5) == pytest.approx(0.001)


def test_directions_in_which_pairs_differ_little_come_first() -> None:
    rng = np.random.default_rng(3)
    a = rng.integers(-40, 40, (4000, 8, 8)).astype(np.int8)
    a[:, 0, 0] = 0
    jitter = rng.integers(-30, 30, a.shape)
    # Diagonal places are their own transposes, so the eight orientations leave this one alone.
    jitter[:, 3, 3] //= 30
    jitter[:, 0, 0] = 0
    b = np.clip(a + jitter, -127, 127).astype(np.int8)
    pairs = np.stack([np.arange(len(a))] * 2, axis=1)
    first = projection([Described(0, a, (Copy("noise", b, pairs),))])[:, 0]
    assert np.argmax(np.abs(first)) == 3 * 8 + 3 - 1
