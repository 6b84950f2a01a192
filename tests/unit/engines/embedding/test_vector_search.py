"""Vectors in the index: kept by every compaction, and every pair within the floor found."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filmgate.dedupe.index.bands import BandIndex
from filmgate.dedupe.index.port import Candidate, IndexEntry, IndexQuery, Vectors
from filmgate.dedupe.index.segment import Segment, delta_entry, delta_item
from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.dedupe.index.settings import IndexSettings
from tests.memory import MemoryBucketStore, MemoryDeltaStore, MemorySegmentStore
from tests.unit.engines.embedding.tracks import entry, query, units

TENANT = "acme"
ENGINES = {"tiny/1": 4, "tiny/2": 4, "wide/1": 6}
"""Name to dimensions."""


def drawn(rng: np.random.Generator, engine: str, count: int) -> Vectors:
    rows = units(rng, count, ENGINES[engine]).astype(np.float16)
    return Vectors(engine, rows, rng.uniform(0, 0.4, count).astype(np.float32))


def library(rng: np.random.Generator, assets: int = 12) -> list[IndexEntry]:
    entries = []
    for number in range(assets):
        engine = str(rng.choice([*ENGINES, "none"]))
        vectors = None if engine == "none" else drawn(rng, engine, int(rng.integers(1, 5)))
        entries.append(entry(f"a{number}", vectors))
    return entries


def by_hand(entries: Sequence[IndexEntry], asked: IndexQuery) -> set[Candidate]:
    """Every pair of vectors looked at, one by one."""
    found = set()
    assert asked.vectors is not None
    for other in entries:
        if other.vectors is None or other.vectors.engine != asked.vectors.engine:
            continue
        hits = 0
        for row, bias in zip(asked.vectors.rows, asked.vectors.bias, strict=True):
            hits += any(
                np.float32(row.astype(np.float32) @ there.astype(np.float32))
                - (bias + there_bias) / 2
                >= asked.vector_floor
                for there, there_bias in zip(other.vectors.rows, other.vectors.bias, strict=True)
            )
        if hits:
            found.add(Candidate(other.asset_id, 0, 0, False, hits))
    return found


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    engine=st.sampled_from(sorted(ENGINES)),
    floor=st.floats(-0.4, 0.9),
    compacted_after=st.integers(0, 12),
)
def test_search_equals_looking_at_every_vector(
    seed: int, engine: str, floor: float, compacted_after: int
) -> None:
    rng = np.random.default_rng(seed)
    entries = library(rng)
    asked = query("q", drawn(rng, engine, 3), floor)
    with tempfile.TemporaryDirectory() as folder:
        eager = IndexSettings(compact_entries=1)
        index = SegmentIndex(
            MemoryDeltaStore(), MemorySegmentStore(), eager, cache_dir=Path(folder)
        )
        for number, one in enumerate(entries):
            if number == compacted_after:
                index.compact(TENANT)
            index.add(TENANT, one)
        found = index.search(TENANT, asked, limit=99)
    assert set(found) == by_hand(entries, asked)
    assert [c.vector_hits for c in found] == sorted((c.vector_hits for c in found), reverse=True)


def test_a_model_that_finds_everything_keeps_nothing_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    vectors = drawn(rng, "tiny/1", 16)
    frame = rng.integers(0, 256, (1, 32), dtype=np.uint8)
    index = SegmentIndex(MemoryDeltaStore(), MemorySegmentStore(), cache_dir=tmp_path)
    for number in range(9):
        index.add(TENANT, entry(f"a{number}", vectors))
    index.add(TENANT, dataclasses.replace(entry("copy", None), frames=frame))
    asked = dataclasses.replace(query("q", vectors, -1.0), frames=frame[None])
    assert index.search(TENANT, asked, limit=1) == [Candidate("copy", 1, 0, False)]


def same(one: Vectors | None, other: Vectors | None) -> bool:
    if one is None or other is None:
        return one is other
    return (
        one.engine == other.engine
        and np.array_equal(one.rows, other.rows)
        and np.array_equal(one.bias, other.bias)
    )


def test_a_segment_gives_back_the_vectors_of_each_entry() -> None:
    entries = library(np.random.default_rng(3))
    segment = Segment.read(Segment.of(entries).to_bytes())
    assert len({one.vectors.engine for one in entries if one.vectors}) == len(ENGINES)
    for one, back in zip(entries, segment.entries(), strict=True):
        assert same(one.vectors, back.vectors)
        assert same(one.vectors, delta_entry(delta_item(one, 1)).vectors)


def test_a_segment_without_vectors_is_the_same_bytes_as_ever() -> None:
    """Those written before there were embeddings are read, and new ones are no larger."""
    segment = Segment.of([entry("a", None), entry("b", None)])
    assert b"vectors" not in segment.to_bytes()
    assert Segment.read(segment.to_bytes()).vectors == ()


def test_long_segments_are_scanned_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("filmgate.dedupe.index.vectors._BLOCK_BYTES", 64)
    test_search_equals_looking_at_every_vector()


def test_bands_neither_keep_nor_search_vectors() -> None:
    rng = np.random.default_rng(1)
    vectors = drawn(rng, "tiny/1", 2)
    index = BandIndex(MemoryBucketStore())
    index.add(TENANT, entry("a", vectors))
    assert index.search(TENANT, query("q", vectors, -1.0), limit=9) == []
