"""The segment index finds what looking at everything finds."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filmgate.dedupe.index.packing import PackingError, pack, unpack
from filmgate.dedupe.index.port import Candidate, IndexEntry, IndexQuery
from filmgate.dedupe.index.segment import Segment, delta_item
from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.dedupe.index.stores import Manifest, SegmentInfo
from filmgate.errors import NotFound
from tests.unit.dedupe.index.segment_world import (
    EAGER,
    TENANT,
    Store,
    World,
    by_hand,
    query_of,
)


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@given(seed=st.integers(0, 2**32), compactions=st.sets(st.integers(0, 7)), query=st.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_search_equals_looking_at_everything(seed: int, compactions: set[int], query: int) -> None:
    world, store = World(seed), Store()
    with tempfile.TemporaryDirectory() as folder:
        index = SegmentIndex(store, store, EAGER, cache_dir=Path(folder))
        for i, entry in enumerate(world.entries):
            index.add(TENANT, entry)
            if i in compactions:
                assert index.compact(TENANT) >= 1
        asked = query_of(world.entries[query])
        found = index.search(TENANT, asked, limit=100)
        assert set(found) == by_hand(world.entries, asked, EAGER)
        assert len(found) == len(set(found))


def test_the_same_bytes_are_found_without_any_hash(cache_dir: Path) -> None:
    store = Store()
    index = SegmentIndex(store, store, EAGER, cache_dir=cache_dir)
    empty = np.zeros((0, 32), np.uint8)
    for name in ("a", "b", "c"):
        sha256 = ("1" if name == "c" else "0") * 64
        index.add(
            TENANT,
            IndexEntry(name, sha256, empty, empty, np.zeros(0, np.uint32), np.zeros(0, np.int32)),
        )
    asked = query_of(
        IndexEntry("a", "0" * 64, empty, empty, np.zeros(0, np.uint32), np.zeros(0, np.int32))
    )
    expected = [Candidate("b", 0, 0, True)]
    assert index.search(TENANT, asked, limit=5) == expected
    assert index.compact(TENANT) == 3
    assert index.search(TENANT, asked, limit=5) == expected


def test_an_inverted_picture_is_not_a_copy(cache_dir: Path) -> None:
    """The distance 256 must not wrap to 0 in a byte."""
    store = Store()
    index = SegmentIndex(store, store, EAGER, cache_dir=cache_dir)
    entry = World(3).entries[0]
    frames = np.arange(32, dtype=np.uint8).reshape(1, 32)
    none, times = np.zeros(0, np.uint32), np.zeros(0, np.int32)
    index.add(TENANT, IndexEntry("a", "0" * 64, ~frames, entry.crops[:0], none, times))
    asked = IndexQuery("b", "1" * 64, frames[None], entry.crops[:0], none, times)
    assert index.search(TENANT, asked, limit=5) == []


def test_more_evidence_comes_first_and_the_limit_cuts_the_rest(cache_dir: Path) -> None:
    store = Store()
    index = SegmentIndex(store, store, EAGER, cache_dir=cache_dir)
    rng = np.random.default_rng(5)
    frames = rng.integers(0, 256, (6, 32), dtype=np.uint8)
    none, times = np.zeros(0, np.uint32), np.zeros(0, np.int32)
    for i in range(1, 6):
        index.add(TENANT, IndexEntry(f"a{i}", f"{i:064x}", frames[:i], frames[:0], none, times))
    asked = IndexQuery("q", f"{1:064x}", frames[None], frames[:0], none, times)
    found = index.search(TENANT, asked, limit=3)
    assert [(c.asset_id, c.frame_hits) for c in found] == [("a1", 1), ("a5", 5), ("a4", 4)]


def test_the_cache_keeps_to_its_size(cache_dir: Path) -> None:
    store = Store()
    big = max(len(delta_item(entry, 1).body) for entry in World(4).entries)
    rule = EAGER.model_copy(update={"cache_bytes": 2 * big, "fanout": 100})
    index = SegmentIndex(store, store, rule, cache_dir=cache_dir)
    world = World(4)
    for entry in world.entries:
        index.add(TENANT, entry)
        index.compact(TENANT)
    found = index.search(TENANT, query_of(world.entries[0]), limit=50)
    assert set(found) == by_hand(world.entries, query_of(world.entries[0]), rule)
    assert sum(path.stat().st_size for path in cache_dir.iterdir()) <= 3 * big
    shutil.rmtree(cache_dir)
    assert index.search(TENANT, query_of(world.entries[0]), limit=50) == found


def test_a_missing_segment_is_not_found(cache_dir: Path) -> None:
    with pytest.raises(NotFound):
        Store().fetch(TENANT, "nope", cache_dir)


SCHEMA_1 = Path(__file__).parent / "data" / "schema-1.seg"
"""Written by the first version with a schema number, without optional arrays; never changed."""


def test_the_kept_segment_of_schema_1_is_read() -> None:
    entries = World(1).entries
    segment = Segment.read(SCHEMA_1.read_bytes())
    assert segment.sequences.tolist() == [0] * len(entries)
    expected = Segment.read(Segment.of(entries).to_bytes())
    for one, other in zip(segment.entries(), expected.entries(), strict=True):
        for name in ("asset_id", "sha256"):
            assert getattr(one, name) == getattr(other, name)
        for name in ("frames", "crops", "landmarks", "landmark_times"):
            assert np.array_equal(getattr(one, name), getattr(other, name)), name
        assert np.array_equal(one.points.codes, other.points.codes)
        assert np.array_equal(one.points.positions, other.points.positions)


def test_a_removal_hides_entries_of_old_segments(cache_dir: Path) -> None:
    store = Store()
    index = SegmentIndex(store, store, EAGER, cache_dir=cache_dir)
    body = SCHEMA_1.read_bytes()
    store.put(TENANT, "old", body)
    live = SegmentInfo(id="old", entries=8, size_bytes=len(body))
    store.replace_manifest(TENANT, Manifest(version=1, segments=(live,)))
    entries = World(1).entries
    index.remove(TENANT, "a1")
    asked = query_of(entries[0])
    expected = by_hand([entry for entry in entries if entry.asset_id != "a1"], asked, EAGER)
    assert {one.asset_id for one in index.search(TENANT, asked, limit=99)} == {
        one.asset_id for one in expected
    }


def test_arrays_that_a_later_version_adds_are_left_out() -> None:
    entry = World(1).entries[0]
    arrays, schema = unpack(delta_item(entry, 7).body)
    segment = Segment.read(pack(arrays | {"later": np.arange(3, dtype=np.int64)}, schema))
    assert segment.sequences.tolist() == [7]
    assert next(segment.entries()).asset_id == entry.asset_id


def test_an_unknown_schema_is_refused_with_what_to_do() -> None:
    arrays, _ = unpack(delta_item(World(1).entries[0], 1).body)
    with pytest.raises(PackingError, match=r"schema 2.* up to 1: deploy the version"):
        Segment.read(pack(arrays, 2))
    with pytest.raises(PackingError, match=r"schema 0.* no longer read"):
        Segment.read(pack(arrays, 0))


@pytest.mark.parametrize("name", ["ids", "keypoint_owners"])
def test_a_segment_without_a_required_array_is_damaged(name: str) -> None:
    arrays, schema = unpack(delta_item(World(1).entries[0], 1).body)
    del arrays[name]
    with pytest.raises(PackingError, match="damaged"):
        Segment.read(pack(arrays, schema))
