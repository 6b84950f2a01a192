"""Fresh entries become segments, and those stay few."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from filmgate.index.segments import SegmentIndex
from filmgate.index.settings import IndexSettings
from filmgate.index.stores import Manifest
from tests.unit.index.segment_world import (
    EAGER,
    TENANT,
    Store,
    World,
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


def test_few_fresh_entries_are_left_alone(cache_dir: Path) -> None:
    store = Store()
    index = SegmentIndex(store, store, IndexSettings(fold_entries=5), cache_dir=cache_dir)
    for entry in World(2).entries[:4]:
        index.add(TENANT, entry)
    assert index.compact(TENANT) == 0
    assert store.manifest(TENANT) == Manifest()
