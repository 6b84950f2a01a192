"""A coarse grid of cut-outs of either side, and of strips left out of both, tried all at once."""

from __future__ import annotations

from functools import lru_cache
from heapq import nlargest
from itertools import product

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint import dct
from filmgate.dedupe.fingerprint.dct import SIDE
from filmgate.dedupe.matching.transform import (
    NEEDED_SHARE,
    Box,
    Floats,
    View,
    Views,
    cutter,
    unwhitened,
)

_SPANS: tuple[tuple[float, float], ...] = (
    (0.0, 1.0),
    (0.0, 0.9),
    (0.1, 1.0),
    (0.05, 0.95),
    (0.0, 0.8),
    (0.2, 1.0),
    (0.1, 0.9),
    (0.0, 0.7),
    (0.3, 1.0),
    (0.15, 0.85),
    (0.2, 0.8),
)
"""Parts of an axis that boxes are made of: in strides that refining still bridges."""
_BOXES: tuple[Box, ...] = tuple((*rows, *columns) for rows, columns in product(_SPANS, _SPANS))
_SHARED = tuple(
    number
    for number, (top, bottom, left, right) in enumerate(_BOXES)
    if sum((top > 0, bottom < 1, left > 0, right < 1)) == 1
)
"""Boxes that leave out a strip at one edge, tried on both sides at once: banners and tickers."""
_MOST_PROMISING = 6
"""Boxes of the grid that are worth refining."""


def best_cuts(probes: NDArray[np.int8], field: NDArray[np.int8], turned: Views) -> list[Views]:
    """The most promising boxes of the grid on either side, in the likely orientations."""
    orientations = dict.fromkeys([(False, 0), (True, 0), (turned.b.mirror, turned.b.turn)])
    a_cuts = _cuts(probes)
    candidates: list[Views] = []
    for mirror, turn in orientations:
        oriented = dct.orient(field, mirror, turn)
        b_cuts = _cuts(oriented)
        on_a = _cut_scores(a_cuts, oriented, cut_is_probe=True)
        on_b = _cut_scores(b_cuts, probes, cut_is_probe=False)
        on_both = _shared_scores(a_cuts, b_cuts)
        for row in range(1, len(_BOXES)):
            box = _BOXES[row]
            on_a_side = Views(View(box=box), View(mirror, turn), float(on_a[row]))
            on_b_side = Views(View(), View(mirror, turn, box), float(on_b[row]))
            candidates += [on_a_side, on_b_side]
        for row, number in enumerate(_SHARED):
            box = _BOXES[number]
            candidates.append(Views(View(box=box), View(mirror, turn, box), float(on_both[row])))
    return nlargest(_MOST_PROMISING, candidates, key=lambda views: views.evidence)


def _cuts(frames: NDArray[np.int8]) -> Floats:
    """Unit vectors of every box of every frame, in the box's band: (boxes, n, 16, 16)."""
    raw = unwhitened(frames)
    axis = np.stack([cutter(*span) for span in _SPANS])
    rows = axis[:, None] @ raw
    cut = rows[:, None] @ np.swapaxes(axis, 1, 2)[None, :, None]
    white = cut.reshape(len(_BOXES), len(frames), SIDE, SIDE) * dct.whitening()
    white *= _bands()[:, None]
    length = np.sqrt(np.square(white).sum(axis=(2, 3), keepdims=True))
    unit: Floats = (white / np.maximum(length, 1e-6)).astype(np.float32)
    return unit


@lru_cache(maxsize=1)
def _bands() -> NDArray[np.bool_]:
    """Which coefficients each box knows: (boxes, 16, 16)."""
    at = np.arange(SIDE)
    known = [View(box=box).band for box in _BOXES]
    return np.stack([(at[:, None] < rows) & (at[None, :] < columns) for rows, columns in known])


def _cut_scores(cuts: Floats, whole: NDArray[np.int8], *, cut_is_probe: bool) -> Floats:
    """For each box, how well the most of the probes find a counterpart: (boxes,)."""
    flat = whole.reshape(len(whole), -1).astype(np.float32)
    within = np.sqrt(np.square(flat) @ _bands().reshape(len(_BOXES), -1).T.astype(np.float32))
    tables = cuts.reshape(len(_BOXES), -1, SIDE * SIDE) @ flat.T
    tables /= np.maximum(within.T[:, None, :], 1e-6)
    best = np.sort(tables.max(axis=2 if cut_is_probe else 1), axis=1)
    scores: Floats = best[:, -max(1, round(best.shape[1] * NEEDED_SHARE)) :].mean(axis=1)
    scores[0] = 0.0
    return scores


def _shared_scores(a_cuts: Floats, b_cuts: Floats) -> Floats:
    """The same with a strip left out on both sides: (len(_SHARED),)."""
    scores = []
    for number in _SHARED:
        a, b = (cuts[number].reshape(-1, SIDE * SIDE) for cuts in (a_cuts, b_cuts))
        best = np.sort((a @ b.T).max(axis=1))
        scores.append(best[-max(1, round(len(best) * NEEDED_SHARE)) :].mean())
    return np.array(scores, dtype=np.float32)
