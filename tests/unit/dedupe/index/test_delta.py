"""A search reads the bodies that it does not know, and keeps no more than it may."""

from __future__ import annotations

from pathlib import Path

from filmgate.dedupe.index.segments import SegmentIndex
from tests.memory import MemoryDeltaStore, MemorySegmentStore
from tests.unit.dedupe.index.segment_world import EAGER, TENANT, World, by_hand, query_of


def index_of(store: MemoryDeltaStore, folder: Path, cache_bytes: int) -> SegmentIndex:
    rule = EAGER.model_copy(update={"delta_cache_bytes": cache_bytes})
    return SegmentIndex(store, MemorySegmentStore(), rule, cache_dir=folder)


def test_a_body_is_read_once(tmp_path: Path) -> None:
    store, world = MemoryDeltaStore(), World(11)
    index = index_of(store, tmp_path, 1024**2)
    asked = query_of(world.entries[0])
    for count, entry in enumerate(world.entries, 1):
        index.add(TENANT, entry)
        for _ in range(2):
            found = index.search(TENANT, asked, limit=50)
            assert set(found) == by_hand(world.entries[:count], asked, EAGER)
        assert store.bodies_read == count


def test_tenants_share_no_entries(tmp_path: Path) -> None:
    store, world = MemoryDeltaStore(), World(11)
    index = index_of(store, tmp_path, 1024**2)
    asked = query_of(world.entries[0])
    index.add(TENANT, world.entries[1])
    index.add("other", world.entries[2])
    assert {one.asset_id for one in index.search(TENANT, asked, limit=9)} <= {"a1"}
    assert {one.asset_id for one in index.search("other", asked, limit=9)} <= {"a2"}


def test_the_cache_keeps_to_its_size(tmp_path: Path) -> None:
    store, world = MemoryDeltaStore(), World(11)
    for entry in world.entries:
        index_of(store, tmp_path, 0).add(TENANT, entry)
    asked = query_of(world.entries[0])
    sizes = [key.size_bytes for key in store.keys(TENANT)]
    # The search after the first finds as many as fit, and reads the others.
    index = index_of(store, tmp_path, sum(sizes[-2:]))
    for _ in range(2):
        found = index.search(TENANT, asked, limit=50)
        assert set(found) == by_hand(world.entries, asked, EAGER)
    assert store.bodies_read == 2 * len(sizes) - 2
