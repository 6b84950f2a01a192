"""The segment index finds what looking at everything finds, whatever compaction does meanwhile."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from filmgate.errors import NotFound, TransientError
from filmgate.index.port import Candidate, IndexEntry, IndexQuery
from filmgate.index.segment import fresh_item
from filmgate.index.segments import SegmentIndex
from filmgate.index.settings import IndexSettings
from filmgate.index.stores import FreshItem, FreshKey, Manifest
from tests.memory import MemoryFreshStore, MemorySegmentStore

TENANT = "t"
EAGER = IndexSettings(fold_entries=1, fanout=2, hot_landmarks=40, hot_query_landmarks=6)


class WorkerDiedError(Exception):
    """A worker that was killed."""


class Store:
    """Both stores in one, with a hook before each call."""

    def __init__(self) -> None:
        self._fresh = MemoryFreshStore()
        self._segments = MemorySegmentStore()
        self.bodies = self._segments.bodies
        self.hook: Callable[[], None] = lambda: None

    def tenants(self) -> list[str]:
        return self._fresh.tenants()

    def put(self, tenant: str, item: FreshItem | str, body: bytes = b"") -> None:
        self.hook()
        if isinstance(item, str):
            self._segments.put(tenant, item, body)
        else:
            self._fresh.put(tenant, item)

    def remove(self, tenant: str, keys: str | Iterable[FreshKey]) -> None:
        if isinstance(keys, str):
            self.hook()
            self._segments.remove(tenant, keys)
            return
        for key in keys:
            self.hook()
            self._fresh.remove(tenant, [key])

    def read(self, tenant: str) -> list[FreshItem]:
        self.hook()
        return self._fresh.read(tenant)

    def manifest(self, tenant: str) -> Manifest:
        self.hook()
        return self._fresh.manifest(tenant)

    def replace_manifest(self, tenant: str, manifest: Manifest) -> None:
        self.hook()
        self._fresh.replace_manifest(tenant, manifest)

    def fetch(self, tenant: str, segment_id: str, target: Path) -> None:
        self.hook()
        self._segments.fetch(tenant, segment_id, target)

    def list(self, tenant: str) -> list[tuple[str, datetime]]:
        return self._segments.list(tenant)


def flipped(hashes: NDArray[np.uint8], bits: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The hashes, each with so many bits turned."""
    plain = np.unpackbits(hashes, axis=-1)
    for row in plain.reshape(-1, 256):
        row[rng.choice(256, bits, replace=False)] ^= 1
    return np.packbits(plain, axis=-1)


