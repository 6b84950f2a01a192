"""Delta entries become segments, and those stay few."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from filmgate.dedupe.index.compaction import in_rounds
from filmgate.dedupe.index.port import IndexEntry
from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.dedupe.index.settings import MERGE_MEMORY, IndexSettings
from filmgate.dedupe.index.stores import Manifest
from tests.unit.dedupe.index.segment_world import (
    EAGER,
    TENANT,
    Store,
    World,
    keypoints,
)


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_segments_are_deleted_after_the_grace_only(cache_dir: Path) -> None:
    store, clock = Store(), datetime.now(UTC)
    later = [clock]
    index = SegmentIndex(store, store, EAGER, cache_dir=cache_dir, clock=lambda: later[0])
    for entry in World(1).entries:
        index.add(TENANT, entry)
        index.compact(TENANT)
    live = {info.id for info in store.manifest(TENANT).segments}
    retired = {old.id for old in store.manifest(TENANT).retired}
    assert retired
    store.put(TENANT, "left-by-a-dead-worker", b"x")
    index.compact(TENANT)
    assert {name for name, _ in store.list(TENANT)} == live | retired | {"left-by-a-dead-worker"}
    later[0] = clock + timedelta(seconds=EAGER.grace_s + 60)
    index.compact(TENANT)
    assert {name for name, _ in store.list(TENANT)} == live


def test_segments_stay_few(cache_dir: Path) -> None:
    store = Store()
    rule = EAGER.model_copy(update={"fanout": 4})
    index = SegmentIndex(store, store, rule, cache_dir=cache_dir)
    for entry in World(2, assets=70).entries:
        index.add(TENANT, entry)
        index.compact(TENANT)
    infos = store.manifest(TENANT).segments
    assert sum(info.entries for info in infos) == 70
    assert len(infos) <= 3 * 4


def test_a_small_delta_is_left_alone(cache_dir: Path) -> None:
    store = Store()
    index = SegmentIndex(store, store, IndexSettings(compact_entries=5), cache_dir=cache_dir)
    for entry in World(2).entries[:4]:
        index.add(TENANT, entry)
    assert index.compact(TENANT) == 0
    assert store.manifest(TENANT) == Manifest()


def minutes_of_film(name: str, minutes: float) -> IndexEntry:
    """An entry as large as such a film's; 51 kB a minute, and 4 of keypoints."""
    rng = np.random.default_rng(len(name))
    marks = int(1400 * minutes)
    return IndexEntry(
        asset_id=name,
        sha256="0" * 64,
        frames=rng.integers(0, 256, (int(60 * minutes), 32), dtype=np.uint8),
        crops=rng.integers(0, 256, (int(1000 * minutes), 32), dtype=np.uint8),
        landmarks=rng.integers(0, 2**21, marks).astype(np.uint32),
        landmark_times=np.arange(marks, dtype=np.int32),
        points=keypoints(240, rng),
    )


def image(name: str) -> IndexEntry:
    """An entry as large as an image's: one frame and 120 keypoints."""
    rng = np.random.default_rng(len(name))
    return IndexEntry(
        asset_id=name,
        sha256="0" * 64,
        frames=rng.integers(0, 256, (1, 32), dtype=np.uint8),
        crops=np.zeros((0, 32), np.uint8),
        landmarks=np.zeros(0, np.uint32),
        landmark_times=np.zeros(0, np.int32),
        points=keypoints(120, rng),
    )


def test_a_merge_makes_no_segment_larger_than_may_be(cache_dir: Path) -> None:
    store = Store()
    rule = EAGER.model_copy(update={"fanout": 3, "max_segment_bytes": 400_000})
    index = SegmentIndex(store, store, rule, cache_dir=cache_dir)
    for number in range(30):
        index.add(TENANT, minutes_of_film(f"a{number:02d}", 1.0))
        index.compact(TENANT)
    infos = store.manifest(TENANT).segments
    assert sum(info.entries for info in infos) == 30
    assert max(info.size_bytes for info in infos) <= 400_000 + 10_000, "headers apart"
    # Seven minutes of film fill one, so five would be the fewest.
    assert len(infos) <= 8


@pytest.mark.parametrize(
    ("made", "count"), [(partial(minutes_of_film, minutes=1.0), 40), (image, 200)]
)
def test_the_memory_of_a_merge_is_bounded_by_what_goes_into_it(
    cache_dir: Path, made: Callable[[str], IndexEntry], count: int
) -> None:
    """All that is allocated; the mapped segments and the items read, which are not, count once
    more."""
    store = Store()
    rule = EAGER.model_copy(update={"fanout": 99, "max_compact_entries": count})
    index = SegmentIndex(store, store, rule, cache_dir=cache_dir)
    for number in range(3 * count):
        index.add(TENANT, made(f"a{number:03d}"))
        if number in (count - 1, 2 * count - 1):
            index.compact(TENANT)
    merged = sum(info.size_bytes for info in store.manifest(TENANT).segments)
    compacted = sum(key.size_bytes for key in store.keys(TENANT))
    merging = SegmentIndex(
        store, store, rule.model_copy(update={"fanout": 2}), cache_dir=cache_dir / "own"
    )
    tracemalloc.start()
    try:
        assert merging.compact(TENANT) == count
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(store.manifest(TENANT).segments) == 1
    assert peak + compacted + merged <= MERGE_MEMORY * (merged + compacted)


def test_one_run_applies_no_more_than_it_may(cache_dir: Path) -> None:
    store = Store()
    rule = EAGER.model_copy(update={"max_compact_bytes": 120_000})
    index = SegmentIndex(store, store, rule, cache_dir=cache_dir)
    for number in range(5):
        index.add(TENANT, minutes_of_film(f"a{number}", 1.0))
    index.add(TENANT, minutes_of_film("b-long", 4.0))
    assert [index.compact(TENANT) for _ in range(5)] == [2, 2, 1, 1, 0]


def test_rounds_go_on_while_there_is_time_and_something_to_compact() -> None:
    left = {"a": 3, "b": 0, "c": 1}
    turns: list[str] = []

    def compact(tenant: str) -> int:
        turns.append(tenant)
        left[tenant] -= 1
        return 10 if left[tenant] >= 0 else 0

    assert in_rounds("abc", compact, lambda: True) == {"a": 30, "b": 0, "c": 10}
    assert "".join(turns) == "abcacaa"
    left |= {"a": 9, "b": 9, "c": 9}
    assert in_rounds("abc", compact, lambda: len(turns) < 11) == {"a": 20, "b": 10, "c": 10}
    assert in_rounds("abc", compact, lambda: False) == {}
