"""The contracts of the objects and of the index's stores. Subclass, and give the fixtures."""

from __future__ import annotations

import hashlib
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from filmgate.dedupe.index.stores import (
    BucketStore,
    FreshItem,
    FreshKey,
    FreshStore,
    Manifest,
    SegmentInfo,
    SegmentStore,
)
from filmgate.errors import Conflict, NotFound
from filmgate.library.ports import ObjectStore


def an_item(asset_id: str, body: bytes = b"body") -> FreshItem:
    digest = hashlib.sha256(body).hexdigest()[:16]
    return FreshItem(FreshKey(asset_id, digest, len(body)), body)


class FreshStoreContract:
    @pytest.fixture
    def tenant(self) -> str:
        return f"t-{uuid.uuid4().hex[:10]}"

    def test_items_come_back_in_order(self, fresh: FreshStore, tenant: str) -> None:
        items = [an_item("b"), an_item("a", b"one"), an_item("a", b"two")]
        for item in items:
            fresh.put(tenant, item)
        assert fresh.read(tenant) == sorted(items, key=lambda item: item.key)

    def test_putting_twice_is_putting_once(self, fresh: FreshStore, tenant: str) -> None:
        fresh.put(tenant, an_item("a"))
        fresh.put(tenant, an_item("a"))
        assert fresh.read(tenant) == [an_item("a")]

    @pytest.mark.parametrize("size", [350 * 1024, 350 * 1024 + 1, 1_500_000])
    def test_large_items_are_whole(self, fresh: FreshStore, tenant: str, size: int) -> None:
        item = an_item("a", bytes(range(256)) * (size // 256 + 1))
        fresh.put(tenant, item)
        fresh.put(tenant, an_item("b"))
        assert fresh.read(tenant) == [item, an_item("b")]
        fresh.remove(tenant, [item.key])
        assert fresh.read(tenant) == [an_item("b")]

    def test_removing_passes_over_what_is_gone(self, fresh: FreshStore, tenant: str) -> None:
        items = [an_item(f"a{i:02d}") for i in range(60)]
        for item in items:
            fresh.put(tenant, item)
        fresh.remove(tenant, [an_item("gone").key, *(item.key for item in items[:55])])
        assert fresh.read(tenant) == items[55:]

    @pytest.mark.parametrize(
        ("at_most", "names"),
        [(0, "a"), (1_000_000, "ab"), (1_000_004, "ab"), (1_400_004, "abc"), (2_000_000, "abcd")],
    )
    def test_the_first_items_up_to_a_size(
        self, fresh: FreshStore, tenant: str, at_most: int, names: str
    ) -> None:
        bodies = {"a": b"body", "b": b"b" * 900_000, "c": b"c" * 500_000, "d": b"body"}
        for name, body in bodies.items():
            fresh.put(tenant, an_item(name, body))
        found = fresh.read(tenant, at_most)
        assert [item.key.asset_id for item in found] == list(names)
        assert [item.body for item in found] == [bodies[name] for name in names]

    def test_tenants_are_apart(self, fresh: FreshStore, tenant: str) -> None:
        fresh.put(tenant, an_item("a"))
        assert fresh.read(f"{tenant}-x") == []
        assert fresh.manifest(f"{tenant}-x") == Manifest()
        assert tenant in fresh.tenants()
        assert f"{tenant}-x" not in fresh.tenants()

    def test_a_manifest_follows_its_version(self, fresh: FreshStore, tenant: str) -> None:
        assert fresh.manifest(tenant) == Manifest()
        first = Manifest(
            version=1,
            segments=(SegmentInfo(id="s1", entries=3, size_bytes=99),),
            folded=(an_item("a").key,),
        )
        fresh.replace_manifest(tenant, first)
        assert fresh.manifest(tenant) == first
        with pytest.raises(Conflict):
            fresh.replace_manifest(tenant, first)
        with pytest.raises(Conflict):
            fresh.replace_manifest(tenant, Manifest(version=3))
        fresh.replace_manifest(tenant, Manifest(version=2))
        assert fresh.manifest(tenant) == Manifest(version=2)


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
