"""Candidates by keypoints: exact, and only where place and scale agree."""

from __future__ import annotations

import numpy as np
import pytest

from filmgate.index.points import PointScan, near
from filmgate.index.port import IndexEntry, IndexQuery, Points
from filmgate.index.segment import Segment
from filmgate.index.settings import IndexSettings

SETTINGS = IndexSettings()


def scattered(seed: int, count: int = 60) -> Points:
    rng = np.random.default_rng(seed)
    words = rng.integers(0, 2**63, count, dtype=np.uint64)
    places = np.column_stack([rng.uniform(0, 1, (count, 2)), rng.uniform(0.01, 0.05, count)])
    return Points(words, places.astype(np.float32))


def entry(name: str, points: Points) -> IndexEntry:
    nothing = np.zeros((0, 32), np.uint8)
    return IndexEntry(
        name, "00" * 32, nothing, nothing, np.zeros(0, np.uint32), np.zeros(0, np.int32),
        points=points,
    )  # fmt: skip


def query(*variants: Points) -> IndexQuery:
    return IndexQuery(
        "q", "00" * 32, np.zeros((8, 0, 32), np.uint8), np.zeros((0, 32), np.uint8),
        np.zeros(0, np.uint32), np.zeros(0, np.int32), points=variants,
    )  # fmt: skip


def votes(asked: IndexQuery, *entries: IndexEntry) -> list[int]:
    return PointScan(asked, SETTINGS).votes(Segment.of(entries)).tolist()


@pytest.mark.parametrize(("stored", "asked"), [(1, 1), (8192, 16), (8193, 17), (20_001, 5), (9, 0)])
def test_every_pair_within_the_radius_is_found(stored: int, asked: int) -> None:
    rng = np.random.default_rng(stored)
    words = rng.integers(0, 2**64, stored, dtype=np.uint64)
    queries = rng.integers(0, 2**64, asked, dtype=np.uint64)
    if asked:
        words[-1] = queries[-1]
    radius = 21
    distances = np.bitwise_count(queries[:, None] ^ words)
    expected = set(zip(*(place.tolist() for place in np.nonzero(distances <= radius)), strict=True))
    found = [
        pair
        for rows, columns in near(words, queries, radius)
        for pair in zip(rows.tolist(), columns.tolist(), strict=True)
    ]
    assert set(found) == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize(
    ("scale", "shift"), [(1.0, (0, 0)), (0.5, (0.3, 0.1)), (1.43, (-0.3, 0.2))]
)
def test_a_scaled_and_shifted_picture_gets_a_vote_a_keypoint(
    scale: float, shift: tuple[float, float]
) -> None:
    points = scattered(1)
    places = points.places * np.float32(scale)
    places[:, :2] += np.float32(shift)
    found = votes(
        query(points), entry("copy", Points(points.words, places)), entry("x", scattered(2))
    )
    # Scales fall into bins of half an octave, so what lies far apart may spread over two.
    assert found[0] >= 30
    assert found[1] == 0


def test_keypoints_strewn_elsewhere_do_not_agree() -> None:
    points = scattered(1)
    strewn = Points(points.words, scattered(7).places)
    assert votes(query(points), entry("strewn", strewn))[0] < 15


def test_one_keypoint_that_fits_many_counts_once() -> None:
    points = scattered(1)
    alike = Points(np.full(60, points.words[0]), points.places * np.float32([0, 0, 1]))
    assert votes(query(points), entry("alike", alike))[0] <= 1


def test_the_mirror_image_is_asked_for_too() -> None:
    points = scattered(1)
    mirrored = Points(points.words ^ np.uint64(2**40 - 1), points.places * np.float32([-1, 1, 1]))
    stored = entry("mirrored", mirrored)
    assert votes(query(points), stored) == [0]
    assert votes(query(points, mirrored), stored)[0] >= 30


def test_entries_without_keypoints_get_none() -> None:
    assert votes(query(scattered(1)), entry("film", Points.none())) == [0]
    assert votes(query(Points.none()), entry("picture", scattered(1))) == [0]


def test_segments_keep_points_through_bytes() -> None:
    entries = [entry("a", scattered(1, 5)), entry("b", Points.none()), entry("c", scattered(2, 3))]
    segment = Segment.read(Segment.of(entries).to_bytes())
    for before, after in zip(entries, segment.entries(), strict=True):
        assert np.array_equal(before.points.words, after.points.words)
        assert np.array_equal(before.points.places, after.points.places)
