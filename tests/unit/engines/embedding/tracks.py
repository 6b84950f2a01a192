"""Embedding tracks and index entries of random content."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.index.port import IndexEntry, IndexQuery, Vectors
from filmgate.engines.embedding.track import EmbeddingTrack, Scale

SCALE = Scale(candidate=0.5, similar=0.7)
NO_HASHES = np.zeros((0, 32), dtype=np.uint8)
NO_MARKS = np.zeros(0, dtype=np.uint32)


def units(rng: np.random.Generator, count: int, dimensions: int) -> NDArray[np.float32]:
    """Unit vectors, float32 (n, d)."""
    drawn = rng.normal(size=(count, dimensions))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


def track(
    vectors: NDArray[np.float32], engine: str = "tiny/1", bias: float = 0.0
) -> EmbeddingTrack:
    count = len(vectors)
    return EmbeddingTrack(
        engine=engine,
        times_s=np.arange(count, dtype=np.float32),
        vectors=vectors.astype(np.float16),
        bias=np.full(count, bias, dtype=np.float32),
        scale=SCALE,
    )


def entry(name: str, vectors: Vectors | None) -> IndexEntry:
    """An asset that nothing but its vectors can bring up."""
    sha256 = name.encode().hex().ljust(64, "0")
    return IndexEntry(
        name, sha256, NO_HASHES, NO_HASHES, NO_MARKS, NO_MARKS.view(np.int32), vectors
    )


def query(name: str, vectors: Vectors | None, floor: float) -> IndexQuery:
    return IndexQuery(
        name,
        "f" * 64,
        NO_HASHES[None],
        NO_HASHES,
        NO_MARKS,
        NO_MARKS.view(np.int32),
        vectors,
        floor,
    )
