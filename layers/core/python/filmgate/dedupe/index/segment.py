"""Many index entries as packed arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filmgate.arrays import U8
from filmgate.dedupe.index.packing import PackingError, pack, unpack
from filmgate.dedupe.index.port import IndexEntry, KeypointCodes
from filmgate.dedupe.index.stores import DeltaItem, DeltaKey
from filmgate.dedupe.index.vectors import Blocks, blocks_of, from_arrays, to_arrays, vectors_of

SCHEMA = 1
"""The number of the set of arrays that a segment holds. Raised only when an older reader could not
read the result. An array may be added without that: it goes into `_DEFAULTS`, and readers that do
not know it leave it out."""
_OLDEST_SCHEMA = 1
"""The oldest schema that is still read."""
CODES_PER_HASH = 4
"""A 256-bit hash is four uint64."""


def binary_codes(hashes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Packed hashes, uint8 (n, 32), as uint64 (4, n): row k holds the k-th code of each hash."""
    flat = np.ascontiguousarray(hashes).view(np.uint64).reshape(-1, CODES_PER_HASH)
    return np.ascontiguousarray(flat.T)


def packed_hashes(codes: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """The inverse of `binary_codes`."""
    return np.ascontiguousarray(codes.T).view(np.uint8).reshape(-1, 8 * CODES_PER_HASH)


@dataclass(frozen=True, slots=True)
class Segment:
    """Entries of e assets. Immutable; the arrays may be views of a mapped file.

    Attributes:
        ids: bytes (e,), asset ids in ASCII.
        sha256: uint8 (e, 32).
        frames: uint64 (4, n), see `binary_codes`; entry i owns columns frame_offsets[i] to [i + 1].
        frame_offsets: int64 (e + 1,).
        crops, crop_offsets: the same for reference crops.
        landmarks: uint32 (k,), in rising order.
        landmark_times: int32 (k,), in hops.
        landmark_owners: int32 (k,), the entry each landmark belongs to.
        keypoint_codes: uint64 (p,), in rising order.
        keypoint_positions: float16 (p, 3).
        keypoint_owners: int32 (p,), the entry each keypoint belongs to.
        sequences: int64 (e,), when each entry was added: see `DeltaKey`.
        vectors: embeddings, by engine.
    """

    ids: NDArray[np.bytes_]
    sha256: NDArray[np.uint8]
    frames: NDArray[np.uint64]
    frame_offsets: NDArray[np.int64]
    crops: NDArray[np.uint64]
    crop_offsets: NDArray[np.int64]
    landmarks: NDArray[np.uint32]
    landmark_times: NDArray[np.int32]
    landmark_owners: NDArray[np.int32]
    keypoint_codes: NDArray[np.uint64]
    keypoint_positions: NDArray[np.float16]
    keypoint_owners: NDArray[np.int32]
    sequences: NDArray[np.int64]
    vectors: Blocks = ()

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(cls, entries: Sequence[IndexEntry], sequences: Sequence[int] | None = None) -> Segment:
        """Pack entries, one per asset; without sequences they count as the oldest."""
        landmarks = _joined([entry.landmarks for entry in entries], np.uint32)
        owners = _owners([len(entry.landmarks) for entry in entries])
        order = np.argsort(landmarks, kind="stable")
        points = _joined([entry.points.codes for entry in entries], np.uint64)
        keypoint_owners = _owners([len(entry.points.codes) for entry in entries])
        rising = np.argsort(points, kind="stable")
        return cls(
            ids=np.array([entry.asset_id.encode() for entry in entries], dtype=np.bytes_),
            sha256=_joined([_sha_bytes(entry.sha256) for entry in entries], np.uint8, 32),
            frames=binary_codes(_joined([entry.frames for entry in entries], np.uint8, 32)),
            frame_offsets=_offsets([len(entry.frames) for entry in entries]),
            crops=binary_codes(_joined([entry.crops for entry in entries], np.uint8, 32)),
            crop_offsets=_offsets([len(entry.crops) for entry in entries]),
            landmarks=landmarks[order],
            landmark_times=_joined([entry.landmark_times for entry in entries], np.int32)[order],
            landmark_owners=owners[order],
            keypoint_codes=points[rising],
            keypoint_positions=_joined(
                [entry.points.positions for entry in entries], np.float16, 3
            )[rising],
            keypoint_owners=keypoint_owners[rising],
            sequences=np.array(sequences or [0] * len(entries), dtype=np.int64),
            vectors=blocks_of([entry.vectors for entry in entries]),
        )

    @classmethod
    def read(cls, block: bytes | U8) -> Segment:
        """From `to_bytes`, without a copy.

        Raises:
            PackingError: damaged, or of a schema that this version cannot read.
        """
        arrays, schema = unpack(block)
        _check_schema(schema)
        vectors, others = from_arrays(arrays)
        try:
            ids = others["ids"]
            names = [field.name for field in fields(cls) if field.name != "vectors"]
            values = {name: others.get(name) for name in names}
            values["ids"] = ids.view(f"S{ids.shape[1]}").reshape(-1)
        except (LookupError, ValueError) as error:
            raise PackingError("this index segment is damaged: its ids cannot be read") from error
        for name, default in _DEFAULTS.items():
            if values[name] is None:
                values[name] = default(len(ids))
        missing = sorted(name for name, array in values.items() if array is None)
        if missing:
            raise PackingError(f"this index segment is damaged: it lacks {', '.join(missing)}")
        return cls(vectors=vectors, **values)  # type: ignore[arg-type]  # none is None any more

    def to_bytes(self) -> bytes:
        """What `read` takes."""
        arrays: dict[str, NDArray[Any]] = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name != "vectors"
        }
        arrays["ids"] = self.ids.view(np.uint8).reshape(len(self), self.ids.itemsize)
        return pack(arrays | to_arrays(self.vectors), SCHEMA)

    def removed_rows(self, removals: Mapping[str, int]) -> NDArray[np.bool_]:
        """Which entries were added before their asset was removed: bool (e,).

        Args:
            removals: the sequence of the latest removal of each asset.
        """
        removed = np.zeros(len(self), dtype=np.bool_)
        if not removals:
            return removed
        names = np.array([name.encode() for name in removals], dtype=np.bytes_)
        for row in np.flatnonzero(np.isin(self.ids, names)).tolist():
            removed[row] = self.sequences[row] < removals[self.asset_id(row)]
        return removed

    def entries(self) -> Iterator[IndexEntry]:
        """The entries, with landmarks ordered by hash and keypoints by code."""
        landmarks, points = _by_owner(self.landmark_owners), _by_owner(self.keypoint_owners)
        for i in range(len(self)):
            landmark_rows, keypoint_rows = landmarks(i), points(i)
            yield IndexEntry(
                asset_id=self.asset_id(i),
                sha256=self.sha256[i].tobytes().hex(),
                frames=packed_hashes(
                    self.frames[:, self.frame_offsets[i] : self.frame_offsets[i + 1]]
                ),
                crops=packed_hashes(self.crops[:, self.crop_offsets[i] : self.crop_offsets[i + 1]]),
                landmarks=self.landmarks[landmark_rows],
                landmark_times=self.landmark_times[landmark_rows],
                points=KeypointCodes(
                    self.keypoint_codes[keypoint_rows], self.keypoint_positions[keypoint_rows]
                ),
                vectors=vectors_of(self.vectors, i),
            )

    def asset_id(self, entry: int) -> str:
        """The asset of an entry."""
        return bytes(self.ids[entry]).decode()


