"""What searching embeddings costs: the exact scan of a segment's vectors, by one file's vectors.

The vectors are random: a scan looks at each of them whatever they hold. No model takes part.
"""

from __future__ import annotations

import statistics
import time
from functools import partial

import numpy as np

from filmgate.embedding.sampling import MOST
from filmgate.index.packing import pack, unpack
from filmgate.index.port import IndexQuery, Vectors
from filmgate.index.vectors import VectorBlock, from_arrays, hits, to_arrays
from tests.benchmarks.common import Result, Sheet, machine, parser, publish, timed

_ROUNDS = 5
_SEED = 1
_FLOOR = 0.5


def main() -> None:
    words = parser(__doc__)
    words.add_argument("--vectors", type=int, default=200_000, help="in the segment")
    words.add_argument("--dimensions", type=int, default=512)
    chosen = words.parse_args()
    begun = time.perf_counter()
    count, dimensions = chosen.vectors, chosen.dimensions
    rng = np.random.default_rng(_SEED)
    block = VectorBlock(
        engine="random/1",
        rows=(rng.standard_normal((count, dimensions), np.float32) / dimensions**0.5).astype("f2"),
        bias=np.zeros(count, dtype=np.float32),
        owners=(np.arange(count) // MOST).astype(np.int32),
    )
    packed = pack(to_arrays((block,)))
    blocks, _ = from_arrays(unpack(packed))
    rows = []
    for asked in (1, MOST):
        query = _query(Vectors("random/1", block.rows[:asked], block.bias[:asked]))
        taken = [timed(partial(hits, blocks, query, count)) for _ in range(_ROUNDS + 1)]
        wall, cpu = (
            statistics.median(getattr(run, name) for run in taken[1:])
            for name in ("wall_s", "cpu_s")
        )
        rows.append((asked, wall, cpu, cpu / count * 1e9, len(packed) / count))
    sheet = Sheet(
        f"Exact scan of {count:,} vectors of {dimensions} dimensions",
        ("vectors asked", "s", "CPU s", "CPU ns a vector", "bytes a vector"),
        tuple(rows),
        ("An image has one vector, a film at most 16.",),
    )
    figures: dict[str, object] = {"vectors": count, "dimensions": dimensions, "rows": rows}
    publish(Result("vectors", (sheet,), figures, time.perf_counter() - begun, machine()))


def _query(vectors: Vectors) -> IndexQuery:
    none = np.zeros((0, 32), dtype=np.uint8)
    marks = np.zeros(0, dtype=np.uint32)
    return IndexQuery("q", "0" * 64, none[None], none, marks, marks.view(np.int32), vectors, _FLOOR)


if __name__ == "__main__":
    main()
