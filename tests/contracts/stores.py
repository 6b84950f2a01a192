"""The contracts of the objects and of the index's stores. Subclass, and give the fixtures."""

from __future__ import annotations

import hashlib
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from filmgate.dedupe.index.port import CandidateIndex, IndexEntry, IndexQuery
from filmgate.dedupe.index.stores import (
    BucketStore,
    DeltaItem,
    DeltaKey,
    DeltaStore,
    Manifest,
    SegmentInfo,
    SegmentStore,
    removals,
)
from filmgate.errors import Conflict, NotFound
from filmgate.library.ports import ObjectStore


def an_item(sequence: int, asset_id: str, body: bytes = b"body") -> DeltaItem:
    digest = hashlib.sha256(body).hexdigest()[:16]
    return DeltaItem(DeltaKey(sequence, asset_id, digest, len(body)), body)


def a_tombstone(sequence: int, asset_id: str) -> DeltaItem:
    return DeltaItem(DeltaKey.tombstone(sequence, asset_id), b"")


def all_items(delta: DeltaStore, tenant: str) -> list[DeltaItem]:
    return delta.read(tenant, delta.keys(tenant))


class DeltaStoreContract:
    @pytest.fixture
    def tenant(self) -> str:
        return f"t-{uuid.uuid4().hex[:10]}"

    def test_items_come_back_in_order(self, delta: DeltaStore, tenant: str) -> None:
        items = [an_item(2, "b"), an_item(11, "a", b"one"), an_item(1, "a", b"two")]
        for item in items:
            delta.put(tenant, item)
        ordered = sorted(items, key=lambda item: item.key)
        assert delta.keys(tenant) == [item.key for item in ordered]
        assert all_items(delta, tenant) == ordered
        assert delta.read(tenant, [items[1].key, items[0].key]) == [items[1], items[0]]
        assert delta.read(tenant, []) == []

    def test_putting_twice_is_putting_once(self, delta: DeltaStore, tenant: str) -> None:
        delta.put(tenant, an_item(1, "a"))
        delta.put(tenant, an_item(1, "a"))
        assert all_items(delta, tenant) == [an_item(1, "a")]

    def test_sequence_numbers_rise_whoever_asks(self, delta: DeltaStore, tenant: str) -> None:
        assert delta.next_sequence(tenant) == 1
        with ThreadPoolExecutor(8) as pool:
            numbers = list(pool.map(lambda _: delta.next_sequence(tenant), range(40)))
        assert sorted(numbers) == list(range(2, 42))
        assert delta.next_sequence(f"{tenant}-x") == 1

    def test_a_tombstone_is_kept_among_the_keys(self, delta: DeltaStore, tenant: str) -> None:
        for item in (an_item(1, "a"), a_tombstone(2, "a"), an_item(3, "a")):
            delta.put(tenant, item)
        assert [key.is_tombstone for key in delta.keys(tenant)] == [False, True, False]
        assert removals(delta.keys(tenant)) == {"a": 2}
        delta.remove(tenant, [DeltaKey.tombstone(2, "a")])
        assert removals(delta.keys(tenant)) == {}

    @pytest.mark.parametrize("size", [350 * 1024, 350 * 1024 + 1, 1_500_000])
    def test_large_items_are_whole(self, delta: DeltaStore, tenant: str, size: int) -> None:
        item = an_item(1, "a", bytes(range(256)) * (size // 256 + 1))
        delta.put(tenant, item)
        delta.put(tenant, an_item(2, "b"))
        assert all_items(delta, tenant) == [item, an_item(2, "b")]
        delta.remove(tenant, [item.key])
        assert delta.keys(tenant) == [an_item(2, "b").key]
        assert delta.read(tenant, [item.key]) == []

    def test_removing_ignores_what_is_gone(self, delta: DeltaStore, tenant: str) -> None:
        items = [an_item(number, f"a{number:02d}") for number in range(60)]
        for item in items:
            delta.put(tenant, item)
        delta.remove(tenant, [an_item(99, "gone").key, *(item.key for item in items[:55])])
        assert all_items(delta, tenant) == items[55:]

    def test_more_items_than_a_request_takes(self, delta: DeltaStore, tenant: str) -> None:
        items = [an_item(number, f"a{number}", b"%d" % number) for number in range(1, 131)]
        for item in items:
            delta.put(tenant, item)
        assert all_items(delta, tenant) == items

    def test_tenants_are_apart(self, delta: DeltaStore, tenant: str) -> None:
        delta.put(tenant, an_item(1, "a"))
        assert delta.keys(f"{tenant}-x") == []
        assert delta.manifest(f"{tenant}-x") == Manifest()
        assert tenant in delta.tenants()
        assert f"{tenant}-x" not in delta.tenants()

    def test_a_manifest_follows_its_version(self, delta: DeltaStore, tenant: str) -> None:
        assert delta.manifest(tenant) == Manifest()
        first = Manifest(
            version=1,
            segments=(SegmentInfo(id="s1", entries=3, size_bytes=99),),
            compacted=(an_item(1, "a").key,),
        )
        delta.replace_manifest(tenant, first)
        assert delta.manifest(tenant) == first
        with pytest.raises(Conflict):
            delta.replace_manifest(tenant, first)
        with pytest.raises(Conflict):
            delta.replace_manifest(tenant, Manifest(version=3))
        delta.replace_manifest(tenant, Manifest(version=2))
        assert delta.manifest(tenant) == Manifest(version=2)


class CandidateIndexContract:
    """Adding, removing and adding again, for an index of any kind."""

    @pytest.fixture
    def tenant(self) -> str:
        return f"t-{uuid.uuid4().hex[:10]}"

    def test_a_removed_asset_is_not_found_until_it_is_added_again(
        self, index: CandidateIndex, tenant: str
    ) -> None:
        entries = {name: _entry(name) for name in "abc"}
        for entry in entries.values():
            index.add(tenant, entry)
        query = _query(entries["a"])
        assert _found(index, tenant, query) == {"b", "c"}
        for compacted in (False, True):
            index.remove(tenant, "b")
            assert _found(index, tenant, query) == {"c"}
            if compacted:
                index.compact(tenant)
                assert _found(index, tenant, query) == {"c"}
            index.remove(tenant, "b")
            assert _found(index, tenant, query) == {"c"}
            index.add(tenant, entries["b"])
            assert _found(index, tenant, query) == {"b", "c"}
            index.compact(tenant)
            assert _found(index, tenant, query) == {"b", "c"}

    def test_removing_an_unknown_asset_changes_nothing(
        self, index: CandidateIndex, tenant: str
    ) -> None:
        index.add(tenant, _entry("a"))
        index.remove(tenant, "x")
        index.remove(f"{tenant}-x", "a")
        index.compact(tenant)
        assert _found(index, tenant, _query(_entry("q"))) == {"a"}


def _entry(asset_id: str) -> IndexEntry:
    frames = np.random.default_rng(7).integers(0, 256, (3, 32), dtype=np.uint8)
    none = np.zeros(0, np.uint32)
    return IndexEntry(
        asset_id,
        hashlib.sha256(asset_id.encode()).hexdigest(),
        frames,
        frames[:0],
        none,
        none.view(np.int32),
    )


def _query(entry: IndexEntry) -> IndexQuery:
    return IndexQuery(
        entry.asset_id,
        entry.sha256,
        entry.frames[None],
        entry.crops,
        entry.landmarks,
        entry.landmark_times,
    )


def _found(index: CandidateIndex, tenant: str, query: IndexQuery) -> set[str]:
    return {candidate.asset_id for candidate in index.search(tenant, query, limit=9)}


class SegmentStoreContract:
    @pytest.fixture
    def tenant(self) -> str:
        return f"t-{uuid.uuid4().hex[:10]}"

    def test_a_segment_comes_back(
        self, segments: SegmentStore, tenant: str, tmp_path: Path
    ) -> None:
        segments.put(tenant, "s1", b"bytes")
        segments.fetch(tenant, "s1", tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == b"bytes"
        assert [name for name, _ in segments.list(tenant)] == ["s1"]
        assert all(at.tzinfo is not None for _, at in segments.list(tenant))
        assert segments.list(f"{tenant}-x") == []

    def test_a_removed_segment_is_gone(
        self, segments: SegmentStore, tenant: str, tmp_path: Path
    ) -> None:
        segments.put(tenant, "s1", b"bytes")
        segments.remove(tenant, "s1")
        segments.remove(tenant, "s1")
        assert segments.list(tenant) == []
        with pytest.raises(NotFound):
            segments.fetch(tenant, "s1", tmp_path / "file")


class BucketStoreContract:
    @pytest.fixture
    def tenant(self) -> str:
        return f"t-{uuid.uuid4().hex[:10]}"

    def test_members_come_back(self, buckets: BucketStore, tenant: str) -> None:
        buckets.add(tenant, {"BAND#0#ab": b"\x00one", "BAND#1#ab": b"\xffone"}, 9)
        buckets.add(tenant, {"BAND#0#ab": b"two"}, 9)
        names = ["BAND#0#ab", "BAND#1#ab", "BAND#2#ab"]
        assert buckets.read(tenant, names) == {
            "BAND#0#ab": {b"\x00one", b"two"},
            "BAND#1#ab": {b"\xffone"},
        }
        assert buckets.read(tenant, []) == {}

    def test_adding_twice_is_adding_once(self, buckets: BucketStore, tenant: str) -> None:
        for _ in range(2):
            buckets.add(tenant, {"a": b"one"}, 9)
        assert buckets.read(tenant, ["a"]) == {"a": {b"one"}}

    def test_a_full_bucket_stays_as_it_is(self, buckets: BucketStore, tenant: str) -> None:
        for member in (b"1", b"2", b"3", b"1"):
            buckets.add(tenant, {"a": member, f"of {member!r}": member}, 2)
        held = buckets.read(tenant, ["a", "of b'3'"])
        assert held == {"a": {b"1", b"2"}, "of b'3'": {b"3"}}

    def test_removed_members_are_gone(self, buckets: BucketStore, tenant: str) -> None:
        for member in (b"one", b"two"):
            buckets.add(tenant, {"a": member, "b": member}, 9)
        buckets.remove(tenant, {"a": {b"one", b"three"}, "b": {b"one", b"two"}, "none": {b"one"}})
        assert buckets.read(tenant, ["a", "b", "none"]) == {"a": {b"two"}}
        buckets.add(tenant, {"b": b"one"}, 1)
        assert buckets.read(tenant, ["b"]) == {"b": {b"one"}}

    def test_more_than_a_request_takes(self, buckets: BucketStore, tenant: str) -> None:
        many = {f"bucket {i}": b"member" * 200 for i in range(250)}
        buckets.add(tenant, many, 9)
        assert len(buckets.read(tenant, [*many, "none"])) == 250

    def test_many_at_once_lose_nothing(self, buckets: BucketStore, tenant: str) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda i: buckets.add(tenant, {"a": b"%d" % i}, 20), range(40)))
        assert len(buckets.read(tenant, ["a"])["a"]) == 20

    def test_tenants_are_apart(self, buckets: BucketStore, tenant: str) -> None:
        buckets.add(tenant, {"a": b"one"}, 9)
        assert buckets.read(f"{tenant}-x", ["a"]) == {}


class ObjectStoreContract:
    @pytest.fixture
    def prefix(self) -> str:
        return f"raw/t-{uuid.uuid4().hex[:10]}"

    def test_an_object_comes_back(self, objects: ObjectStore, prefix: str, tmp_path: Path) -> None:
        key, body = f"{prefix}/ä b%20+.mp4", b"x" * 3_000_000
        objects.put("raw", key, body, "video/mp4")
        assert objects.size("raw", key) == len(body)
        assert objects.get("raw", key) == body
        assert objects.exists("raw", key)
        assert not objects.exists("artifacts", key)
        sha256 = objects.download("raw", key, tmp_path / "file")
        assert sha256 == hashlib.sha256(body).hexdigest()
        assert (tmp_path / "file").read_bytes() == body

    def test_what_is_not_there_is_not_found(
        self, objects: ObjectStore, prefix: str, tmp_path: Path
    ) -> None:
        key = f"{prefix}/gone"
        with pytest.raises(NotFound):
            objects.size("raw", key)
        with pytest.raises(NotFound):
            objects.get("raw", key)
        with pytest.raises(NotFound):
            objects.download("raw", key, tmp_path / "file")
        assert not objects.exists("raw", key)
