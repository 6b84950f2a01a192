"""Assets for the segment index, its stores with a hook, and its answers made by hand."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.index.port import (
    AudioQuery,
    Candidate,
    IndexEntry,
    IndexQuery,
    KeypointCodes,
    KeypointQuery,
)
from filmgate.dedupe.index.settings import IndexSettings
from filmgate.dedupe.index.stores import DeltaItem, DeltaKey, Manifest
from tests.memory import MemoryDeltaStore, MemorySegmentStore

TENANT = "t"

EAGER = IndexSettings(compact_entries=1, fanout=2, hot_landmarks=40, hot_query_landmarks=6)


class Store:
    """Both stores in one, with a hook before each call."""

    def __init__(self) -> None:
        self.delta = MemoryDeltaStore()
        self._segments = MemorySegmentStore()
        self.bodies = self._segments.bodies
        self.hook: Callable[[], None] = lambda: None

    def tenants(self) -> list[str]:
        return self.delta.tenants()

    def next_sequence(self, tenant: str) -> int:
        self.hook()
        return self.delta.next_sequence(tenant)

    def put(self, tenant: str, item: DeltaItem | str, body: bytes = b"") -> None:
        self.hook()
        if isinstance(item, str):
            self._segments.put(tenant, item, body)
        else:
            self.delta.put(tenant, item)

    def remove(self, tenant: str, keys: str | Sequence[DeltaKey]) -> None:
        if isinstance(keys, str):
            self.hook()
            self._segments.remove(tenant, keys)
            return
        for key in keys:
            self.hook()
            self.delta.remove(tenant, [key])

    def keys(self, tenant: str) -> list[DeltaKey]:
        self.hook()
        return self.delta.keys(tenant)

    def read(self, tenant: str, keys: Sequence[DeltaKey]) -> list[DeltaItem]:
        self.hook()
        return self.delta.read(tenant, keys)

    def manifest(self, tenant: str) -> Manifest:
        self.hook()
        return self.delta.manifest(tenant)

    def replace_manifest(self, tenant: str, manifest: Manifest) -> None:
        self.hook()
        self.delta.replace_manifest(tenant, manifest)

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


def keypoints(count: int, rng: np.random.Generator) -> KeypointCodes:
    """Strewn over a picture, each unlike the others."""
    positions = np.column_stack([rng.uniform(0, 1, (count, 2)), rng.uniform(0.01, 0.05, count)])
    return KeypointCodes(
        rng.integers(0, 2**63, count, np.uint64) << np.uint64(1), positions.astype(np.float16)
    )


class World:
    """Assets that share pictures, keypoints and sounds in all degrees, from one seed."""

    def __init__(self, seed: int, assets: int = 8) -> None:
        rng = np.random.default_rng(seed)
        pool = rng.integers(0, 256, (6, 32), dtype=np.uint8)
        tunes = rng.integers(0, 50, (3, 30)).astype(np.uint32)
        scenes = [keypoints(12, rng) for _ in range(3)]
        self.entries = [self._entry(f"a{i}", pool, tunes, scenes, rng) for i in range(assets)]

    @staticmethod
    def _hashes(pool: NDArray[np.uint8], count: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        picked = pool[rng.integers(0, len(pool), count)]
        for i in range(count):
            picked[i : i + 1] = flipped(picked[i : i + 1], int(rng.choice([0, 10, 24, 60])), rng)
        return picked

    @staticmethod
    def _points(scenes: Sequence[KeypointCodes], rng: np.random.Generator) -> KeypointCodes:
        """Some of a scene's, moved together, some of them so disturbed that they are lost."""
        scene = scenes[int(rng.integers(len(scenes)))]
        kept = rng.permutation(len(scene.codes))[: int(rng.choice([0, 2, 6, 12]))]
        bits = [rng.permutation(63)[: int(rng.choice([0, 3, 20]))] for _ in kept]
        flips = np.array([sum(2 << int(bit) for bit in some) for some in bits], np.uint64)
        shift = np.array([*rng.uniform(0, 0.5, 2), 0])
        positions = (scene.positions[kept] + shift).astype(np.float16)
        return KeypointCodes(scene.codes[kept] ^ flips, positions)

    def _entry(
        self,
        name: str,
        pool: NDArray[np.uint8],
        tunes: NDArray[np.uint32],
        scenes: Sequence[KeypointCodes],
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
            points=self._points(scenes, rng),
        )


