"""The candidate search that every index implements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Vectors:
    """Embeddings of one asset's pictures.

    Attributes:
        engine: what made them; those of another are never compared with them.
        rows: float16 (n, d), unit vectors.
        bias: float32 (n,), see `filmgate.engines.embedding.normalise`.
    """

    engine: str
    rows: NDArray[np.float16]
    bias: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SoughtSound:
    """The landmarks that copies of one asset's sound may have kept.

    Attributes:
        hashes: uint32 (k,).
        times: int32 (k,), in hops.
        playings: int32 (k,), under 256: landmarks of one way of playing the sound, such as
            faster, have a number in common. Only those can agree.
    """

    hashes: NDArray[np.uint32]
    times: NDArray[np.int32]
    playings: NDArray[np.int32]


NO_SOUND = SoughtSound(np.zeros(0, np.uint32), np.zeros(0, np.int32), np.zeros(0, np.int32))


@dataclass(frozen=True, slots=True)
class Points:
    """The keypoints of an image, or of some frames of a film, in any order.

    Attributes:
        words: uint64 (k,), bits of each keypoint's surroundings. Those that copying flips least
            are the highest: a keypoint is looked up by them.
        places: float16 (k, 3), x, y and scale, in units of one length.
    """

    words: NDArray[np.uint64]
    places: NDArray[np.float16]

    @classmethod
    def none(cls) -> Points:
        """Of what has no pictures, or plain ones."""
        return cls(np.zeros(0, np.uint64), np.zeros((0, 3), np.float16))


@dataclass(frozen=True, slots=True)
class SoughtPoints:
    """The keypoints that copies of one asset may have kept.

    Attributes:
        words, places: as in `Points`.
        margins: uint8 (k, b), how far each of the b highest bits is from flipping, the highest
            first, in any unit; b is at least `IndexSettings.point_key_bits`.
    """

    words: NDArray[np.uint64]
    places: NDArray[np.float16]
    margins: NDArray[np.uint8]


_NO_POINTS = Points.none()


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """What one asset puts into the index.

    Attributes:
        frames: uint8 (n, 32), packed 256-bit hashes of frames good enough to match.
        crops: uint8 (m, 32), packed hashes of reference crops of some of those frames.
        landmarks: uint32 (k,), audio landmark hashes, thinned for retrieval.
        landmark_times: int32 (k,), their times in hops.
        vectors: None where no embedding engine was there.
    """

    asset_id: str
    sha256: str
    frames: NDArray[np.uint8]
    crops: NDArray[np.uint8]
    landmarks: NDArray[np.uint32]
    landmark_times: NDArray[np.int32]
    vectors: Vectors | None = None
    points: Points = _NO_POINTS


@dataclass(frozen=True, slots=True)
class IndexQuery:
    """What is searched for.

    Attributes:
        frames: uint8 (v, n, 32): v orientation variants (mirror, turns) of n frame hashes,
            compared with the frames and crops of the indexed assets.
        crops: uint8 (m, 32): compared with the frames of the indexed assets.
        landmarks, landmark_times: those an entry of this asset would have.
        vector_floor: lowest normalised similarity of two vectors that makes a candidate.
        sought: more landmarks, and those of the sound played otherwise; what is scanned for.
        points: the keypoints, and those of the mirror image.
    """

    asset_id: str
    sha256: str
    frames: NDArray[np.uint8]
    crops: NDArray[np.uint8]
    landmarks: NDArray[np.uint32]
    landmark_times: NDArray[np.int32]
    vectors: Vectors | None = None
    vector_floor: float = 1.0
    sought: SoughtSound = NO_SOUND
    points: tuple[SoughtPoints, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """An asset worth a full comparison.

    Attributes:
        frame_hits: query frames (in any variant) and query crops with a counterpart within the
            radius.
        audio_votes: most landmarks that agree on one time offset, beyond what chance brings.
        same_bytes: the SHA-256 is the same.
        vector_hits: query vectors with a counterpart of the same engine.
        point_votes: most keypoints that agree on one scale and shift.
    """

    asset_id: str
    frame_hits: int
    audio_votes: int
    same_bytes: bool
    vector_hits: int = 0
    point_votes: int = 0


class CandidateIndex(Protocol):
    """One tenant's index. ``add`` then ``search`` from any number of workers finds every pair
    at least once: an entry is visible to every search that starts after ``add`` returned."""

    def add(self, tenant: str, entry: IndexEntry) -> None:
        """Idempotent by asset id."""

    def search(self, tenant: str, query: IndexQuery, *, limit: int) -> list[Candidate]:
        """Best first, without the query's own asset."""

    def compact(self, tenant: str) -> int:
        """Fold fresh entries into segments; returns how many were folded."""