def _check_schema(found: int) -> None:
    if found > SCHEMA:
        raise PackingError(
            f"this part of the index has schema {found}, and this version of Filmgate reads up to"
            f" {SCHEMA}: deploy the version that wrote it, or a later one"
        )
    if found < _OLDEST_SCHEMA:
        raise PackingError(
            f"this part of the index has schema {found}, which is no longer read: compact the index"
            " with a version of Filmgate that reads both, or index the files again"
        )


_DEFAULTS: dict[str, Callable[[int], NDArray[Any]]] = {
    "sequences": lambda entries: np.zeros(entries, dtype=np.int64),
}
"""Arrays that a segment may lack, and their values for so many entries."""


def delta_item(entry: IndexEntry, sequence: int) -> DeltaItem:
    """An entry as it is stored until compaction moves it into a segment."""
    body = Segment.of([entry], [sequence]).to_bytes()
    digest = hashlib.blake2b(body, digest_size=8).hexdigest()
    return DeltaItem(DeltaKey(sequence, entry.asset_id, digest, len(body)), body)


def delta_entry(item: DeltaItem) -> IndexEntry:
    """The entry in a delta item. Raises PackingError."""
    return next(Segment.read(item.body).entries())


def _sha_bytes(sha256: str) -> NDArray[np.uint8]:
    return np.frombuffer(bytes.fromhex(sha256), dtype=np.uint8).reshape(1, 32)


def _joined(parts: list[NDArray[Any]], dtype: type[Any], width: int = 0) -> NDArray[Any]:
    empty = np.zeros((0, width) if width else (0,), dtype=dtype)
    return np.concatenate([empty, *parts]).astype(dtype, copy=False)


def _owners(counts: list[int]) -> NDArray[np.int32]:
    return np.repeat(np.arange(len(counts), dtype=np.int32), counts)


def _by_owner(owners: NDArray[np.int32]) -> Callable[[int], NDArray[np.intp]]:
    """A function from an entry to the rows that it owns, in their order."""
    order = np.argsort(owners, kind="stable")
    sorted_owners = owners[order]

    def rows(entry: int) -> NDArray[np.intp]:
        low, high = np.searchsorted(sorted_owners, [entry, entry + 1])
        return order[low:high]

    return rows


def _offsets(counts: list[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)
