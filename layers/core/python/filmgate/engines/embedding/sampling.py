"""Choose the pictures of a file that are embedded: a few, however long the file is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from filmgate.engines.embedding.port import EmbeddingEngine
from filmgate.engines.embedding.track import EmbeddingTrack
from filmgate.media.model import Frame

MOST_PICTURES = 16
"""Maximum number of vectors of a file. Every search reads every vector of the library."""
_GAP_S = 2.0
"""Initial interval between sampled pictures, in seconds."""


class Sampler:
    """Samples pictures about evenly over a file of unknown length.

    It takes one picture in `_GAP_S` seconds. At twice the maximum number, it drops every other
    picture and doubles the interval, so at most 2 * MOST_PICTURES small pictures are in memory.
    """

    def __init__(self) -> None:
        self._gap_s = _GAP_S
        self._frames: list[Frame] = []

    def see(self, frame: Frame) -> None:
        """Process the next picture; pictures must come in order of time."""
        if self._frames and frame.time_s - self._frames[-1].time_s < self._gap_s - 1e-3:
            return
        self._frames.append(frame)
        if len(self._frames) > 2 * MOST_PICTURES:
            self._frames = self._frames[::2]
            self._gap_s *= 2

    def chosen(self, usable: NDArray[np.float32]) -> list[Frame]:
        """Return at most MOST_PICTURES of the sampled pictures, evenly spaced.

        Args:
            usable: float32 (m,), times of the pictures with enough detail to be distinguished. Flat
                pictures all look alike to a model.
        """
        times = np.array([frame.time_s for frame in self._frames], dtype=np.float32)
        frames = [self._frames[row] for row in np.flatnonzero(np.isin(times, usable))]
        if len(frames) <= MOST_PICTURES:
            return frames
        rows = np.linspace(0, len(frames) - 1, MOST_PICTURES).round().astype(int)
        return [frames[row] for row in rows]


def embedded(engine: EmbeddingEngine, frames: Sequence[Frame]) -> EmbeddingTrack | None:
    """Return the vectors of pictures, in order of time; None without pictures.

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
