"""faiss, where it is installed: the two binary indexes that search within a radius exactly."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.common import note

FLAT = "faiss BinaryFlat"
MULTI = "faiss MultiHash"
_TABLES, _TABLE_BITS = 10, 24


def available() -> bool:
    """Says so when it is not."""
    if find_spec("faiss") is None:
        note("faiss is not installed, so it is left out: pip install -e '.[bench]'")
        return False
    return True


class Faiss:
    """One of the two, on one thread."""

    def __init__(self, kind: str, hashes: NDArray[np.uint8]) -> None:
        import faiss

        faiss.omp_set_num_threads(1)
        self._index: Any
        if kind == FLAT:
            self._index = faiss.IndexBinaryFlat(256)
        else:
            # As many tables and bits as there are bands; one bit off is looked for too.
            self._index = faiss.IndexBinaryMultiHash(256, _TABLES, _TABLE_BITS)
            self._index.nflip = 1
        self._index.add(np.ascontiguousarray(hashes))

    def within(self, queries: NDArray[np.uint8], radius: int) -> NDArray[np.int64]:
        """Rows at most so many bits away from any of the queries."""
        # faiss leaves out those at the radius itself.
        _, _, rows = self._index.range_search(np.ascontiguousarray(queries), radius + 1)
        return np.asarray(rows)
