"""The stores in memory keep the contracts that those on AWS keep."""

from __future__ import annotations

import pytest

from tests.contracts.stores import FreshStoreContract, ObjectStoreContract, SegmentStoreContract
from tests.memory import MemoryFreshStore, MemoryObjects, MemorySegmentStore


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
