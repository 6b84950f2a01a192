"""Refining crops: evaluating many boxes at once equals evaluating each one."""

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
    frames = np.clip(np.random.default_rng(seed).normal(size=(count, 16, 16)) * 24, -127, 127)
    frames[:, 0, 0] = 0
    return frames.astype(np.int8)


def single_similarity(
    a: NDArray[np.int8], b: NDArray[np.int8], registration: Registration
) -> float:
    band = shared_band(registration.a, registration.b)
    return float(
        (
            unit_vectors(apply_transform(a, registration.a), band)
            * unit_vectors(apply_transform(b, registration.b), band)
        )
        .sum(1)
        .mean()
    )


@pytest.mark.parametrize(("mirror", "right_angle_deg"), ORIENTATIONS)
@pytest.mark.parametrize("boxes", STARTS)
def test_evaluating_boxes_at_once_equals_evaluating_each_one(
    mirror: bool, right_angle_deg: int, boxes: tuple[tuple[float, float, float, float], ...]
) -> None:
    a, b = pictures(1), pictures(2)
    a[0] = 0
    start = Registration(
        SpatialTransform(box=boxes[0]), SpatialTransform(mirror, right_angle_deg, boxes[1]), 0.0
    )
    candidates = [start, *_neighbours(start, 0.04)]
    for registration, measured in zip(
        candidates, _FramePairs(a, b, start).evaluate(candidates), strict=True
    ):
        assert (measured.a, measured.b) == (registration.a, registration.b)
        assert measured.similarity == pytest.approx(single_similarity(a, b, registration), abs=1e-5)


def test_a_crop_is_found_from_a_nearby_one() -> None:
    a = pictures(3)
    cut = apply_transform(a, SpatialTransform(box=(0.1, 0.9, 0.14, 1.0)))
    b = np.clip(np.rint(cut * 32), -127, 127).astype(np.int8)
    refined = refine_crop(
        a, b, Registration(SpatialTransform(box=(0.05, 0.95, 0.1, 1.0)), SpatialTransform(), 0.0)
    )
    assert refined.similarity > 0.98
    assert refined.a.box == pytest.approx((0.1, 0.9, 0.14, 1.0), abs=0.02)


def test_refining_ends_without_anything_in_common() -> None:
    a = pictures(4, count=1)
    refined = refine_crop(
        a, -a, Registration(SpatialTransform(), SpatialTransform(box=(0.1, 0.9, 0.1, 0.9)), 0.0)
    )
    assert refined.similarity < 0.9
