"""Whatever happens at the same time, and whoever dies of it, hides nothing from a search."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filmgate.dedupe.index.port import Candidate, IndexEntry
from filmgate.dedupe.index.segment import Segment
from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.errors import TransientError
from tests.unit.dedupe.index.segment_world import (
    EAGER,
    TENANT,
    Store,
    World,
    by_hand,
    keypoints,
    query_of,
)


class WorkerDiedError(Exception):
    """A worker that was killed."""


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@given(
    seed=st.integers(0, 2**32),
    dies=st.lists(st.integers(0, 12), max_size=4),
    again=st.lists(st.integers(0, 7), max_size=3),
)
@settings(max_examples=60, deadline=None)
def test_compaction_that_dies_anywhere_changes_nothing(
    seed: int, dies: list[int], again: list[int]
) -> None:
    rule = EAGER.model_copy(update={"hot_landmarks": 10_000})
    world, store = World(seed), Store()
    with tempfile.TemporaryDirectory() as folder:
        index = SegmentIndex(store, store, rule, cache_dir=Path(folder))
        for entry in world.entries:
            index.add(TENANT, entry)
        asked = query_of(world.entries[0])
        expected = index.search(TENANT, asked, limit=100)
        for steps in dies:
            store.hook = dying_after(steps)
            with suppress(WorkerDiedError):
                index.compact(TENANT)
            store.hook = lambda: None
            assert index.search(TENANT, asked, limit=100) == expected
            for i in again:
                index.add(TENANT, world.entries[i])
            assert index.search(TENANT, asked, limit=100) == expected
        index.compact(TENANT)
        index.compact(TENANT)
        assert store.keys(TENANT) == []
        assert index.search(TENANT, asked, limit=100) == expected


def dying_after(steps: int) -> Callable[[], None]:
    left = iter(range(steps))

    def hook() -> None:
        if next(left, None) is None:
            raise WorkerDiedError

    return hook


class Turns:
    """Runs workers in threads, one storage call at a time, in the order a plan gives."""

    def __init__(self, store: Store, plan: Iterable[int]) -> None:
        self._plan = iter(plan)
        self._go: dict[int, threading.Semaphore] = {}
        self._back = threading.Semaphore(0)
        self._me = threading.local()
        store.hook = self._pause

    def run(self, workers: Sequence[Callable[[], None]]) -> None:
        """Returns when all have ended; raises what one of them raised."""
        with ThreadPoolExecutor(len(workers)) as pool:
            self._go = {number: threading.Semaphore(0) for number in range(len(workers))}
            ends = {n: pool.submit(self._work, n, worker) for n, worker in enumerate(workers)}
            alive = sorted(ends)
            while alive:
                chosen = alive[next(self._plan, 0) % len(alive)]
                self._go[chosen].release()
                self._back.acquire()
                alive = [n for n in alive if n in self._go]
            for end in ends.values():
                end.result()

    def _work(self, number: int, worker: Callable[[], None]) -> None:
        self._me.number = number
        self._go[number].acquire()
        try:
            worker()
        finally:
            del self._go[number]
            self._back.release()

    def _pause(self) -> None:
        self._back.release()
        self._go[self._me.number].acquire()


@given(plan=st.lists(st.integers(0, 3), max_size=60))
@settings(max_examples=150, deadline=None)
def test_two_that_arrive_together_find_each_other(plan: list[int]) -> None:
    """Two workers and two compactions, their storage calls in any order."""
    rng = np.random.default_rng(1)
    frames = rng.integers(0, 256, (3, 32), dtype=np.uint8)
    none, times = np.zeros(0, np.uint32), np.zeros(0, np.int32)
    points = keypoints(9, rng)
    store = Store()
    found: dict[str, list[Candidate]] = {}
    with tempfile.TemporaryDirectory() as folder:

        def machine(name: str) -> SegmentIndex:
            return SegmentIndex(store, store, EAGER, cache_dir=Path(folder) / name)

        def worker(name: str) -> None:
            entry = IndexEntry(name, name * 64, frames, frames[:0], none, times, points=points)
            index = machine(name)
            index.add(TENANT, entry)
            found[name] = index.search(TENANT, query_of(entry), limit=5)

        def compaction(name: str) -> None:
            index = machine(name)
            index.compact(TENANT)
            index.compact(TENANT)

        Turns(store, plan).run(
            [
                lambda: worker("a"),
                lambda: worker("b"),
                lambda: compaction("c"),
                lambda: compaction("d"),
            ]
        )
    whole = [[Candidate(name, 3, 0, False, keypoint_votes=9)] for name in ("b", "a")]
    assert found["a"] == whole[0] or found["b"] == whole[1]
    assert found["a"] in ([], whole[0]) and found["b"] in ([], whole[1])


@pytest.mark.parametrize("step", range(8))
def test_compaction_in_the_middle_of_a_search_hides_nothing(cache_dir: Path, step: int) -> None:
    store, world = Store(), World(11)
    index = SegmentIndex(store, store, EAGER, cache_dir=cache_dir / "1")
    other = SegmentIndex(store, store, EAGER, cache_dir=cache_dir / "2")
    for entry in world.entries[:4]:
        index.add(TENANT, entry)
    index.compact(TENANT)
    for entry in world.entries[4:]:
        index.add(TENANT, entry)
    calls = iter(range(step))

    def hook() -> None:
        if next(calls, None) is None:
            store.hook = lambda: None
            other.compact(TENANT)

    store.hook = hook
    asked = query_of(world.entries[0])
    assert set(index.search(TENANT, asked, limit=50)) == by_hand(world.entries, asked, EAGER)


def test_a_search_outlives_the_segments_it_began_with(cache_dir: Path) -> None:
    store = Store()
    writer = SegmentIndex(store, store, EAGER, cache_dir=cache_dir / "1")
    reader = SegmentIndex(store, store, EAGER, cache_dir=cache_dir / "2")
    world = World(7)
    for entry in world.entries[:4]:
        writer.add(TENANT, entry)
        writer.compact(TENANT)
    first = store.manifest(TENANT).segments[0].id
    stored = store.bodies.pop((TENANT, first))

    def give_back() -> None:
        store.hook = lambda: None
        store.bodies[TENANT, first] = stored

    with pytest.raises(TransientError):
        reader.search(TENANT, query_of(world.entries[0]), limit=5)
    calls = iter(range(5))
    store.hook = lambda: give_back() if next(calls, None) is None else None
    found = reader.search(TENANT, query_of(world.entries[0]), limit=5)
    assert set(found) == by_hand(world.entries[:4], query_of(world.entries[0]), EAGER)


@given(plan=st.lists(st.integers(0, 4), max_size=90), compacted=st.booleans())
@settings(max_examples=100, deadline=None)
def test_a_removed_asset_stays_hidden_whatever_compaction_does(
    plan: list[int], compacted: bool
) -> None:
    """A removal and a search after it, two compactions, and another asset that is added."""
    world, store = World(11), Store()
    asked = query_of(world.entries[0])
    with tempfile.TemporaryDirectory() as folder:

        def machine(name: str) -> SegmentIndex:
            return SegmentIndex(store, store, EAGER, cache_dir=Path(folder) / name)

        first = machine("first")
        for entry in world.entries[:4]:
            first.add(TENANT, entry)
            if compacted:
                first.compact(TENANT)
        reader = machine("reader")
        reader.search(TENANT, asked, limit=50)  # so that its cache knows the asset
        found: list[Candidate] = []

        def remove_and_search() -> None:
            reader.remove(TENANT, "a1")
            for _ in range(2):
                found.extend(reader.search(TENANT, asked, limit=50))

        def compaction(name: str) -> None:
            index = machine(name)
            for _ in range(3):
                index.compact(TENANT)

        Turns(store, plan).run(
            [
                remove_and_search,
                lambda: compaction("c"),
                lambda: compaction("d"),
                lambda: machine("e").add(TENANT, world.entries[4]),
            ]
        )
        store.hook = lambda: None
        assert "a1" not in {candidate.asset_id for candidate in found}
        for _ in range(3):
            first.compact(TENANT)
        assert store.keys(TENANT) == []
        live = [info.id for info in store.manifest(TENANT).segments]
        rows = [one for name in live for one in Segment.read(store.bodies[TENANT, name][0]).ids]
        assert sorted(rows) == [b"a0", b"a2", b"a3", b"a4"]
        first.add(TENANT, world.entries[1])
        left = world.entries[:5]
        assert set(first.search(TENANT, asked, limit=50)) == by_hand(left, asked, EAGER)


@given(
    dies=st.lists(st.integers(0, 14), min_size=1, max_size=4),
    again=st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_compaction_that_dies_anywhere_brings_no_removed_asset_back(
    dies: list[int], again: bool
) -> None:
    world, store = World(11), Store()
    asked = query_of(world.entries[0])
    rule = EAGER.model_copy(update={"hot_landmarks": 10_000})
    with tempfile.TemporaryDirectory() as folder:
        index = SegmentIndex(store, store, rule, cache_dir=Path(folder))
        for entry in world.entries[:4]:
            index.add(TENANT, entry)
        index.compact(TENANT)
        for entry in world.entries[4:]:
            index.add(TENANT, entry)
        index.remove(TENANT, "a1")
        index.remove(TENANT, "a5")
        if again:
            index.add(TENANT, world.entries[5])
        gone = {"a1"} if again else {"a1", "a5"}
        left = [entry for entry in world.entries if entry.asset_id not in gone]
        expected = by_hand(left, asked, rule)
        for steps in dies:
            store.hook = dying_after(steps)
            with suppress(WorkerDiedError):
                index.compact(TENANT)
            store.hook = lambda: None
            assert set(index.search(TENANT, asked, limit=50)) == expected
        for _ in range(3):
            index.compact(TENANT)
        assert store.keys(TENANT) == []
        assert set(index.search(TENANT, asked, limit=50)) == expected
