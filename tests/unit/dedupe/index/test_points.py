"""Candidates by keypoints: nothing beyond the radius, and only where place and scale agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from filmgate.dedupe.index.points import KeypointScan, hamming_lookup
from filmgate.dedupe.index.port import IndexEntry, IndexQuery, KeypointCodes, KeypointQuery
from filmgate.dedupe.index.segment import Segment
from filmgate.dedupe.index.settings import IndexSettings

SETTINGS = IndexSettings()
Codes = NDArray[np.uint64]


def scattered(seed: int, count: int = 60) -> KeypointCodes:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 2**63, count, dtype=np.uint64)
    positions = np.column_stack([rng.uniform(0, 1, (count, 2)), rng.uniform(0.01, 0.05, count)])
    return KeypointCodes(codes, positions.astype(np.float16))


def no_positions(count: int) -> NDArray[np.float16]:
    return np.ones((count, 3), np.float16)


def asked_for(points: KeypointCodes) -> KeypointQuery:
    """All bits equally certain."""
    return KeypointQuery(points.codes, points.positions, np.ones((len(points.codes), 63), np.uint8))


def flipped(codes: Codes, most: int, rng: np.random.Generator) -> Codes:
    """Up to so many bits of each flipped, any of them."""
    for _ in range(most):
        flips = np.left_shift(np.uint64(1), rng.integers(0, 64, len(codes), dtype=np.uint64))
        codes = codes ^ np.where(rng.random(len(codes)) < 0.5, flips, np.uint64(0))
    return codes


def entry(name: str, points: KeypointCodes) -> IndexEntry:
    nothing = np.zeros((0, 32), np.uint8)
    return IndexEntry(
        name, "00" * 32, nothing, nothing, np.zeros(0, np.uint32), np.zeros(0, np.int32),
        points=points,
    )  # fmt: skip


def query(*pictures: KeypointCodes) -> IndexQuery:
    variants = tuple(asked_for(points) for points in pictures)
    return IndexQuery(
        "q", "00" * 32, np.zeros((8, 0, 32), np.uint8), np.zeros((0, 32), np.uint8),
        np.zeros(0, np.uint32), np.zeros(0, np.int32), points=variants,
    )  # fmt: skip


def votes(asked: IndexQuery, *entries: IndexEntry) -> list[int]:
    return KeypointScan(asked, SETTINGS).votes(Segment.of(entries)).tolist()


def exact(codes: Codes, queries: Codes, radius: int) -> set[tuple[int, int]]:
    """All pairs within the radius: positions in `queries` and in `codes`."""
    apart = np.bitwise_count(queries[:, None] ^ codes)
    return set(zip(*(place.tolist() for place in np.nonzero(apart <= radius)), strict=True))


def found(codes: Codes, queries: Codes, settings: IndexSettings) -> list[tuple[int, int]]:
    mine, theirs = hamming_lookup(
        codes, asked_for(KeypointCodes(queries, no_positions(len(queries)))), settings
    )
    return list(zip(mine.tolist(), theirs.tolist(), strict=True))


@given(
    seed=st.integers(0, 2**32 - 1),
    stored=st.integers(0, 3000),
    asked=st.integers(0, 8),
    alike=st.tuples(st.integers(1, 40), st.integers(0, 20)),
    settings=st.builds(
        IndexSettings,
        keypoint_key_bits=st.integers(1, 16),
        keypoint_probes=st.integers(1, 80),
        keypoint_bucket=st.integers(1, 200),
    ),
)
def test_what_is_found_is_within_the_radius_and_found_once(
    seed: int, stored: int, asked: int, alike: tuple[int, int], settings: IndexSettings
) -> None:
    """Codes that lie close together, in buckets of any fullness."""
    rng = np.random.default_rng(seed)
    kinds, flips = alike
    middles = rng.integers(0, 2**64, kinds, dtype=np.uint64)
    codes = np.sort(flipped(rng.choice(middles, stored), flips, rng))
    queries = flipped(rng.choice(middles, asked), flips, rng)
    pairs = found(codes, queries, settings)
    assert len(set(pairs)) == len(pairs)
    assert set(pairs) <= exact(codes, queries, settings.keypoint_radius)
    assert len(pairs) <= len(queries) * settings.keypoint_probes * settings.keypoint_bucket
    if stored and asked:
        # Its own bucket is always looked into, and all that equal it before anything else.
        same = codes[rng.integers(stored)]
        again = sum(codes[theirs] == same for _, theirs in found(codes, same[None], settings))
        assert again == min((codes == same).sum(), settings.keypoint_bucket)


@pytest.mark.parametrize(("below", "above"), [(3000, 0), (0, 3000), (1500, 1500)])
def test_all_that_equal_the_query_are_found_while_they_fit(below: int, above: int) -> None:
    """In a full bucket, whatever else lies in it."""
    one = np.uint64(0x8000_1000_0000_0000)
    parts = [one - np.uint64(2), one, one + np.uint64(2)]
    for alike in (800, SETTINGS.keypoint_bucket):
        codes = np.repeat(parts, [below, alike, above])
        found_there = [theirs for _, theirs in found(codes, codes[below : below + 1], SETTINGS)]
        assert set(range(below, below + alike)) <= set(found_there)


@given(seed=st.integers(0, 2**32 - 1), stored=st.integers(0, 400))
def test_every_pair_of_a_small_segment_is_found(seed: int, stored: int) -> None:
    rng = np.random.default_rng(seed)
    codes = np.sort(flipped(rng.choice(rng.integers(0, 2**64, 20, np.uint64), stored), 9, rng))
    queries = rng.integers(0, 2**64, 5, dtype=np.uint64)
    queries[:2] = flipped(codes[:2], 5, rng) if stored > 1 else queries[:2]
    assert set(found(codes, queries, SETTINGS)) == exact(codes, queries, SETTINGS.keypoint_radius)


def test_the_least_certain_bits_are_taken_to_have_flipped() -> None:
    rng = np.random.default_rng(3)
    codes = np.sort(rng.integers(0, 2**64, 100_000, dtype=np.uint64))
    positions = rng.choice(len(codes), 40, replace=False)
    margins = np.full((40, 63), 60, np.uint8)
    margins[:, [4, 9, 11]] = [1, 2, 3]
    flips = np.left_shift(np.uint64(1), np.array([63 - 4, 63 - 9, 63 - 11], np.uint64)).sum()
    queries = codes[positions] ^ flips
    mine, theirs = hamming_lookup(
        codes, KeypointQuery(queries, no_positions(40), margins), SETTINGS
    )
    assert set(zip(range(40), positions.tolist(), strict=True)) <= set(
        zip(mine.tolist(), theirs.tolist(), strict=True)
    )
    sure = KeypointQuery(queries, no_positions(40), margins[:, ::-1])
    assert len(hamming_lookup(codes, sure, SETTINGS)[0]) < 5


def test_many_alike_cost_no_more_than_a_bucket_a_probe() -> None:
    """A library of one picture over and over, and a query that differs in two bits."""
    codes = np.full(200_000, 2**63, np.uint64)
    pairs = found(codes, codes[:1] ^ np.uint64(5), SETTINGS)
    assert len(pairs) == SETTINGS.keypoint_bucket


def test_of_what_is_alike_everywhere_the_closest_may_vote() -> None:
    """A query that many codes of many runs are close to, and two that equal it."""
    rng = np.random.default_rng(6)
    settings = IndexSettings(keypoint_bucket=16)
    query = rng.integers(0, 2**64, 1, dtype=np.uint64)
    around = flipped(np.repeat(query, 50_000), 9, rng)
    codes = np.sort(np.concatenate([around[around != query[0]], query, query]))
    pairs = found(codes, query, settings)
    assert len(pairs) == 4 * settings.keypoint_bucket
    apart = np.bitwise_count(codes[[theirs for _, theirs in pairs]] ^ query)
    assert (apart == 0).sum() == 2
    assert apart.max() < settings.keypoint_radius


@pytest.mark.parametrize(
    ("scale", "shift"), [(1.0, (0, 0)), (0.5, (0.3, 0.1)), (1.43, (-0.3, 0.2))]
)
def test_a_scaled_and_shifted_picture_gets_a_vote_a_keypoint(
    scale: float, shift: tuple[float, float]
) -> None:
    points = scattered(1)
    positions = points.positions * np.float16(scale)
    positions[:, :2] += np.array(shift, np.float16)
    counted = votes(
        query(points),
        entry("copy", KeypointCodes(points.codes, positions)),
        entry("x", scattered(2)),
    )
    # Scales fall into bins of half an octave, so what lies far apart may spread over two.
    assert counted[0] >= 30
    assert counted[1] == 0


def test_keypoints_strewn_elsewhere_do_not_agree() -> None:
    points = scattered(1)
    strewn = KeypointCodes(points.codes, scattered(7).positions)
    assert votes(query(points), entry("strewn", strewn))[0] < 15


def test_one_keypoint_that_fits_many_counts_once() -> None:
    points = scattered(1)
    alike = KeypointCodes(
        np.full(60, points.codes[0]), points.positions * np.array([0, 0, 1], np.float16)
    )
    assert votes(query(points), entry("alike", alike))[0] <= 1


def test_the_mirror_image_is_asked_for_too() -> None:
    points = scattered(1)
    mirrored = KeypointCodes(
        points.codes ^ np.uint64(2**64 - 2**24), points.positions * np.array([-1, 1, 1], np.float16)
    )
    stored = entry("mirrored", mirrored)
    assert votes(query(points), stored) == [0]
    assert votes(query(points, mirrored), stored)[0] >= 30


def test_entries_without_keypoints_get_none() -> None:
    assert votes(query(scattered(1)), entry("film", KeypointCodes.empty())) == [0]
    assert votes(query(KeypointCodes.empty()), entry("picture", scattered(1))) == [0]


def test_segments_keep_points_through_bytes() -> None:
    entries = [
        entry("a", scattered(1, 5)),
        entry("b", KeypointCodes.empty()),
        entry("c", scattered(2, 3)),
    ]
    segment = Segment.read(Segment.of(entries).to_bytes())
    for before, after in zip(entries, segment.entries(), strict=True):
        order = np.argsort(before.points.codes)
        assert np.array_equal(before.points.codes[order], after.points.codes)
        assert np.array_equal(before.points.positions[order], after.points.positions)
