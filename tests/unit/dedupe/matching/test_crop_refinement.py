"""Moving the edges of a cut-out: many boxes at once say what each says alone."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint.dct import ORIENTATIONS
from filmgate.dedupe.matching.crop_refinement import _FramePairs, _neighbours, refine_crop
from filmgate.dedupe.matching.transform import (
    WHOLE,
    Registration,
    SpatialTransform,
    apply_transform,
    shared_band,
    unit_vectors,
)

STARTS = (
    (WHOLE, (0.1, 0.9, 0.0, 0.8)),
    ((0.05, 0.95, 0.1, 0.9), WHOLE),
    ((0.0, 0.9, 0.0, 1.0), (0.0, 0.9, 0.0, 1.0)),
    ((0.0, 0.9, 0.2, 1.0), (0.1, 1.0, 0.0, 1.0)),
)


def pictures(seed: int, count: int = 9) -> NDArray[np.int8]:
    found = np.clip(np.random.default_rng(seed).normal(size=(count, 16, 16)) * 24, -127, 127)
    found[:, 0, 0] = 0
    return found.astype(np.int8)


def alone(a: NDArray[np.int8], b: NDArray[np.int8], views: Registration) -> float:
    band = shared_band(views.a, views.b)
    return float(
        (
            unit_vectors(apply_transform(a, views.a), band)
            * unit_vectors(apply_transform(b, views.b), band)
        )
        .sum(1)
        .mean()
    )


@pytest.mark.parametrize(("mirror", "turn"), ORIENTATIONS)
@pytest.mark.parametrize("boxes", STARTS)
def test_boxes_at_once_say_what_each_says_alone(
    mirror: bool, turn: int, boxes: tuple[tuple[float, float, float, float], ...]
) -> None:
    a, b = pictures(1), pictures(2)
    a[0] = 0
    start = Registration(
        SpatialTransform(box=boxes[0]), SpatialTransform(mirror, turn, boxes[1]), 0.0
    )
    tried = [start, *_neighbours(start, 0.04)]
    for views, measured in zip(tried, _FramePairs(a, b, start).evaluate(tried), strict=True):
        assert (measured.a, measured.b) == (views.a, views.b)
        assert measured.similarity == pytest.approx(alone(a, b, views), abs=1e-5)


def test_a_cut_is_found_from_beside_it() -> None:
    a = pictures(3)
    cut = apply_transform(a, SpatialTransform(box=(0.1, 0.9, 0.14, 1.0)))
    b = np.clip(np.rint(cut * 32), -127, 127).astype(np.int8)
    found = refine_crop(
        a, b, Registration(SpatialTransform(box=(0.05, 0.95, 0.1, 1.0)), SpatialTransform(), 0.0)
    )
    assert found.similarity > 0.98
    assert found.a.box == pytest.approx((0.1, 0.9, 0.14, 1.0), abs=0.02)


def test_nothing_in_common_ends_all_the_same() -> None:
    a = pictures(4, count=1)
    found = refine_crop(
        a, -a, Registration(SpatialTransform(), SpatialTransform(box=(0.1, 0.9, 0.1, 0.9)), 0.0)
    )
    assert found.similarity < 0.9
