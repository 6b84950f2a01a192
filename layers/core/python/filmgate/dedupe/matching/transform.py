"""How one side must be looked at to show what the other shows: mirrored, turned, cut.

All of it happens on the stored coefficients; the pictures themselves are gone by now.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint import dct
from filmgate.dedupe.fingerprint.augmented_hashes import WHOLE, Box, tilt_matrix
from filmgate.dedupe.fingerprint.dct import SIDE
from filmgate.dedupe.fingerprint.model import Keypoints

Floats = NDArray[np.float32]
__all__ = [
    "WHOLE",
    "Box",
    "Floats",
    "Pictures",
    "View",
    "Views",
    "cutter",
    "fisher_z",
    "look",
    "measured",
    "shared_band",
    "similarities",
    "turned_box",
    "units",
    "unwhitened",
]

_SYNTHESIS_POINTS = 64
_PERFECT = 0.999
NEEDED_SHARE = 0.75
"""Share of the probes that must find a counterpart: a cut that suits a few proves nothing."""


@dataclass(frozen=True, slots=True)
class View:
    """Turn and mirror as in `dct.orient`, tilt, then keep `box`.

    Attributes:
        box: top, bottom, left, right shares.
        tilt: clockwise degrees.
        aspect: width over height of the picture that is tilted; of no account without a tilt.
    """

    mirror: bool = False
    turn: int = 0
    box: Box = WHOLE
    tilt: float = 0.0
    aspect: float = 1.0

    @property
    def plain(self) -> bool:
        return self == View()

    @property
    def band(self) -> tuple[int, int]:
        """Frequencies a cut-out still knows, vertically and horizontally, each 1..16."""
        return _band(self.box)


def fisher_z(correlation: float) -> float:
    """Fisher's z of a correlation, which ends just before 1, where z has no end."""
    return math.atanh(max(-_PERFECT, min(correlation, _PERFECT)))


def turned_box(box: Box, mirror: bool, turn: int) -> Box:
    """Where a box ends up when its picture is mirrored, then turned clockwise."""
    top, bottom, left, right = box
    if mirror:
        left, right = 1 - right, 1 - left
    for _ in range(turn // 90):
        top, bottom, left, right = left, right, 1 - bottom, 1 - top
    return top, bottom, left, right


@dataclass(frozen=True, slots=True)
class Views:
    """How to look at each side, and the mean similarity (-1..1) of the best frames then."""

    a: View
    b: View
    similarity: float

    @property
    def evidence(self) -> float:
        """Fisher's z of the similarity, in deviations of chance: agreement in a narrow band, which
        a small cut-out leaves, is worth less."""
        rows, columns = shared_band(self.a, self.b)
        return fisher_z(self.similarity) * math.sqrt(rows * columns)

    @property
    def cut(self) -> bool:
        """One side shows a part of the other, or each shows a part that the other lacks."""
        return self.a.box != self.b.box

    @property
    def whole(self) -> bool:
        """Each shows the whole picture of the other, upright."""
        return self.a.box == self.b.box == WHOLE and not self.b.tilt

    @property
    def overlaid(self) -> bool:
        """A strip of both had to be left out: something lies over it on one side."""
        return self.a.box == self.b.box != WHOLE and not self.b.tilt


@dataclass(frozen=True, slots=True)
class Pictures:
    """One side.

    Attributes:
        coefficients: int8 (n, 16, 16), of frames worth matching.
        aspect: width over height.
        stirring: the part of the picture in which anything moves.
        keypoints: of some of the frames together.
    """

    coefficients: NDArray[np.int8]
    aspect: float = 1.0
    stirring: Box = WHOLE
    keypoints: Keypoints | None = None


def look(coefficients: NDArray[np.int8], view: View) -> Floats:
    """The whitened coefficients of the same pictures under a view: float32 (n, 16, 16)."""
    turned = dct.orient(coefficients, view.mirror, view.turn)
    if view.box == WHOLE and not view.tilt:
        return turned.astype(np.float32) / dct.SCALE
    raw = unwhitened(turned)
    if view.tilt:
        rows = raw.reshape(len(raw), SIDE * SIDE) @ tilt_matrix(view.tilt, view.aspect, view.box).T
        return dct.whiten(rows.reshape(raw.shape).astype(np.float32, copy=False))
    top, bottom, left, right = view.box
    cut = cutter(top, bottom) @ raw @ cutter(left, right).T
    return dct.whiten(cut.astype(np.float32, copy=False))


def unwhitened(coefficients: NDArray[np.int8]) -> Floats:
    """Coefficients of the pictures themselves, each on a scale of its own and without its mean.

    Args:
        coefficients: int8 (n, 16, 16), as stored.
    """
    raw: Floats = coefficients.astype(np.float32)
    raw /= np.maximum(dct.whitening(), 1.0)
    return raw


def units(white: Floats, band: tuple[int, int]) -> Floats:
    """Unit vectors of the coefficients inside a band, zero where there are none: (n, 256)."""
    flat = np.zeros((len(white), SIDE, SIDE), dtype=np.float32)
    flat[:, : band[0], : band[1]] = white[:, : band[0], : band[1]]
    flat[:, 0, 0] = 0
    rows = flat.reshape(len(white), SIDE * SIDE)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(length, 1e-6)


def shared_band(first: View, second: View) -> tuple[int, int]:
    """The band that both views know."""
    (rows, columns), (other_rows, other_columns) = first.band, second.band
    return min(rows, other_rows), min(columns, other_columns)


def similarities(a: NDArray[np.int8], b: NDArray[np.int8], a_view: View, b_view: View) -> Floats:
    """How alike each frame of one is to each of the other under the views: (n, m), -1..1."""
    band = shared_band(a_view, b_view)
    table: Floats = units(look(a, a_view), band) @ units(look(b, b_view), band).T
    return table


def measured(probes: NDArray[np.int8], field: NDArray[np.int8], a: View, b: View) -> Views:
    """How well the most of the probes find a counterpart."""
    table = similarities(probes, field, a, b)
    best = np.sort(table.max(axis=1))[-max(1, round(len(probes) * NEEDED_SHARE)) :]
    return Views(a, b, float(best.mean()))


@lru_cache(maxsize=4096)
def cutter(start: float, stop: float) -> Floats:
    """float32 (16, 16): coefficients of a whole axis to those of its stretch start..stop."""
    inside = (np.arange(_SYNTHESIS_POINTS) + 0.5) / _SYNTHESIS_POINTS
    waves = dct.synthesis(start + (stop - start) * inside)
    return (dct.basis(_SYNTHESIS_POINTS) @ waves).astype(np.float32)


@lru_cache(maxsize=4096)
def _band(box: Box) -> tuple[int, int]:
    top, bottom, left, right = box
    return _known(bottom - top), _known(right - left)


def _known(share: float) -> int:
    return min(SIDE, max(4, math.floor(SIDE * share + 1e-6)))
