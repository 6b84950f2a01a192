"""Finding the views under which two sets of pictures show the same.

Orientations are tried first, then cut-outs of either side and strips left out of both:
a coarse grid at once, then the edges of the best one are moved while that helps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from filmgate.fingerprint import spectrum
from filmgate.fingerprint.spectrum import ORIENTATIONS, SIDE
from filmgate.matching.view import WHOLE, Box, Floats, View, cutter, look, shared_band, units

_PROBES = 24
_FIELD = 240
_COARSE_PROBES = 10
_COARSE_FIELD = 80
_SETTLED = 0.93
_HOPELESS = 0.25
_GAIN = 0.04
_TURN_COST = 0.02
_STEPS = (0.04, 0.02, 0.01)
_SMALLEST = 0.45
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
_BOXES: tuple[Box, ...] = tuple((*rows, *columns) for rows, columns in product(_SPANS, _SPANS))
_SHARED_SMALLEST = 0.65
_INNER: Box = (0.1, 0.9, 0.1, 0.9)
_TILTS = tuple(step * 1.5 for step in range(-5, 6) if step)
_FINER_TILTS = (0.8, 0.4, 0.2)
_SHARED = tuple(
    number
    for number, (top, bottom, left, right) in enumerate(_BOXES)
    if sum((top > 0, bottom < 1, left > 0, right < 1)) == 1
)
"""Boxes that leave out a strip at one edge, tried on both sides at once: banners and tickers."""


@dataclass(frozen=True, slots=True)
class Views:
    """How to look at each side, and the mean similarity (-1..1) of the best frames then."""

    a: View
    b: View
    similarity: float

    @property
    def cut(self) -> bool:
        """One side shows a part of the other."""
        return (self.a.box != WHOLE) != (self.b.box != WHOLE)

    @property
    def overlaid(self) -> bool:
        """A strip of both had to be left out: something lies over it on one side."""
        return WHOLE not in (self.a.box, self.b.box) and not self.b.tilt


@dataclass(frozen=True, slots=True)
class Pictures:
    """One side.

    Attributes:
        coefficients: int8 (n, 16, 16), of frames worth matching.
        aspect: width over height.
        stirring: the part of the picture in which anything moves.
    """

    coefficients: NDArray[np.int8]
    aspect: float = 1.0
    stirring: Box = WHOLE


def find_views(first: Pictures, second: Pictures) -> Views:
    """The views that bring two assets closest."""
    a, b = first.coefficients, second.coefficients
    # Which side is probed must not hang on which came first, or the answer would.
    if (len(a), a.tobytes()) > (len(b), b.tobytes()):
        swapped = find_views(second, first)
        return Views(*_turned_back(swapped.b, swapped.a), swapped.similarity)
    probes, field = _spread(a, _PROBES), _spread(b, _FIELD)
    # Turning `b` is enough: the relation is symmetric and the report is about `b`.
    turned = max(
        (_measured(probes, field, View(), View(mirror, turn)) for mirror, turn in ORIENTATIONS),
        key=lambda views: views.similarity - _TURN_COST * (not views.b.plain),
    )
    if turned.similarity >= _SETTLED:
        return turned
    cut = _best_cut(_spread(a, _COARSE_PROBES), _spread(b, _COARSE_FIELD), turned)
    stirred = _best_stirred(probes, field, first.stirring, second.stirring)
    best = max([cut, *stirred], key=lambda views: views.similarity)
    # A smaller band is easier to agree in, so a cut must earn its place.
    if best.similarity >= _HOPELESS:
        refined = _refine(probes, field, best)
        if refined.similarity > turned.similarity + _GAIN:
            turned = refined
    if turned.similarity >= _SETTLED:
        return turned
    tilted = _best_tilt(probes, field, turned, second.aspect)
    return tilted if tilted.similarity > turned.similarity + _GAIN else turned


def _best_stirred(
    probes: NDArray[np.int8], field: NDArray[np.int8], a_box: Box, b_box: Box
) -> Iterator[Views]:
    """Where one side moves only inside a part of the picture, that part against the other side."""
    pairs = [(a_box, WHOLE), (WHOLE, b_box), (a_box, b_box)]
    for a, b in dict.fromkeys(pair for pair in pairs if pair != (WHOLE, WHOLE)):
        yield _measured(probes, field, View(box=a), View(box=b))


def _best_tilt(
    probes: NDArray[np.int8], field: NDArray[np.int8], turned: Views, aspect: float
) -> Views:
    """The best tilt of `b`, seen in the inner part that both still show."""
    mirror, turn = turned.b.mirror, turned.b.turn
    wide = round(aspect if turn in {0, 180} else 1 / aspect, 2)

    def at(degrees: float) -> Views:
        view = View(mirror, turn, _INNER, round(degrees, 2), wide)
        return _measured(probes, field, View(box=_INNER), view)

    best = max((at(degrees) for degrees in _TILTS), key=lambda views: views.similarity)
    if best.similarity < _HOPELESS:
        return best
    for step in _FINER_TILTS:
        beside = [at(best.b.tilt + move) for move in (-step, step)]
        best = max(best, *beside, key=lambda views: views.similarity)
    return best


def _turned_back(a: View, b: View) -> tuple[View, View]:
    """The same relation with the orientation told of `b` instead of `a`."""
    if a.tilt:
        return replace(b, box=_INNER), _tilted_back(a)
    if not (a.mirror or a.turn):
        return a, b
    # A mirrored picture turns back by the same angle, an unmirrored one by the opposite.
    undone = View(a.mirror, a.turn if a.mirror else -a.turn % 360)
    return View(box=_box_before(a)), View(undone.mirror, undone.turn, _box_after(b, undone))


def _tilted_back(a: View) -> View:
    """The other side's view when this one's tilt is told of it; mirrors turn the tilt round."""
    aspect = a.aspect if a.turn in {0, 180} else round(1 / a.aspect, 2)
    undone = a.turn if a.mirror else -a.turn % 360
    return View(a.mirror, undone, _INNER, a.tilt if a.mirror else -a.tilt, aspect)


def _box_before(view: View) -> Box:
    """Where the box of an oriented view lies in the picture before it was oriented."""
    undone = View(view.mirror, view.turn if view.mirror else -view.turn % 360)
    return _box_after(view, undone)


def _box_after(view: View, orientation: View) -> Box:
    """Where a box ends up when its picture is mirrored and turned."""
    top, bottom, left, right = view.box
    if orientation.mirror:
        left, right = 1 - right, 1 - left
    for _ in range(orientation.turn // 90):
        top, bottom, left, right = left, right, 1 - bottom, 1 - top
    return top, bottom, left, right


def _best_cut(probes: NDArray[np.int8], field: NDArray[np.int8], turned: Views) -> Views:
    """The best of the grid of boxes on either side, in the likely orientations."""
    orientations = dict.fromkeys([(False, 0), (True, 0), (turned.b.mirror, turned.b.turn)])
    a_cuts = _cuts(probes)
    candidates = []
    for mirror, turn in orientations:
        oriented = spectrum.orient(field, mirror, turn)
        b_cuts = _cuts(oriented)
        on_a = _cut_scores(a_cuts, oriented, cut_is_probe=True)
        on_b = _cut_scores(b_cuts, probes, cut_is_probe=False)
        on_both = _shared_scores(a_cuts, b_cuts)
        a_box, b_box = _BOXES[int(on_a.argmax())], _BOXES[int(on_b.argmax())]
        shared = _BOXES[_SHARED[int(on_both.argmax())]]
        candidates += [
            Views(View(box=a_box), View(mirror, turn), float(on_a.max())),
            Views(View(), View(mirror, turn, b_box), float(on_b.max())),
            Views(View(box=shared), View(mirror, turn, shared), float(on_both.max())),
        ]
    return max(candidates, key=lambda views: views.similarity)


def _cuts(frames: NDArray[np.int8]) -> Floats:
    """Unit vectors of every box of every frame, in the box's band: (boxes, n, 16, 16)."""
    raw = frames.astype(np.float32) / np.maximum(spectrum.whitening(), 1.0)
    axis = np.stack([cutter(*span) for span in _SPANS])
    rows = axis[:, None] @ raw
    cut = rows[:, None] @ np.swapaxes(axis, 1, 2)[None, :, None]
    white = cut.reshape(len(_BOXES), len(frames), SIDE, SIDE) * spectrum.whitening()
    white *= _bands()[:, None]
    length = np.sqrt(np.square(white).sum(axis=(2, 3), keepdims=True))
    unit: Floats = (white / np.maximum(length, 1e-6)).astype(np.float32)
    return unit


