"""What embeddings cost: opening a model, a picture's vector, and the exact scan of a segment's.

Model and vectors are random: neither the runtime nor the scan does less for it. It says nothing of
what a model finds.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from filmgate.dedupe.index.packing import pack, unpack
from filmgate.dedupe.index.port import IndexQuery, Vectors
from filmgate.dedupe.index.vectors import VectorBlock, from_arrays, hits, to_arrays
from filmgate.engines.embedding.onnx import open_engine
from filmgate.engines.embedding.sampling import MOST_PICTURES
from tests.benchmarks.common import (
    Cell,
    Figure,
    Result,
    Sheet,
    Timed,
    machine,
    parser,
    publish,
    timed,
)
from tests.benchmarks.vectors_model import SIDE, install

_ROUNDS = 5
_SEED = 1
_FLOOR = 0.5


def main() -> None:
    words = parser(__doc__)
    words.add_argument("--pictures", type=int, default=16, help="given to the model")
    words.add_argument("--vectors", type=int, default=200_000, help="in the segment")
    words.add_argument("--dimensions", type=int, default=512)
    chosen = words.parse_args()
    begun = time.perf_counter()
    model, model_figures = _model(chosen.pictures)
    scan, scan_figures = _scan(chosen.vectors, chosen.dimensions)
    seconds = time.perf_counter() - begun
    figures = (*model_figures, *scan_figures)
    publish(Result("vectors", (model, scan), figures, seconds=seconds, machine=machine()))


def _model(pictures: int) -> tuple[Sheet, list[Figure]]:
    frames = list(np.random.default_rng(_SEED).integers(0, 256, (pictures, 144, 256, 3), np.uint8))
    with tempfile.TemporaryDirectory() as folder:
        manifest = install(Path(folder))
        opened = [timed(partial(open_engine, manifest)) for _ in range(_ROUNDS + 1)]
        engine = open_engine(manifest)
        taken = [timed(partial(engine.embed, frames)) for _ in range(_ROUNDS + 1)]
        size = (manifest.parent / "model.onnx").stat().st_size / 1e6
    work = (("opening it", opened, 1), ("a picture", taken, pictures))
    rows: list[tuple[Cell, ...]] = [
        (name, *(cost / count for cost in _middle(runs))) for name, runs, count in work
    ]
    figures = [
        Figure("vectors.random_model.opening", _middle(opened)[1], "cpu_s"),
        Figure("vectors.random_model.picture", _middle(taken)[1] / pictures, "cpu_s"),
    ]
    sheet = Sheet(
        f"A model like ResNet-50 at {SIDE} pixels, {size:.0f} MB",
        ("", "s", "CPU s"),
        tuple(rows),
        ("Opening reads and checks the file, and tries one picture.",),
    )
    return sheet, figures


def _scan(count: int, dimensions: int) -> tuple[Sheet, list[Figure]]:
    rng = np.random.default_rng(_SEED)
    block = VectorBlock(
        engine="random/1",
        rows=(rng.standard_normal((count, dimensions), np.float32) / dimensions**0.5).astype("f2"),
        bias=np.zeros(count, dtype=np.float32),
        owners=(np.arange(count) // MOST_PICTURES).astype(np.int32),
    )
    packed = pack(to_arrays((block,)), 1)
    blocks, _ = from_arrays(unpack(packed)[0])
    rows: list[tuple[Cell, ...]] = []
    head = f"vectors.random.scan_of_{count}"
    figures = [Figure(f"{head}.size_a_vector", len(packed) / count, "bytes")]
    for asked in (1, MOST_PICTURES):
        query = _query(Vectors("random/1", block.rows[:asked], block.bias[:asked]))
        taken = [timed(partial(hits, blocks, query, count)) for _ in range(_ROUNDS + 1)]
        wall, cpu = _middle(taken)
        rows.append((asked, wall, cpu, cpu / count * 1e9, len(packed) / count))
        figures.append(Figure(f"{head}.{asked}_asked", cpu / count * 1e9, "cpu_ns_a_vector"))
    sheet = Sheet(
        f"Exact scan of {count:,} vectors of {dimensions} dimensions",
        ("vectors asked", "s", "CPU s", "CPU ns a vector", "bytes a vector"),
        tuple(rows),
        ("An image has one vector, a film at most 16.",),
    )
    return sheet, figures


def _middle(runs: list[Timed]) -> tuple[float, float]:
    """Median seconds by the clock and of the processor; the first run fills caches."""
    return (
        statistics.median(run.wall_s for run in runs[1:]),
        statistics.median(run.cpu_s for run in runs[1:]),
    )


def _query(vectors: Vectors) -> IndexQuery:
    none = np.zeros((0, 32), dtype=np.uint8)
    marks = np.zeros(0, dtype=np.uint32)
    return IndexQuery("q", "0" * 64, none[None], none, marks, marks.view(np.int32), vectors, _FLOOR)


if __name__ == "__main__":
    main()
