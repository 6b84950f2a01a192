"""The benchmark of keypoints plants what it says, and its exact scan is exact."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from filmgate.dedupe.fingerprint import keypoint_descriptors
from filmgate.dedupe.index.points import KeypointScan
from filmgate.dedupe.index.segment import Segment
from filmgate.dedupe.index.settings import IndexSettings
from tests.benchmarks import index_points as bench


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The patches of three pictures instead of all, which take seconds to draw."""
    monkeypatch.setattr(bench, "_DRAWN", 3)
    for made in (bench._pool, bench._looks):
        made.cache_clear()
    yield
    for made in (bench._pool, bench._looks):
        made.cache_clear()


@pytest.mark.parametrize(("stored", "asked"), [(1, 1), (8192, 16), (8193, 17), (20_001, 5), (9, 0)])
def test_the_exact_scan_finds_every_pair_within_the_radius(stored: int, asked: int) -> None:
    rng = np.random.default_rng(stored)
    codes = rng.integers(0, 2**64, stored, dtype=np.uint64)
    queries = rng.integers(0, 2**64, asked, dtype=np.uint64)
    if asked:
        codes[-1] = queries[-1]
    near = np.bitwise_count(queries[:, None] ^ codes) <= 21
    expected = set(zip(*(place.tolist() for place in np.nonzero(near)), strict=True))
    mine, theirs = bench.exact_pairs(codes, queries, 21)
    assert len(mine) == len(expected)
    assert set(zip(mine.tolist(), theirs.tolist(), strict=True)) == expected


def test_a_copy_has_kept_just_so_many_keypoints() -> None:
    rows, positions = bench.picture(7)
    copy, moved = bench.copied(7, 60, np.random.default_rng(1))
    assert rows.shape == copy.shape == (bench.POINTS, 8, 8)
    apart = np.bitwise_count(
        keypoint_descriptors.binary_codes(copy)[:, None] ^ keypoint_descriptors.binary_codes(rows)
    ).min(axis=1)
    assert np.median(apart[:60]) <= 10
    assert np.median(apart[60:]) > 12
    halved = positions[:, 2] / 2
    assert np.isin(moved[:60, 2], halved).all()


def test_ours_never_counts_more_than_the_exact_scan_and_both_find_a_copy() -> None:
    rule = IndexSettings()
    segment = Segment.of([bench.entry(number) for number in range(60)])
    asked = bench.query(*bench.copied(41, 20, np.random.default_rng(2)))
    exact, ours = bench.exact_votes(segment, asked, rule), KeypointScan(asked, rule).votes(segment)
    assert (ours <= exact).all()
    assert exact.argmax() == ours.argmax() == 41
    assert ours[41] >= rule.min_keypoint_votes


def test_even_keys_are_met_as_often_as_by_chance_and_shared_ones_more_often() -> None:
    owners = np.repeat(np.arange(400), 10)
    even = np.random.default_rng(1).integers(0, 2**64, 4000, dtype=np.uint64)
    assert bench.skew(even, owners, 8) == pytest.approx(1, abs=0.1)
    assert bench.skew(even & ~np.uint64(1 << 63), owners, 8) == pytest.approx(2, abs=0.2)