class World:
    """Assets that share pictures and sounds in all degrees, from one seed."""

    def __init__(self, seed: int, assets: int = 8) -> None:
        rng = np.random.default_rng(seed)
        pool = rng.integers(0, 256, (6, 32), dtype=np.uint8)
        tunes = rng.integers(0, 50, (3, 30)).astype(np.uint32)
        self.entries = [self._entry(f"a{i}", pool, tunes, rng) for i in range(assets)]

    @staticmethod
    def _hashes(pool: NDArray[np.uint8], count: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        picked = pool[rng.integers(0, len(pool), count)]
        for i in range(count):
            picked[i : i + 1] = flipped(picked[i : i + 1], int(rng.choice([0, 10, 24, 60])), rng)
        return picked

    def _entry(
        self,
        name: str,
        pool: NDArray[np.uint8],
        tunes: NDArray[np.uint32],
        rng: np.random.Generator,
    ) -> IndexEntry:
        marks = int(rng.choice([0, 5, 30]))
        tune = tunes[int(rng.integers(len(tunes)))][:marks]
        return IndexEntry(
            asset_id=name,
            sha256=f"{int(rng.integers(3)):064x}",
            frames=self._hashes(pool, int(rng.integers(0, 5)), rng),
            crops=self._hashes(pool, int(rng.integers(0, 4)), rng),
            landmarks=tune,
            landmark_times=(np.arange(marks) * 3 + int(rng.integers(0, 50))).astype(np.int32),
        )


def query_of(entry: IndexEntry) -> IndexQuery:
    """Its frames as they are and inverted, so that there is more than one variant."""
    return IndexQuery(
        entry.asset_id,
        entry.sha256,
        np.stack([~entry.frames, entry.frames]),
        entry.crops,
        entry.landmarks,
        entry.landmark_times,
    )


def distance(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> int:
    return int(np.unpackbits(a ^ b).sum())


def by_hand(
    entries: Sequence[IndexEntry], query: IndexQuery, rule: IndexSettings
) -> set[Candidate]:
    """Every pair looked at, one by one."""
    places = Counter(int(h) for entry in entries for h in entry.landmarks)
    asked = Counter(int(h) for h in query.landmarks)
    found = set()
    for entry in entries:
        if entry.asset_id == query.asset_id:
            continue
        hits = 0
        for i in range(query.frames.shape[1]):
            variants = [query.frames[v, i] for v in range(len(query.frames))]
            hits += any(
                distance(frame, other) <= radius
                for frame in variants
                for others, radius in (
                    (entry.frames, rule.frame_radius),
                    (entry.crops, rule.crop_radius),
                )
                for other in others
            )
        for crop in query.crops:
            hits += any(
                distance(crop, other) <= radius
                for others, radius in (
                    (entry.frames, rule.crop_radius),
                    (entry.crops, rule.strip_radius),
                )
                for other in others
            )
        offsets = Counter(
            int(there) - int(here)
            for mark, here in zip(query.landmarks, query.landmark_times, strict=True)
            for other, there in zip(entry.landmarks, entry.landmark_times, strict=True)
            if mark == other
            and places[int(mark)] <= rule.hot_landmarks
            and asked[int(mark)] <= rule.hot_query_landmarks
        )
        votes = max((offsets[o] + offsets[o + 1] for o in list(offsets)), default=0)
        same = entry.sha256 == query.sha256
        if same or hits >= rule.min_frame_hits or votes >= rule.min_audio_votes:
            found.add(Candidate(entry.asset_id, hits, votes, same))
    return found


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@given(seed=st.integers(0, 2**32), folds=st.sets(st.integers(0, 7)), query=st.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_search_equals_looking_at_everything(seed: int, folds: set[int], query: int) -> None:
    world, store = World(seed), Store()
    with tempfile.TemporaryDirectory() as folder:
        index = SegmentIndex(store, store, EAGER, cache_dir=Path(folder))
        for i, entry in enumerate(world.entries):
            index.add(TENANT, entry)
            if i in folds:
                assert index.compact(TENANT) >= 1
        asked = query_of(world.entries[query])
        found = index.search(TENANT, asked, limit=100)
        assert set(found) == by_hand(world.entries, asked, EAGER)
        assert len(found) == len(set(found))


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
        assert store.read(TENANT) == []
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
    frames = np.random.default_rng(1).integers(0, 256, (3, 32), dtype=np.uint8)
    none, times = np.zeros(0, np.uint32), np.zeros(0, np.int32)
    store = Store()
    found: dict[str, set[str]] = {}
    with tempfile.TemporaryDirectory() as folder:

        def machine(name: str) -> SegmentIndex:
            return SegmentIndex(store, store, EAGER, cache_dir=Path(folder) / name)

        def worker(name: str) -> None:
            entry = IndexEntry(name, name * 64, frames, frames[:0], none, times)
            index = machine(name)
            index.add(TENANT, entry)
            found[name] = {
                candidate.asset_id for candidate in index.search(TENANT, query_of(entry), limit=5)
            }

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
    assert "b" in found["a"] or "a" in found["b"]


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


def test_the_cache_keeps_to_its_size(cache_dir: Path) -> None:
    store = Store()
    big = max(len(fresh_item(entry).body) for entry in World(4).entries)
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
