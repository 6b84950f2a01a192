"""The stores in memory keep the contracts that those on AWS keep."""

from __future__ import annotations

from pathlib import Path

import pytest

from filmgate.dedupe.index.bands import BandIndex
from filmgate.dedupe.index.segments import SegmentIndex
from tests.contracts.stores import (
    BucketStoreContract,
    CandidateIndexContract,
    DeltaStoreContract,
    ObjectStoreContract,
    SegmentStoreContract,
)
from tests.memory import MemoryBucketStore, MemoryDeltaStore, MemoryObjects, MemorySegmentStore
from tests.unit.dedupe.index.segment_world import EAGER


class TestMemoryDeltaStore(DeltaStoreContract):
    @pytest.fixture
    def delta(self) -> MemoryDeltaStore:
        return MemoryDeltaStore()


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


class TestSegmentIndex(CandidateIndexContract):
    @pytest.fixture
    def index(self, tmp_path: Path) -> SegmentIndex:
        return SegmentIndex(MemoryDeltaStore(), MemorySegmentStore(), EAGER, cache_dir=tmp_path)


class TestBandIndex(CandidateIndexContract):
    @pytest.fixture
    def index(self) -> BandIndex:
        return BandIndex(MemoryBucketStore())
