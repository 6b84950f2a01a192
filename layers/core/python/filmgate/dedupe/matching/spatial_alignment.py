"""Finding the views under which two sets of pictures show the same.

Orientations are tried first, then cut-outs of either side and strips left out of both, then
tilts. Whatever settles it ends the search.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint.augmented_hashes import rounded_aspect
from filmgate.dedupe.fingerprint.dct import ORIENTATIONS
from filmgate.dedupe.fingerprint.model import Keypoints
from filmgate.dedupe.matching.crop_refinement import refine
from filmgate.dedupe.matching.crop_search import best_cuts
from filmgate.dedupe.matching.geometric_verification import placements
from filmgate.dedupe.matching.transform import (
    WHOLE,
    Box,
    Pictures,
    View,
    Views,
    measured,
    turned_box,
)

_PROBES = 24
"""Frames of one side that seek a counterpart."""
_FIELD = 240
"""Frames of the other side that they seek it among: a minute at four a second."""
_COARSE_PROBES = 10
"""As `_PROBES`, for the grid of cuts, which is tried in hundreds of boxes."""
_COARSE_FIELD = 80
"""As `_FIELD`, for that grid."""
_STARTS = 6
"""Cuts that are refined: they end in different places, and the best start is not the best end."""
SETTLED = 0.93
"""From this similarity on an orientation alone explains the pictures."""
_CUT_SETTLED = 0.97
"""From this similarity on a cut does, and no tilt is tried."""
_HOPELESS = 0.25
"""Below this similarity moving edges or turning finer leads nowhere."""
_GAIN = 0.04
"""What a cut or a tilt must add to the similarity of the wholes."""
_UPRIGHT_DEG = 1.5
"""Tilts up to this are taken for none where keypoints place one side in the other."""
_TURN_COST = 0.02
"""What a mirror or a turn must add: plain pictures agree with themselves turned."""
INNER: Box = (0.1, 0.9, 0.1, 0.9)
"""What is looked at of both when one is tilted: its corners are lost."""
_TILTS = tuple(step * 1.5 for step in range(-5, 6) if step)
"""Degrees tried first, so close that one of them shows where the best lies."""
_FINER_TILTS = (0.8, 0.4, 0.2)
"""Degrees by which the best of them is then moved to either side."""


def find_views(first: Pictures, second: Pictures) -> Views:
    """The views that bring two assets closest."""
    a, b = first.coefficients, second.coefficients
    # Which side is probed must not hang on which came first, or the answer would.
    if (len(a), a.tobytes()) > (len(b), b.tobytes()):
        swapped = find_views(second, first)
        return Views(*_turned_back(swapped.b, swapped.a), swapped.similarity)
    probes, field = _spread(a, _PROBES), _spread(b, _FIELD)
    turned = best_orientation(first, second)
    if turned.similarity >= SETTLED:
        return turned
    starts = best_cuts(_spread(a, _COARSE_PROBES), _spread(b, _COARSE_FIELD), turned)
    starts += _stirred(probes, field, first.stirring, second.stirring)
    starts += _placed(probes, field, (first.keypoints, second.keypoints), turned)
    cut = _refined(probes, field, starts)
    if cut.similarity < _CUT_SETTLED:
        tilted = _best_tilt(probes, field, turned, second.aspect)
        cut = max(cut, tilted, key=lambda views: views.evidence)
    # A smaller band is easier to agree in, so a cut or a tilt must earn its place.
    return cut if cut.similarity > turned.similarity + _GAIN else turned


def best_orientation(first: Pictures, second: Pictures) -> Views:
    """The best of the eight. Turning `b` is enough: the relation is symmetric and the report is
    about `b`."""
    probes, field = _spread(first.coefficients, _PROBES), _spread(second.coefficients, _FIELD)
    return max(
        (measured(probes, field, View(), View(mirror, turn)) for mirror, turn in ORIENTATIONS),
        key=lambda views: views.similarity - _TURN_COST * (not views.b.plain),
    )


def _refined(probes: NDArray[np.int8], field: NDArray[np.int8], starts: list[Views]) -> Views:
    """The best that can be had from the most promising cuts; they end in different places."""
    starts = sorted(starts, key=lambda views: -views.evidence)[:_STARTS]
    if starts[0].similarity < _HOPELESS:
        return starts[0]
    refined = [refine(probes, field, views) for views in starts]
    return max(refined, key=lambda views: views.evidence)


def _stirred(
    probes: NDArray[np.int8], field: NDArray[np.int8], a_box: Box, b_box: Box
) -> Iterator[Views]:
    """Where one side moves only inside a part of the picture, that part against the other side."""
    pairs = [(a_box, WHOLE), (WHOLE, b_box), (a_box, b_box)]
    for a, b in dict.fromkeys(pair for pair in pairs if pair != (WHOLE, WHOLE)):
        yield measured(probes, field, View(box=a), View(box=b))


def _placed(
    probes: NDArray[np.int8],
    field: NDArray[np.int8],
    points: tuple[Keypoints | None, Keypoints | None],
    turned: Views,
) -> Iterator[Views]:
    """Where keypoints say that one side lies in the other, in the likely orientations."""
    a, b = points
    likely = dict.fromkeys([(False, 0), (True, 0), (turned.b.mirror, turned.b.turn)])
    for placed in placements(a, b, likely) if a and b else ():
        if abs(placed.angle) < _UPRIGHT_DEG:
            second = View(placed.mirror, placed.turn, placed.b_box)
            yield measured(probes, field, View(box=placed.a_box), second)


def _best_tilt(
    probes: NDArray[np.int8], field: NDArray[np.int8], turned: Views, aspect: float
) -> Views:
    """The best tilt of `b`, seen in the inner part that both still show."""
    mirror, turn = turned.b.mirror, turned.b.turn
    wide = rounded_aspect(aspect if turn in {0, 180} else 1 / aspect)

    def at(degrees: float) -> Views:
        view = View(mirror, turn, INNER, round(degrees, 2), wide)
        return measured(probes, field, View(box=INNER), view)

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
        return replace(b, box=INNER), _tilted_back(a)
    if not (a.mirror or a.turn):
        return a, b
    # A mirrored picture turns back by the same angle, an unmirrored one by the opposite.
    mirror, turn = a.mirror, a.turn if a.mirror else -a.turn % 360
    before = turned_box(a.box, mirror, turn)
    return View(box=before), View(mirror, turn, turned_box(b.box, mirror, turn))


def _tilted_back(a: View) -> View:
    """The other side's view when this one's tilt is told of it; mirrors turn the tilt round."""
    aspect = a.aspect if a.turn in {0, 180} else rounded_aspect(1 / a.aspect)
    undone = a.turn if a.mirror else -a.turn % 360
    return View(a.mirror, undone, INNER, a.tilt if a.mirror else -a.tilt, aspect)


def _spread(frames: NDArray[np.int8], most: int) -> NDArray[np.int8]:
    if len(frames) <= most:
        return frames
    return frames[np.linspace(0, len(frames) - 1, most).astype(int)]
