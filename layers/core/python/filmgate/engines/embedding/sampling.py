"""Which pictures of a file become vectors: few, whatever its length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from filmgate.engines.embedding.port import EmbeddingEngine
from filmgate.engines.embedding.track import EmbeddingTrack
from filmgate.media.model import Frame

MOST_PICTURES = 16
"""Vectors of a file. Each is read by every search, so they are what a library's search costs."""
_GAP_S = 2.0
"""Seconds between kept pictures, until there are too many."""


class Sampler:
    """Keeps pictures about evenly over a file whose length need not be known.

    One in `_GAP_S` seconds; when there are twice too many, every other one goes and the gap
    doubles. So at most 2 * MOST_PICTURES small pictures are in memory.
    """

    def __init__(self) -> None:
        self._gap_s = _GAP_S
        self._kept: list[Frame] = []

    def see(self, frame: Frame) -> None:
        """Take the next picture, in order of time."""
        if self._kept and frame.time_s - self._kept[-1].time_s < self._gap_s - 1e-3:
            return
        self._kept.append(frame)
        if len(self._kept) > 2 * MOST_PICTURES:
            self._kept = self._kept[::2]
            self._gap_s *= 2

    def chosen(self, usable: NDArray[np.float32]) -> list[Frame]:
        """At most MOST_PICTURES of what was seen, evenly.

        Args:
            usable: float32 (m,), times of the pictures that show enough to be told apart. All
                flat pictures are alike to a model, and none says anything.
        """
        times = np.array([frame.time_s for frame in self._kept], dtype=np.float32)
        frames = [self._kept[row] for row in np.flatnonzero(np.isin(times, usable))]
        if len(frames) <= MOST_PICTURES:
            return frames
        rows = np.linspace(0, len(frames) - 1, MOST_PICTURES).round().astype(int)
        return [frames[row] for row in rows]


def embedded(engine: EmbeddingEngine, frames: Sequence[Frame]) -> EmbeddingTrack | None:
    """The vectors of some pictures, in order of time; None where there are none.

    Raises:
        EmbeddingError: the engine failed.
    """
    if not frames:
        return None
    vectors = engine.embed([frame.rgb for frame in frames])
    return EmbeddingTrack(
        engine=engine.name,
        times_s=np.array([frame.time_s for frame in frames], dtype=np.float32),
        vectors=vectors.astype(np.float16),
        bias=engine.bias(vectors),
        scale=engine.scale,
    )
