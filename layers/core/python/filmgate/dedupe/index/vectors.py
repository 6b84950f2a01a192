"""The vectors of a segment, and their exact scan: all of one engine are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from filmgate.arrays import F16, F32, I32, I64
from filmgate.dedupe.index.packing import Arrays
from filmgate.dedupe.index.port import IndexQuery, Vectors
from filmgate.engines.embedding.normalise import normalised

_PREFIX = "vectors_"
"""Of the names of the arrays in a segment."""
_BLOCK_BYTES = 4 * 1024**2
"""Vectors compared at a time, as float32."""


@dataclass(frozen=True, slots=True)
class VectorBlock:
    """All vectors of a segment by one engine.

    Attributes:
        rows: float16 (n, d).
        bias: float32 (n,).
        owners: int32 (n,), the entry each belongs to, in rising order.
    """

    engine: str
    rows: F16
    bias: F32
    owners: I32


Blocks = tuple[VectorBlock, ...]


def blocks_of(vectors: Sequence[Vectors | None]) -> Blocks:
    """Those of each entry, put together by engine; None for an entry without."""
    by_engine: dict[tuple[str, int], list[tuple[int, Vectors]]] = {}
    for entry, own in enumerate(vectors):
        if own is not None:
            by_engine.setdefault((own.engine, own.rows.shape[1]), []).append((entry, own))
    return tuple(
        VectorBlock(
            engine=engine,
            rows=np.concatenate([own.rows for _, own in owned]),
            bias=np.concatenate([own.bias for _, own in owned]),
            owners=np.repeat(
                np.array([entry for entry, _ in owned], dtype=np.int32),
                [len(own.rows) for _, own in owned],
            ),
        )
        for (engine, _), owned in by_engine.items()
    )


def vectors_of(blocks: Blocks, entry: int) -> Vectors | None:
    """The inverse of `blocks_of` for one entry."""
    for block in blocks:
        first, last = np.searchsorted(block.owners, [entry, entry + 1])
        if first < last:
            return Vectors(block.engine, block.rows[first:last], block.bias[first:last])
    return None


def to_arrays(blocks: Blocks) -> Arrays:
    """For packing, under names with a prefix of their own."""
    arrays: Arrays = {}
    for number, block in enumerate(blocks):
        name = f"{_PREFIX}{number}_"
        arrays[f"{name}engine"] = np.frombuffer(block.engine.encode(), dtype=np.uint8)
        arrays[f"{name}rows"] = block.rows
        arrays[f"{name}bias"] = block.bias
        arrays[f"{name}owners"] = block.owners
    return arrays


def from_arrays(arrays: Arrays) -> tuple[Blocks, Arrays]:
    """The inverse of `to_arrays`, and the arrays that are not vectors."""
    parts: dict[str, Arrays] = {}
    others: Arrays = {}
    for name, array in arrays.items():
        if name.startswith(_PREFIX):
            number, _, part = name.removeprefix(_PREFIX).partition("_")
            parts.setdefault(number, {})[part] = array
        else:
            others[name] = array
    blocks = tuple(
        VectorBlock(part["engine"].tobytes().decode(), part["rows"], part["bias"], part["owners"])
        for part in parts.values()
    )
    return blocks, others


def hits(blocks: Blocks, query: IndexQuery, entries: int) -> I64:
    """How many of the query's vectors have a counterpart in each of so many entries: int64 (e,).

    Vectors of another engine are not counterparts.
    """
    own = query.vectors
    if own is None:
        return np.zeros(entries, dtype=np.int64)
    hits_by_block = [np.zeros(0, dtype=np.int64)]
    rows = own.rows.astype(np.float32)
    for block in blocks:
        if block.engine != own.engine:
            continue
        step = max(1, _BLOCK_BYTES // (4 * rows.shape[1]))
        for first in range(0, len(block.rows), step):
            part = slice(first, first + step)
            near = normalised(rows, own.bias, block.rows[part], block.bias[part])
            q, r = (near >= query.vector_floor).nonzero()
            hits_by_block.append(
                np.unique(block.owners[first + r].astype(np.int64) * len(rows) + q)
            )
    owners = np.unique(np.concatenate(hits_by_block)) // max(len(rows), 1)
    return np.bincount(owners, minlength=entries).astype(np.int64)
