"""The index in bands finds every pair that agrees in a band, and says what it costs to ask."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint.dct import ORIENTATIONS
from filmgate.dedupe.index.bands import BandIndex, band_bits, members, spread
from filmgate.dedupe.index.port import Candidate, IndexEntry, IndexQuery
from filmgate.dedupe.index.settings import BandSettings
from tests.memory import MemoryBucketStore
from tests.unit.dedupe.index.segment_world import World, flipped

TENANT = "t"
NO_HASHES = np.zeros((0, 32), np.uint8)
NO_MARKS = np.zeros(0, np.uint32)
WHOLE = BandSettings(landmark_pair_share=1.0, bucket_capacity=1000)
"""Nothing is thinned at the sizes of these tests."""


def entry_of(
    name: str, frames: NDArray[np.uint8], crops: NDArray[np.uint8] = NO_HASHES
) -> IndexEntry:
    sha256 = np.frombuffer(name.encode().ljust(32), np.uint8).tobytes().hex()
    return IndexEntry(name, sha256, frames, crops, NO_MARKS, NO_MARKS.view(np.int32))


def query_of(entry: IndexEntry, turned: NDArray[np.uint8] | None = None) -> IndexQuery:
    """Eight orientations: all noise but the first, and the third when it is given."""
    noise = np.random.default_rng(len(entry.frames)).integers(
        0, 256, (8, *entry.frames.shape), dtype=np.uint8
    )
    noise[0] = entry.frames
    if turned is not None:
        noise[0], noise[2] = noise[1], turned
    return IndexQuery(
        entry.asset_id, entry.sha256, noise, entry.crops, entry.landmarks, entry.landmark_times
    )


def agree(one: NDArray[np.uint8], other: NDArray[np.uint8], rule: BandSettings) -> bool:
    """Near, and the same in all bits of some band."""
    differ = np.unpackbits(one ^ other)
    bands = band_bits(rule.bands, rule.band_bits, rule.lowest_frequencies)
    return bool(differ.sum() <= rule.radius) and any(not differ[bits].any() for bits in bands)


def pairs_of(entry: IndexEntry, rule: BandSettings) -> dict[tuple[int, int], int]:
    """Pairs of landmark values near in time, with the first time of each."""
    found: dict[tuple[int, int], int] = {}
    marks = sorted(zip(entry.landmark_times.tolist(), entry.landmarks.tolist(), strict=True))
    for i, j in itertools.combinations(range(len(marks)), 2):
        if j - i <= rule.landmark_fan_out and marks[j][0] - marks[i][0] <= rule.landmark_pair_hops:
            low, high = sorted((marks[i][1], marks[j][1]))
            found[low, high] = min(marks[i][0], found.get((low, high), marks[i][0]))
    return found


def by_hand(
    entries: Sequence[IndexEntry], query: IndexQuery, asked: IndexEntry, rule: BandSettings
) -> set[Candidate]:
    """The search as it is said to be, every pair looked at one by one."""
    found = set()
    for entry in entries:
        if entry.asset_id == query.asset_id:
            continue
        there = [*entry.frames, *entry.crops]
        hits = sum(
            any(agree(query.frames[v, i], other, rule) for v in range(8) for other in there)
            for i in range(query.frames.shape[1])
        )
        hits += sum(any(agree(crop, other, rule) for other in there) for crop in query.crops)
        ours, theirs = pairs_of(asked, rule), pairs_of(entry, rule)
        offsets = Counter(theirs[pair] - ours[pair] for pair in ours.keys() & theirs.keys())
        votes = max((offsets[o] + offsets[o + 1] for o in list(offsets)), default=0)
        same = entry.sha256 == query.sha256
        if hits or same or votes >= rule.min_votes:
            found.add(Candidate(entry.asset_id, hits, votes, same))
    return found


@given(seed=st.integers(0, 2**32), asked=st.integers(0, 7), twice=st.sets(st.integers(0, 7)))
@settings(max_examples=60, deadline=None)
def test_search_equals_looking_at_every_pair_that_agrees_in_a_band(
    seed: int, asked: int, twice: set[int]
) -> None:
    entries = World(seed).entries
    store = MemoryBucketStore()
    index = BandIndex(store, WHOLE)
    for i, entry in enumerate(entries):
        for _ in range(1 + (i in twice)):
            index.add(TENANT, entry)
    one = entries[asked]
    query = query_of(one)
    found = index.search(TENANT, query, limit=100)
    expected = by_hand(entries, query, one, WHOLE)
    # A bucket holds one frame of an asset, so of several in one bucket the others may go unseen.
    assert {candidate.asset_id for candidate in found} <= {c.asset_id for c in expected}
    by_name = {candidate.asset_id: candidate for candidate in expected}
    for candidate in found:
        wanted = by_name[candidate.asset_id]
        assert candidate.audio_votes == wanted.audio_votes
        assert candidate.same_bytes == wanted.same_bytes
        assert candidate.frame_hits <= wanted.frame_hits
    alone = [entry for entry in entries if len(entry.frames) + len(entry.crops) == 1]
    assert {c.asset_id for c in expected} & {e.asset_id for e in alone} <= {
        c.asset_id for c in found
    }


@given(seed=st.integers(0, 2**32), bits=st.sampled_from([0, 8, 31, 60, 90]))
@settings(max_examples=60, deadline=None)
def test_one_picture_is_found_exactly_when_a_band_agrees(seed: int, bits: int) -> None:
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (1, 32), dtype=np.uint8)
    copy = flipped(picture.copy(), bits, rng)
    index = BandIndex(MemoryBucketStore())
    index.add(TENANT, entry_of("source", picture))
    found = index.search(TENANT, query_of(entry_of("copy", copy)), limit=5)
    assert bool(found) == agree(picture[0], copy[0], BandSettings())


def test_what_agrees_in_all_bits_of_the_lowest_frequencies_is_always_found() -> None:
    rng = np.random.default_rng(3)
    rule = BandSettings()
    low = np.unique(np.concatenate(band_bits(rule.bands, rule.band_bits, rule.lowest_frequencies)))
    assert len(low) == rule.lowest_frequencies
    high = np.setdiff1d(np.arange(256), low)
    index = BandIndex(MemoryBucketStore())
    for i in range(20):
        picture = rng.integers(0, 256, (1, 32), dtype=np.uint8)
        plain = np.unpackbits(picture, axis=1)
        plain[0, rng.choice(high, rule.radius, replace=False)] ^= 1
        index.add(TENANT, entry_of(f"a{i}", picture))
        found = index.search(TENANT, query_of(entry_of("q", np.packbits(plain, axis=1))), limit=5)
        assert found == [Candidate(f"a{i}", 1, 0, False)]


def test_turned_pictures_and_crops_are_asked_for_too() -> None:
    rng = np.random.default_rng(5)
    frames, other = rng.integers(0, 256, (2, 12, 32), dtype=np.uint8)
    store = MemoryBucketStore()
    index = BandIndex(store)
    index.add(TENANT, entry_of("source", frames))
    index.add(TENANT, entry_of("other", other))
    turned = query_of(entry_of("q", other[:6], crops=other[6:7]), turned=frames[:6])
    before = store.reads
    assert set(index.search(TENANT, turned, limit=5)) == {
        Candidate("source", 6, 0, False),
        Candidate("other", 1, 0, False),
    }
    # Seven unlike orientations of six frames, a crop, in ten bands; the bucket of the bytes; and
    # the tombstones that the two candidates might have.
    assert store.reads - before == (7 * 6 + 1) * 10 + 1 + 2


def test_the_upright_orientations_are_those_of_the_fingerprint() -> None:
    assert ORIENTATIONS[0] == (False, 0)
    assert ORIENTATIONS[4] == (True, 0)


def test_a_long_film_costs_a_bounded_number_of_reads_and_writes() -> None:
    rng = np.random.default_rng(6)
    frames = rng.integers(0, 256, (4000, 32), dtype=np.uint8)
    crops = rng.integers(0, 256, (72_000, 32), dtype=np.uint8)
    store = MemoryBucketStore()
    index = BandIndex(store)
    film = entry_of("film", frames, crops)
    index.add(TENANT, film)
    rule = BandSettings()
    assert store.writes <= rule.bands * (2000 + 48 + 1000) + 1
    index.search(TENANT, query_of(entry_of("q", frames[:240] ^ np.uint8(255), crops)), limit=5)
    assert store.reads <= rule.bands * (2 * 60 + 6 * 20 + 48) + 1


def test_a_frame_that_stays_fills_each_bucket_once() -> None:
    frames = np.repeat(np.random.default_rng(7).integers(0, 256, (1, 32), dtype=np.uint8), 30, 0)
    assert len(members(entry_of("a", frames), BandSettings())) == BandSettings().bands + 1


def test_a_full_bucket_keeps_what_it_has() -> None:
    frames = np.random.default_rng(8).integers(0, 256, (1, 32), dtype=np.uint8)
    rule = BandSettings(bucket_capacity=3)
    index = BandIndex(MemoryBucketStore(), rule)
    for i in range(5):
        index.add(TENANT, entry_of(f"a{i}", frames))
    found = index.search(TENANT, query_of(entry_of("a4", frames)), limit=9)
    assert {candidate.asset_id for candidate in found} == {"a0", "a1", "a2"}


def test_sound_is_found_at_its_offset() -> None:
    rng = np.random.default_rng(9)
    marks = rng.integers(0, 2**21, 1440).astype(np.uint32)
    times = np.sort(rng.integers(0, 3000, 1440)).astype(np.int32)
    index = BandIndex(MemoryBucketStore())
    index.add(TENANT, IndexEntry("song", "0" * 64, NO_HASHES, NO_HASHES, marks, times))
    empty = np.zeros((8, 0, 32), np.uint8)
    part = IndexQuery("q", "1" * 64, empty, NO_HASHES, marks[400:900], times[400:900] - 777)
    (found,) = index.search(TENANT, part, limit=5)
    assert found.asset_id == "song"
    assert found.audio_votes > 20
    shuffled = IndexQuery("q", "1" * 64, empty, NO_HASHES, rng.permutation(marks), times)
    assert index.search(TENANT, shuffled, limit=5) == []


def test_the_same_bytes_are_found_without_any_hash_and_first() -> None:
    rng = np.random.default_rng(10)
    frames = rng.integers(0, 256, (3, 32), dtype=np.uint8)
    index = BandIndex(MemoryBucketStore())
    index.add(TENANT, entry_of("similar", frames))
    index.add(
        TENANT,
        IndexEntry("same", "7" * 64, NO_HASHES, NO_HASHES, NO_MARKS, NO_MARKS.view(np.int32)),
    )
    asked = IndexQuery("q", "7" * 64, frames[None], NO_HASHES, NO_MARKS, NO_MARKS.view(np.int32))
    assert index.search(TENANT, asked, limit=5) == [
        Candidate("same", 0, 0, True),
        Candidate("similar", 3, 0, False),
    ]
    assert index.search(TENANT, asked, limit=1) == [Candidate("same", 0, 0, True)]
    assert index.search("another", asked, limit=5) == []
    assert index.compact(TENANT) == 0


def test_the_bands_are_what_is_stored_already() -> None:
    """Other bits would hide all that is in the buckets."""
    bands = band_bits(10, 24, 64)
    assert [len(bits) for bits in bands] == [24] * 10
    places = bytes(place for bits in bands for place in bits.tolist())
    assert hashlib.sha256(places).hexdigest()[:16] == "04e8dde12dfa6821"
    counts = np.bincount(np.concatenate(bands), minlength=256)
    assert counts.max() - counts[counts > 0].min() <= 1
    assert counts[0] == 0


def test_impossible_bands_are_refused() -> None:
    for bands in ((10, 65, 64), (10, 0, 64), (10, 24, 256)):
        with pytest.raises(ValueError, match="band"):
            band_bits(*bands)


@given(count=st.integers(0, 5000), most=st.integers(1, 500))
def test_thinning_is_even(count: int, most: int) -> None:
    chosen = spread(count, most)
    assert min(count, most) * 0.5 <= len(chosen) <= most
    assert np.all(np.diff(chosen) > 0)
    if len(chosen):
        assert 0 <= chosen[0] <= chosen[-1] < count
        assert np.diff(chosen, prepend=-1, append=count).max() <= 2 * max(count / most, 1) + 1


def test_thinning_meets_nearly_every_kind_of_crop() -> None:
    for kinds in (32, 34, 36, 37, 41):
        assert len(np.unique(spread(30 * kinds, 3 * kinds) % kinds)) > 0.85 * kinds


def test_purging_leaves_nothing_of_an_asset() -> None:
    rng = np.random.default_rng(9)
    frames, crops = rng.integers(0, 256, (2, 40, 32), dtype=np.uint8)
    marks = np.arange(60, dtype=np.uint32)
    store = MemoryBucketStore()
    index = BandIndex(store)
    gone = replace(
        entry_of("gone", np.concatenate([frames, frames]), crops),
        landmarks=marks,
        landmark_times=marks.view(np.int32),
    )
    index.add(TENANT, entry_of("stays", frames))
    before = store.members()
    index.add(TENANT, gone)
    assert store.members() > before
    index.purge(TENANT, gone)
    assert store.members() == before
    index.purge(TENANT, gone)
    assert store.members() == before
