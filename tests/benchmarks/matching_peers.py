"""What matching is measured against, on the same files.

- Averaged pHash: one 64-bit pHash (imagehash) every half second; the score of two files is 1 less
  the mean distance of the hashes with the same number, over 64.
- PDQ: one hash a second as in the fingerprint; the score is the share of the query's frames of
  quality 50 and more that have a counterpart within 31 bits, as vPDQ defines it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.media.model import Frame

PDQ_RADIUS = 31
PDQ_QUALITY = 50
_GAP_S = 0.5


class FrameHasher:
    """Takes a file's frames as they are decoded."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._hashes: list[int] = []

    def take(self, frame: Frame) -> None:
        """Hash it, unless the one before was less than half a second earlier."""
        import imagehash
        from PIL import Image

        if self._last is not None and frame.time_s - self._last < _GAP_S - 1e-3:
            return
        self._last = frame.time_s
        bits = imagehash.phash(Image.fromarray(frame.rgb)).hash
        self._hashes.append(int.from_bytes(np.packbits(bits).tobytes(), "big"))

    def hashes(self) -> NDArray[np.uint64]:
        """uint64 (n,), in order of time."""
        return np.array(self._hashes, dtype=np.uint64)


def phash_score(query: NDArray[np.uint64], reference: NDArray[np.uint64]) -> float:
    """0..1; 0 where one side has no pictures."""
    shared = min(len(query), len(reference))
    if not shared:
        return 0.0
    distance = np.bitwise_count(query[:shared] ^ reference[:shared]).mean()
    return 1 - float(distance) / 64


def pdq_hashes(fingerprint: Fingerprint) -> NDArray[np.uint64]:
    """PDQ hashes of frames good enough, uint64 (n, 4)."""
    good = [bytes.fromhex(word) for _, word, quality in fingerprint.pdq if quality >= PDQ_QUALITY]
    return np.frombuffer(b"".join(good), dtype=np.uint64).reshape(-1, 4)


def pdq_score(query: NDArray[np.uint64], reference: NDArray[np.uint64]) -> float:
    """Share of the query's hashes with a counterpart, 0..1."""
    if not len(query) or not len(reference):
        return 0.0
    distances = np.bitwise_count(query[:, None] ^ reference[None]).sum(axis=2)
    return float((distances.min(axis=1) <= PDQ_RADIUS).mean())
