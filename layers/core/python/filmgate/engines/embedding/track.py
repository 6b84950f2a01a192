"""The embedding vectors of one file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Scale:
    """Thresholds for the normalised similarities of a model, which differ from model to model.

    Attributes:
        candidate: minimum for a full comparison of a pair.
        similar: minimum to show a pair to a person; above `candidate`, below 1.
    """

    candidate: float
    similar: float


@dataclass(frozen=True, slots=True)
class EmbeddingTrack:
    """Vectors of n pictures of a file, in order of time.

    Attributes:
        engine: the name of the engine that made them.
        times_s: float32 (n,), seconds.
        vectors: float16 (n, d), of unit length but for rounding.
        bias: float32 (n,), see `filmgate.engines.embedding.normalise`. Kept so that comparing
            needs neither the model nor its background.
        scale: of the engine, kept for the same reason.
    """

    engine: str
    times_s: NDArray[np.float32]
    vectors: NDArray[np.float16]
    bias: NDArray[np.float32]
    scale: Scale
