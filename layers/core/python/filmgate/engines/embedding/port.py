"""The port to an embedding model, which converts pictures to vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from filmgate.engines.embedding.track import Scale
from filmgate.errors import FilmgateError


class EmbeddingError(FilmgateError):
    """The model, or its output, cannot be used; the message says why."""


class EmbeddingEngine(Protocol):
    """A model of d dimensions. Vectors of engines with different names are never compared."""

    @property
    def name(self) -> str:
        """Name, version, and a digest of everything that the vectors depend on, as one word."""

    @property
    def dimensions(self) -> int: ...

    @property
    def scale(self) -> Scale:
        """The scale of its similarities."""

    def embed(self, frames: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return unit vectors, float32 (n, d), of n RGB pictures, uint8 (h, w, 3), of any size.

        Raises:
            EmbeddingError: the model failed, or did not return vectors of this shape.
        """

    def bias(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how similar each vector is to unrelated pictures: float32 (n,).

        Zeros for a model without a background, see `filmgate.engines.embedding.normalise`.
        """
