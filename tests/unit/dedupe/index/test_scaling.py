"""What a search costs as the library grows, in pairs of hashes that it compares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.fingerprint.retrieval import index_entry, index_query
from filmgate.dedupe.index import scan
from filmgate.dedupe.index.segments import SegmentIndex
from tests.memory import MemoryDeltaStore, MemorySegmentStore
from tests.tracks import scenes, taken

RANGE_SEARCH = "hamming_range_search"
"""The function in `scan` that compares every query with every stored hash."""
RATE_HZ = 4
SCENE_S = 4
CROPS = 52
CROP_GAP_S = 2
"""An hour is looked at four times a second, with so many crops of a frame every two seconds."""
MOST_PAIRS_A_LIBRARY_HOUR = 11_897_280_000
"""For a film of an hour: 122,400 hashes searched for among 97,200. Lower it when a search compares
fewer; do not raise it."""


class Count:
    """Stands in for the range search: counts the pairs and finds none."""

    def __init__(self) -> None:
        self.pairs = 0

    def __call__(
        self, words: NDArray[np.uint64], queries: NDArray[np.uint64], radius: int
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        self.pairs += words.shape[1] * queries.shape[1]
        return iter(())


@pytest.fixture(scope="module")
def hour() -> Fingerprint:
    """A silent film of an hour, other pictures in every scene, with the crops of a real one."""
    count = 3600 * RATE_HZ
    made = taken(scenes(3600 // SCENE_S, SCENE_S * RATE_HZ, 1), np.arange(count) / RATE_HZ)
    assert made.frames is not None
    cropped = np.repeat(np.arange(0, count, CROP_GAP_S * RATE_HZ, dtype=np.int32), CROPS)
    crops = np.random.default_rng(2).integers(0, 256, (len(cropped), 32), dtype=np.uint8)
    info = made.info.model_copy(update={"duration_s": 3600.0})
    frames = replace(made.frames, crops=crops, crop_frames=cropped)
    return replace(made, sha256="0" * 64, info=info, frames=frames)


@pytest.mark.parametrize("hours", [1, 10])
def test_an_hour_is_searched_for_with_no_more_comparisons_than_before(
    hour: Fingerprint, hours: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = Count()
    monkeypatch.setattr(scan, RANGE_SEARCH, count)
    index = SegmentIndex(MemoryDeltaStore(), MemorySegmentStore(), cache_dir=tmp_path)
    for number in range(hours):
        index.add("t", replace(index_entry("", hour), asset_id=f"film {number}"))
    index.search("t", index_query("own", hour), limit=200)
    assert 0 < count.pairs <= hours * MOST_PAIRS_A_LIBRARY_HOUR
