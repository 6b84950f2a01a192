"""The exact scan misses nothing, whatever the sizes of its blocks."""

from __future__ import annotations

import numpy as np
import pytest

from filmgate.dedupe.index.scan import hamming_range_search

RADIUS = 105
"""Wide enough that some of a few thousand random pairs are within it."""


@pytest.mark.parametrize(
    ("stored", "asked"), [(1, 1), (7, 3), (8191, 8), (8193, 9), (65_537, 2), (20_000, 17), (9, 0)]
)
def test_every_pair_within_the_radius_is_found(stored: int, asked: int) -> None:
    rng = np.random.default_rng(stored)
    codes = rng.integers(0, 2**64, (4, stored), dtype=np.uint64)
    queries = rng.integers(0, 2**64, (4, asked), dtype=np.uint64)
    codes[:, -1:] = queries[:, -1:] if asked else 0  # the very last place counts too
    distances = np.bitwise_count(queries[:, :, None] ^ codes[:, None]).sum(axis=0, dtype=np.int64)
    expected = set(zip(*(place.tolist() for place in np.nonzero(distances <= RADIUS)), strict=True))
    found = [
        pair
        for rows, columns in hamming_range_search(codes, queries, RADIUS)
        for pair in zip(rows.tolist(), columns.tolist(), strict=True)
    ]
    assert set(found) == expected
    assert len(found) == len(expected)
