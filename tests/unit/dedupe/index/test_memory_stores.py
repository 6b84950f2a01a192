"""The stores in memory keep the contracts that those on AWS keep."""

from __future__ import annotations

import pytest

from tests.contracts.stores import (
    BucketStoreContract,
    FreshStoreContract,
    ObjectStoreContract,
    SegmentStoreContract,
)
from tests.memory import MemoryBucketStore, MemoryFreshStore, MemoryObjects, MemorySegmentStore


class TestMemoryFreshStore(FreshStoreContract):
    @pytest.fixture
    def fresh(self) -> MemoryFreshStore:
        return MemoryFreshStore()


class TestMemorySegmentStore(SegmentStoreContract):
    @pytest.fixture
    def segments(self) -> MemorySegmentStore:
        return MemorySegmentStore()


class TestMemoryObjects(ObjectStoreContract):
    @pytest.fixture
    def objects(self) -> MemoryObjects:
        return MemoryObjects()


class TestMemoryBucketStore(BucketStoreContract):
    @pytest.fixture
    def buckets(self) -> MemoryBucketStore:
        return MemoryBucketStore()