def _bands() -> NDArray[np.bool_]:
    """Which coefficients each box knows: (boxes, 16, 16)."""
    at = np.arange(SIDE)
    known = [View(box=box).band for box in _BOXES]
    return np.stack([(at[:, None] < rows) & (at[None, :] < columns) for rows, columns in known])


def _cut_scores(cuts: Floats, whole: NDArray[np.int8], *, cut_is_probe: bool) -> Floats:
    """For each box, how well the best half of the probes finds a counterpart: (boxes,)."""
    flat = whole.reshape(len(whole), -1).astype(np.float32)
    within = np.sqrt(np.square(flat) @ _bands().reshape(len(_BOXES), -1).T.astype(np.float32))
    tables = cuts.reshape(len(_BOXES), -1, SIDE * SIDE) @ flat.T
    tables /= np.maximum(within.T[:, None, :], 1e-6)
    best = np.sort(tables.max(axis=2 if cut_is_probe else 1), axis=1)
    half: Floats = best[:, -max(1, best.shape[1] // 2) :].mean(axis=1)
    half[0] = 0.0
    return half


def _shared_scores(a_cuts: Floats, b_cuts: Floats) -> Floats:
    """The same with a strip left out on both sides: (len(_SHARED),)."""
    scores = []
    for number in _SHARED:
        a, b = (cuts[number].reshape(-1, SIDE * SIDE) for cuts in (a_cuts, b_cuts))
        best = np.sort((a @ b.T).max(axis=1))
        scores.append(best[-max(1, len(best) // 2) :].mean())
    return np.array(scores, dtype=np.float32)


def _measured(probes: NDArray[np.int8], field: NDArray[np.int8], a: View, b: View) -> Views:
    """How well the best half of the probes finds a counterpart."""
    table = _table(probes, field, a, b)
    best = np.sort(table.max(axis=1))[-max(1, len(probes) // 2) :]
    return Views(a, b, float(best.mean()))


def _refine(probes: NDArray[np.int8], field: NDArray[np.int8], views: Views) -> Views:
    """Moves the edges of the cut while the pictures come closer."""
    best = views
    pairs = _closest(probes, field, views)
    for step in _STEPS:
        improved = True
        while improved:
            tried = [_measured_pairs(*pairs, moved) for moved in _moved(best, step)]
            winner = max(tried, key=lambda views: views.similarity, default=best)
            improved = winner.similarity > best.similarity + 1e-3
            best = winner if improved else best
    return _measured(probes, field, best.a, best.b)


def _closest(
    probes: NDArray[np.int8], field: NDArray[np.int8], views: Views
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """The probes that match best, and their counterparts."""
    table = _table(probes, field, views.a, views.b)
    rows = np.argsort(table.max(axis=1))[-max(1, len(probes) // 2) :]
    return probes[rows], field[table[rows].argmax(axis=1)]


def _table(a: NDArray[np.int8], b: NDArray[np.int8], a_view: View, b_view: View) -> Floats:
    band = shared_band(a_view, b_view)
    table: Floats = units(look(a, a_view), band) @ units(look(b, b_view), band).T
    return table


def _measured_pairs(a: NDArray[np.int8], b: NDArray[np.int8], views: Views) -> Views:
    band = shared_band(views.a, views.b)
    rows = units(look(a, views.a), band) * units(look(b, views.b), band)
    return Views(views.a, views.b, float(rows.sum(axis=1).mean()))


def _moved(views: Views, step: float) -> Iterator[Views]:
    """The same views with one edge of the cut moved, on both sides if both are cut."""
    cut = views.b if views.b.box != WHOLE else views.a
    smallest = _SHARED_SMALLEST if views.overlaid else _SMALLEST
    for edge in range(4):
        for move in (-step, step):
            sides = list(cut.box)
            sides[edge] = round(min(1.0, max(0.0, sides[edge] + move)), 4)
            top, bottom, left, right = box = (sides[0], sides[1], sides[2], sides[3])
            if min(bottom - top, right - left) < smallest or box == WHOLE:
                continue
            a = replace(views.a, box=box) if views.a.box != WHOLE else views.a
            b = replace(views.b, box=box) if views.b.box != WHOLE else views.b
            yield Views(a, b, 0.0)


def _spread(frames: NDArray[np.int8], most: int) -> NDArray[np.int8]:
    if len(frames) <= most:
        return frames
    return frames[np.linspace(0, len(frames) - 1, most).astype(int)]