def query_of(entry: IndexEntry) -> IndexQuery:
    """Its frames and keypoints as they are and inverted, and its sound as it is and slower, so that
    there is more than one variant of each."""
    times = entry.landmark_times
    variants = np.repeat(np.arange(2, dtype=np.int32), len(times))
    return IndexQuery(
        entry.asset_id,
        entry.sha256,
        np.stack([~entry.frames, entry.frames]),
        entry.crops,
        entry.landmarks,
        times,
        audio=AudioQuery(np.tile(entry.landmarks, 2), np.concatenate([times, times * 2]), variants),
        points=tuple(
            KeypointQuery(codes, entry.points.positions, np.ones((len(codes), 63), np.uint8))
            for codes in (~entry.points.codes, entry.points.codes)
        ),
    )


def distance(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> int:
    return int(np.unpackbits(a ^ b).sum())


def votes_of(
    entry: IndexEntry,
    query: IndexQuery,
    variant: int,
    positions: Mapping[int, int],
    rule: IndexSettings,
) -> int:
    """Landmarks in the fullest two bins of four hops, beyond what the others bring by chance."""
    landmarks = [
        (int(mark), int(time))
        for mark, time, how in zip(
            query.audio.hashes, query.audio.times, query.audio.variants, strict=True
        )
        if how == variant
    ]
    asked = Counter(mark for mark, _ in landmarks)
    bins = Counter(
        (int(there) - here) // 4
        for mark, here in landmarks
        for other, there in zip(entry.landmarks, entry.landmark_times, strict=True)
        if mark == other
        and positions[mark] <= rule.hot_landmarks
        and asked[mark] <= rule.hot_query_landmarks
    )
    most = 0
    for at in bins:
        together = bins[at] + bins.get(at + 1, 0)
        width = max(max(bins) - min(bins) + 1, 100)
        mean = 2 * (bins.total() - together) / width
        most = max(most, math.floor(together - mean - 2 * math.sqrt(mean)))
    return most


def keypoint_votes_of(points: KeypointCodes, query: KeypointQuery, rule: IndexSettings) -> int:
    """The most keypoints that lie where one shift puts the query's, none of them used twice.

    For points that were moved by less than 0.01 each, or by another shift altogether.
    """
    pairs = [
        (mine, theirs, points.positions[theirs] - query.positions[mine])
        for mine, code in enumerate(query.codes)
        for theirs, other in enumerate(points.codes)
        if int(code ^ other).bit_count() <= rule.keypoint_radius
    ]
    most = 0
    for _, _, shift in pairs:
        agree = [(m, t) for m, t, moved in pairs if np.abs(moved - shift).max() < 0.01]
        most = max(most, min(len({pair[side] for pair in agree}) for side in range(2)))
    return most if most >= rule.min_keypoint_votes else 0


def by_hand(
    entries: Sequence[IndexEntry], query: IndexQuery, rule: IndexSettings
) -> set[Candidate]:
    """Every pair looked at, one by one."""
    positions = Counter(int(h) for entry in entries for h in entry.landmarks)
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
        votes = max(votes_of(entry, query, variant, positions, rule) for variant in range(2))
        keypoint_votes = max(
            keypoint_votes_of(entry.points, points, rule) for points in query.points
        )
        same = entry.sha256 == query.sha256
        seen = hits >= rule.min_frame_hits or keypoint_votes >= rule.min_keypoint_votes
        if same or seen or votes >= rule.min_audio_votes:
            found.add(Candidate(entry.asset_id, hits, votes, same, keypoint_votes=keypoint_votes))
    return found
