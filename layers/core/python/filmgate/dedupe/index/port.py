"""The candidate search that every index implements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from filmgate.arrays import F16, F32, I32, U8, U32, U64

OFFSET_BIN_HOPS = 4
"""Hops of 20 ms in a bin of time offsets, in which landmarks vote for an alignment."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """Embeddings of one asset's pictures.

    Attributes:
        engine: the engine that made them; vectors of two engines are never compared.
        rows: float16 (n, d), unit vectors.
        bias: float32 (n,), see `filmgate.engines.embedding.normalise`.
    """

    engine: str
    rows: F16
    bias: F32


@dataclass(frozen=True, slots=True)
class AudioQuery:
    """The landmarks that copies of one asset's sound may share with it.

    Attributes:
        hashes: uint32 (k,).
        times: int32 (k,), in hops.
        variants: int32 (k,), under 256: the playback variant, such as a higher speed, of each
            landmark. Only landmarks of one variant can agree.
    """

    hashes: U32
    times: I32
    variants: I32


NO_AUDIO = AudioQuery(np.zeros(0, np.uint32), np.zeros(0, np.int32), np.zeros(0, np.int32))


@dataclass(frozen=True, slots=True)
class KeypointCodes:
    """The keypoints of an image, or of some frames of a video, in any order.

    Attributes:
        codes: uint64 (k,), a binary descriptor of each keypoint. The bits that copying flips
            least are the highest: a keypoint is looked up by them.
        positions: float16 (k, 3), x, y and scale, in one unit of length.
    """

    codes: U64
    positions: F16

    @classmethod
    def empty(cls) -> KeypointCodes:
        """The keypoints of an asset without pictures, or with plain ones."""
        return cls(np.zeros(0, np.uint64), np.zeros((0, 3), np.float16))


@dataclass(frozen=True, slots=True)
class KeypointQuery:
    """The keypoints that copies of one asset may share with it.

    Attributes:
        codes, positions: as in `KeypointCodes`.
        margins: uint8 (k, b), how far each of the b highest bits is from flipping, the highest
            first, in any unit; b is at least `IndexSettings.keypoint_key_bits`.
    """

    codes: U64
    positions: F16
    margins: U8


_NO_KEYPOINTS = KeypointCodes.empty()


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """What one asset puts into the index.

    Attributes:
        frames: uint8 (n, 32), packed 256-bit hashes of frames good enough to match.
        crops: uint8 (m, 32), packed hashes of reference crops of some of those frames.
        landmarks: uint32 (k,), audio landmark hashes, thinned for retrieval.
        landmark_times: int32 (k,), their times in hops.
        vectors: None without an embedding engine.
        points: keypoints.
    """

    asset_id: str
    sha256: str
    frames: U8
    crops: U8
    landmarks: U32
    landmark_times: I32
    vectors: Vectors | None = None
    points: KeypointCodes = _NO_KEYPOINTS


@dataclass(frozen=True, slots=True)
class IndexQuery:
    """What an asset searches with.

    Attributes:
        frames: uint8 (v, n, 32): v orientation variants (mirror, turns) of n frame hashes,
            compared with the frames and crops of the indexed assets.
        crops: uint8 (m, 32): compared with the frames and crops of the indexed assets.
        landmarks, landmark_times: those that an entry of this asset has.
        vector_floor: lowest normalised similarity of two vectors that makes a candidate.
        audio: more landmarks, at all playback variants; a scan looks for these.
        points: the keypoints, and those of the mirror image.
    """

    asset_id: str
    sha256: str
    frames: U8
    crops: U8
    landmarks: U32
    landmark_times: I32
    vectors: Vectors | None = None
    vector_floor: float = 1.0
    audio: AudioQuery = NO_AUDIO
    points: tuple[KeypointQuery, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """An asset worth a full comparison.

    Attributes:
        frame_hits: query frames (in any variant) and query crops with a counterpart within the
            radius.
        audio_votes: most landmarks that agree on one time offset, beyond those due to chance.
        same_bytes: the SHA-256 is the same.
        vector_hits: query vectors with a counterpart of the same engine.
        keypoint_votes: most keypoints that agree on one scale and shift.
    """

    asset_id: str
    frame_hits: int
    audio_votes: int
    same_bytes: bool
    vector_hits: int = 0
    keypoint_votes: int = 0


class CandidateIndex(Protocol):
    """One tenant's index. ``add`` then ``search`` from any number of workers finds every pair
    at least once: an entry is visible to every search that starts after ``add`` returned."""

    def add(self, tenant: str, entry: IndexEntry) -> None:
        """Idempotent by asset id."""

    def remove(self, tenant: str, asset_id: str) -> None:
        """No search that starts after this returned finds the asset, until it is added again. An
        ``add`` of the asset that is still running may come after it."""

    def search(self, tenant: str, query: IndexQuery, *, limit: int) -> list[Candidate]:
        """Best first, without the query's own asset."""

    def compaction_due(self, tenant: str) -> bool:
        """Whether ``compact`` has something to do."""

    def compact(self, tenant: str) -> int:
        """Move recent entries into segments and delete removed ones; how many there were."""


class CompactionRequests(Protocol):
    """Asks for compactions that run soon, in another process."""

    def request(self, tenants: Sequence[str]) -> None:
        """Returns before they have begun. Raises TransientError."""
