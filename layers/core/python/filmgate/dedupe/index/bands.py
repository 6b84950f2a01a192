"""The candidate index over buckets, for libraries that are too large for a scan.

A hash goes into one bucket for each band, named after the bits of the band. Two hashes that agree
on all bits of some band meet in a bucket; as the whole hash lies there, its distance is known
without another read (locality-sensitive hashing by bit sampling: Indyk and Motwani, 1998). Some
copies share no bucket and are missed; README.md has the figures.

Sound goes the same way: two landmarks that are close in time name a bucket together. Embeddings
have no buckets: they are neither stored nor searched here, and count only between assets that
something else brought together.

Of two workers that add, then search, at least one finds the other's: the later of the two ends of
adding comes before that worker's search, and reads are strongly consistent. The exception is a
full bucket, which takes no more members.

Removing an asset writes a tombstone, which every search honours at once. `purge` takes the asset's
members out of their buckets.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from filmgate.arrays import I32, U8, U32, U64, Rows
from filmgate.dedupe.index.port import Candidate, IndexEntry, IndexQuery
from filmgate.dedupe.index.settings import BandSettings
from filmgate.dedupe.index.stores import BucketStore

_SIDE = 16
_BITS = _SIDE * _SIDE
_HASH_BYTES = _BITS // 8
_TIME_BYTES = 4
_SEED = 1
"""Of the choice of bits and crops."""
_REMOVED = b"removed"
"""The member of a tombstone."""
_UPRIGHT = (0, 4)
"""Rows of `filmgate.dedupe.fingerprint.dct.ORIENTATIONS`: as it is, and mirrored."""

Hashes = U8
Votes = defaultdict[str, Counter[int]]


@dataclass
class _Evidence:
    """What a search found, by asset."""

    pictures: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    offsets: Votes = field(default_factory=lambda: defaultdict(Counter))
    same: set[str] = field(default_factory=set)


class BandIndex:
    """`filmgate.dedupe.index.port.CandidateIndex` over a bucket store."""

    def __init__(self, buckets: BucketStore, settings: BandSettings | None = None) -> None:
        self._buckets = buckets
        self._settings = settings or BandSettings()

    def add(self, tenant: str, entry: IndexEntry) -> None:
        """Idempotent; seen by every search that starts after it returned.

        An entry that differs from an earlier one of the same asset goes in beside it.
        Raises TransientError.
        """
        self._buckets.add(tenant, members(entry, self._settings), self._settings.bucket_capacity)
        self._buckets.remove(tenant, {_tombstone(entry.asset_id): {_REMOVED}})

    def search(self, tenant: str, query: IndexQuery, *, limit: int) -> list[Candidate]:
        """At most `limit` candidates, best first, without the query's own asset.

        Raises TransientError.
        """
        candidates = self._candidates(query, self._evidence(tenant, query))
        tombstones = {_tombstone(candidate.asset_id) for candidate in candidates}
        removed = self._buckets.read(tenant, tombstones).keys() if tombstones else set()
        left = [one for one in candidates if _tombstone(one.asset_id) not in removed]
        return sorted(left, key=self._rank)[:limit]

    def remove(self, tenant: str, asset_id: str) -> None:
        """No search that starts after it returned finds the asset, until it is added again.

        Its members stay in their buckets, see `purge`. Raises TransientError.
        """
        tombstone = _tombstone(asset_id)
        self._buckets.add(tenant, {tombstone: _REMOVED}, self._settings.bucket_capacity)

    def purge(self, tenant: str, entry: IndexEntry) -> None:
        """Take everything that `add` put into buckets out of them again.

        Args:
            entry: the entry that was added, under the same settings.

        Raises TransientError.
        """
        written: dict[str, set[bytes]] = {}
        for bucket, member in all_members(entry, self._settings):
            written.setdefault(bucket, set()).add(member)
        self._buckets.remove(tenant, written)

    def compaction_due(self, tenant: str) -> bool:  # noqa: ARG002
        """Buckets are never compacted."""
        return False

    def compact(self, tenant: str) -> int:  # noqa: ARG002
        """Buckets are never compacted."""
        return 0

    def _evidence(self, tenant: str, query: IndexQuery) -> _Evidence:
        """Read all buckets at once."""
        hashes, pictures = self._query_hashes(query)
        rows_of = self._hash_buckets(hashes)
        times = sound_buckets(query.landmarks, query.landmark_times, self._settings)
        same = _same_bytes(query.sha256)
        evidence = _Evidence()
        for name, members in self._buckets.read(tenant, {*rows_of, *times, same}).items():
            if name == same:
                evidence.same |= {member.decode() for member in members}
            elif name in times:
                _vote(members, times[name], evidence.offsets)
            else:
                self._compare(members, hashes, pictures, rows_of[name], evidence.pictures)
        return evidence

    def _query_hashes(self, query: IndexQuery) -> tuple[Hashes, Rows]:
        """The hashes to look up, and the frame or crop of the query that each belongs to."""
        rule, count = self._settings, query.frames.shape[1]
        hashes, pictures = [np.zeros((0, _HASH_BYTES), np.uint8)], [np.zeros(0, np.intp)]
        for variant, frames in enumerate(query.frames):
            most = rule.query_frames if variant in _UPRIGHT else rule.query_rotated_frames
            chosen = spread(count, most)
            hashes.append(frames[chosen])
            pictures.append(chosen)
        crops = spread(len(query.crops), rule.query_crops)
        return (
            np.concatenate([*hashes, query.crops[crops]]),
            np.concatenate([*pictures, count + crops]),
        )

    def _hash_buckets(self, hashes: Hashes) -> dict[str, list[int]]:
        """The rows that fall into each bucket."""
        buckets: dict[str, list[int]] = {}
        for row, names in enumerate(band_buckets(hashes, self._settings)):
            for name in names:
                buckets.setdefault(name, []).append(row)
        return buckets

    def _compare(
        self,
        members: frozenset[bytes],
        hashes: Hashes,
        pictures: Rows,
        rows: list[int],
        hits: defaultdict[str, set[int]],
    ) -> None:
        """Note the query's pictures that are within the radius of a bucket's members."""
        ordered = list(members)
        stored = b"".join(member[:_HASH_BYTES] for member in ordered)
        others = np.frombuffer(stored, np.uint64).reshape(-1, 4)
        own = np.ascontiguousarray(hashes[rows]).view(np.uint64)
        distance = np.bitwise_count(own[:, None] ^ others[None]).sum(axis=2)
        for row, number in zip(*(distance <= self._settings.radius).nonzero(), strict=True):
            asset_id = ordered[number][_HASH_BYTES:].decode()
            hits[asset_id].add(int(pictures[rows[row]]))

    def _candidates(self, query: IndexQuery, evidence: _Evidence) -> list[Candidate]:
        candidates = []
        for asset_id in {*evidence.pictures, *evidence.offsets, *evidence.same} - {query.asset_id}:
            hits = len(evidence.pictures.get(asset_id, ()))
            offsets = evidence.offsets.get(asset_id, Counter())
            # Tempo and rounding spread one true offset over two bins.
            votes = max(
                (count + offsets[offset + 1] for offset, count in list(offsets.items())), default=0
            )
            same = asset_id in evidence.same
            if hits or same or votes >= self._settings.min_votes:
                candidates.append(Candidate(asset_id, hits, votes, same))
        return candidates

    def _rank(self, candidate: Candidate) -> tuple[bool, float, str]:
        """Same bytes first; then one frame counts as much as enough votes to be found by."""
        evidence = candidate.frame_hits + candidate.audio_votes / self._settings.min_votes
        return (not candidate.same_bytes, -evidence, candidate.asset_id)


def members(entry: IndexEntry, settings: BandSettings) -> dict[str, bytes]:
    """What an entry adds to each bucket: one member, however many of its frames fall in.

    A member is a hash and the asset's id, or a time and the asset's id, or the id alone.
    """
    into: dict[str, bytes] = {}
    for bucket, member in all_members(entry, settings):
        into.setdefault(bucket, member)
    return into


def all_members(entry: IndexEntry, settings: BandSettings) -> Iterator[tuple[str, bytes]]:
    """Buckets and members of an entry; the first one of a bucket is the one that is added."""
    name = entry.asset_id.encode()
    yield _same_bytes(entry.sha256), name
    step = 1 if len(entry.frames) <= settings.unthinned_frames else settings.frame_step
    frames = entry.frames[::step]
    most = settings.crops + int(settings.crops_per_frame * len(frames))
    hashes = np.concatenate([frames, entry.crops[spread(len(entry.crops), most)]])
    for row, buckets in zip(hashes, band_buckets(hashes, settings), strict=True):
        for bucket in buckets:
            yield bucket, row.tobytes() + name
    times = sound_buckets(entry.landmarks, entry.landmark_times, settings)
    for bucket, time in times.items():
        yield bucket, time.to_bytes(_TIME_BYTES, "big", signed=True) + name


def band_buckets(hashes: Hashes, settings: BandSettings) -> list[list[str]]:
    """The names of each hash's buckets, one a band.

    Args:
        hashes: uint8 (n, 32).
    """
    plain = np.unpackbits(hashes, axis=1) if len(hashes) else np.zeros((0, _BITS), np.uint8)
    bands = band_bits(settings.bands, settings.band_bits, settings.lowest_frequencies)
    packed = [np.packbits(plain[:, bits], axis=1) for bits in bands]
    return [
        [f"BAND#{band}#{values[row].tobytes().hex()}" for band, values in enumerate(packed)]
        for row in range(len(hashes))
    ]


@lru_cache(maxsize=8)
def band_bits(bands: int, width: int, lowest: int) -> tuple[Rows, ...]:
    """The positions of each band's bits among the 256: `bands` arrays of `width`.

    Drawn from the lowest frequencies like cards from packs shuffled in turn, so that all are used
    about equally often. Never change it: what is stored depends on it. Raises ValueError.
    """
    if not 0 < width <= lowest < _BITS:
        raise ValueError("a band takes from 1 bit to as many as there are, and these are below 256")
    rows, columns = np.divmod(np.arange(_BITS), _SIDE)
    # The first is the mean, which is the same in all hashes.
    pack = np.argsort(rows**2 + columns**2, kind="stable")[1 : lowest + 1]
    # PCG64's bits are the same in every version of numpy; its shuffles need not be.
    source = np.random.PCG64(_SEED)
    drawn: list[int] = []
    chosen = []
    for _ in range(bands):
        taken, drawn = drawn[:width], drawn[width:]
        if len(taken) < width:
            shuffled = pack[np.argsort(source.random_raw(len(pack)), kind="stable")].tolist()
            new = [bit for bit in shuffled if bit not in taken][: width - len(taken)]
            taken, drawn = taken + new, [bit for bit in shuffled if bit not in new]
        chosen.append(np.sort(np.array(taken, dtype=np.intp)))
    return tuple(chosen)


def sound_buckets(landmarks: U32, times: I32, settings: BandSettings) -> dict[str, int]:
    """Buckets of pairs of landmarks close in time, and the first time each occurs, in hops.

    One landmark alone has too few values for a large library: all buckets would be full.
    """
    order = np.lexsort((landmarks, times))
    marks, at = landmarks[order].astype(np.uint64), times[order].astype(np.int64)
    most = np.uint64(int(settings.landmark_pair_share * 0xFFFFFFFF) << 32)
    buckets: dict[str, int] = {}
    for ahead in range(1, min(settings.landmark_fan_out + 1, len(marks))):
        one, other = marks[:-ahead], marks[ahead:]
        mixed = _mixed((np.minimum(one, other) << np.uint64(32)) | np.maximum(one, other))
        chosen = (at[ahead:] - at[:-ahead] <= settings.landmark_pair_hops) & (mixed <= most)
        for value, time in zip(mixed[chosen].tolist(), at[:-ahead][chosen].tolist(), strict=True):
            name = f"SOUND#{value:016x}"
            buckets[name] = min(time, buckets.get(name, time))
    return buckets


def _mixed(values: U64) -> U64:
    """Every bit spread over all others (the finalizer of SplitMix64: Steele et al., 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _vote(members: Iterable[bytes], time: int, offsets: Votes) -> None:
    """Count the offsets of a bucket's members to a time of the query, in hops."""
    for member in members:
        other = int.from_bytes(member[:_TIME_BYTES], "big", signed=True)
        offsets[member[_TIME_BYTES:].decode()][other - time] += 1


def _tombstone(asset_id: str) -> str:
    return f"REMOVED#{asset_id}"


def _same_bytes(sha256: str) -> str:
    return f"SHA#{sha256}"


def spread(count: int, most: int) -> Rows:
    """At most so many numbers below `count`: one at a fixed random place in each equal part.

    Crops come in the same order for every frame, so a fixed step could miss whole kinds of them.
    """
    if count <= most:
        return np.arange(count)
    parts = np.arange(most, dtype=np.uint64)
    within = _mixed(parts + np.uint64(_SEED)) / 2.0**64
    return np.unique(((parts + within) * (count / most)).astype(np.intp))
