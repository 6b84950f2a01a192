"""Moving the edges of a cut-out while the pictures come closer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from filmgate.matching.view import (
    NEEDED_SHARE,
    WHOLE,
    Box,
    Floats,
    View,
    Views,
    look,
    measured,
    shared_band,
    similarities,
    units,
)

_STEPS = (0.04, 0.02, 0.01)
"""Shares of the picture by which edges are moved, coarse to fine."""
_SMALLEST = 0.45
"""Share of an axis that a box keeps: smaller ones know too few frequencies to be told apart."""
_SHARED_SMALLEST = 0.65
"""The same of a box on both sides: a strip is left out, not half of the picture."""
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
        pairs = _Pairs(*_closest(probes, field, best))
        best = pairs.measured(best)
        improved = True
        while improved:
            tried = [pairs.measured(moved) for moved in _moved(best, step)]
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
    """Frames and their counterparts, each looked at once in each view."""

    def __init__(self, a: NDArray[np.int8], b: NDArray[np.int8]) -> None:
        self._sides = (a, b)
        self._looked: dict[tuple[int, View, tuple[int, int]], Floats] = {}

    def measured(self, views: Views) -> Views:
        """The views, with the mean similarity of the pairs under them."""
        band = shared_band(views.a, views.b)
        rows = self._units(0, views.a, band) * self._units(1, views.b, band)
        return Views(views.a, views.b, float(rows.sum(axis=1).mean()))

    def _units(self, side: int, view: View, band: tuple[int, int]) -> Floats:
        key = (side, view, band)
        if key not in self._looked:
            self._looked[key] = units(look(self._sides[side], view), band)
        return self._looked[key]


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
