"""Moving the edges of a cut-out while the pictures come closer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint import dct
from filmgate.dedupe.fingerprint.dct import SIDE
from filmgate.dedupe.matching.transform import (
    NEEDED_SHARE,
    WHOLE,
    Box,
    Floats,
    Views,
    cutter,
    measured,
    shared_band,
    similarities,
    unwhitened,
)

_STEPS = (0.04, 0.02, 0.01)
"""Shares of the picture by which edges are moved, coarse to fine."""
_SMALLEST = 0.45
"""Share of an axis that a box keeps: smaller ones know too few frequencies to be told apart."""
_SHARED_SMALLEST = 0.65
"""The same of a box on both sides: a strip is left out, not half of the picture."""
_FLAT = 1e-12
"""Squared length under which a picture shows nothing."""
_MOVES: tuple[tuple[int, int, int, int], ...] = (
    (1, 0, 0, 0),
    (0, 1, 0, 0),
    (0, 0, 1, 0),
    (0, 0, 0, 1),
    (1, 1, 0, 0),
    (0, 0, 1, 1),
    (1, -1, 1, -1),
)
"""What is moved together: an edge, both edges of an axis, or all outwards and inwards."""


def refine(probes: NDArray[np.int8], field: NDArray[np.int8], views: Views) -> Views:
    """The best cut near the given one, on the side or sides that are cut there.

    Args:
        probes, field: int8 (n, 16, 16) and (m, 16, 16).
    """
    best = views
    for step in _STEPS:
        # With a better cut other frames turn out to be the counterparts.
        pairs = _Pairs(*_closest(probes, field, best), best)
        best = pairs.measured([best])[0]
        improved = True
        while improved:
            tried = pairs.measured(list(_moved(best, step)))
            winner = max(tried, key=lambda views: views.evidence, default=best)
            improved = winner.evidence > best.evidence * (1 + 1e-3)
            best = winner if improved else best
    return measured(probes, field, best.a, best.b)


def _closest(
    probes: NDArray[np.int8], field: NDArray[np.int8], views: Views
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """The probes that match best, and their counterparts."""
    table = similarities(probes, field, views.a, views.b)
    rows = np.argsort(table.max(axis=1))[-max(1, round(len(probes) * NEEDED_SHARE)) :]
    return probes[rows], field[table[rows].argmax(axis=1)]


class _Pairs:
    """Frames and their counterparts, looked at in many boxes at once.

    All views measured keep the orientation of the views given, and none is tilted.
    """

    def __init__(self, a: NDArray[np.int8], b: NDArray[np.int8], views: Views) -> None:
        self._raw = tuple(
            unwhitened(dct.orient(side, view.mirror, view.turn))
            for side, view in ((a, views.a), (b, views.b))
        )

    def measured(self, tried: Sequence[Views]) -> list[Views]:
        """The views, each with the mean similarity of the pairs under it."""
        if not tried:
            return []
        bands = np.stack([_inside(shared_band(views.a, views.b)) for views in tried])
        first = self._looked(0, [views.a.box for views in tried]) * bands
        second = self._looked(1, [views.b.box for views in tried]) * bands
        lengths = np.einsum("knf,knf->kn", first, first) * np.einsum("knf,knf->kn", second, second)
        products = np.einsum("knf,knf->kn", first, second)
        means = (products / np.sqrt(np.maximum(lengths, _FLAT))).mean(axis=1)
        return [
            Views(views.a, views.b, float(mean)) for views, mean in zip(tried, means, strict=True)
        ]

    def _looked(self, side: int, boxes: list[Box]) -> Floats:
        """Coefficients of a side's frames in each box, or once where all are one: (k, n, 256)."""
        raw = self._raw[side]
        distinct = boxes[:1] if len(set(boxes)) == 1 else boxes
        rows = np.stack([cutter(top, bottom) for top, bottom, _, _ in distinct])
        columns = np.stack([cutter(left, right).T for _, _, left, right in distinct])
        cut = rows[:, None] @ raw @ columns[:, None] * dct.whitening()
        return cut.reshape(len(distinct), len(raw), SIDE * SIDE).astype(np.float32, copy=False)


@lru_cache(maxsize=SIDE * SIDE)
def _inside(band: tuple[int, int]) -> Floats:
    """Ones for the coefficients in a band: (1, 256)."""
    inside = np.zeros((SIDE, SIDE), dtype=np.float32)
    inside[: band[0], : band[1]] = 1
    return inside.reshape(1, SIDE * SIDE)


def _moved(views: Views, step: float) -> Iterator[Views]:
    """The same views with a cut a little changed, on both sides if both are cut alike."""
    alike = views.a.box == views.b.box
    cut = views.b if views.b.box != WHOLE else views.a
    smallest = _SHARED_SMALLEST if alike else _SMALLEST
    for move in _MOVES:
        for sign in (-step, step):
            box = _shifted(cut.box, move, sign)
            if min(box[1] - box[0], box[3] - box[2]) < smallest or box in {WHOLE, cut.box}:
                continue
            on_a = alike or cut is views.a
            on_b = alike or cut is views.b
            yield Views(
                replace(views.a, box=box) if on_a else views.a,
                replace(views.b, box=box) if on_b else views.b,
                0.0,
            )


def _shifted(box: Box, move: tuple[int, int, int, int], step: float) -> Box:
    top, bottom, left, right = (
        round(min(1.0, max(0.0, edge + direction * step)), 4)
        for edge, direction in zip(box, move, strict=True)
    )
    return top, bottom, left, right
