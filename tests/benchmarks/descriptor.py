"""What a descriptor learned for our copies would gain over the plain DCT one of keypoints.

LDAHash (Strecha et al., PAMI 2012): patches are projected so that those of one spot differ by as
little as can be where others differ, and turned to signs. Learned on half of the pictures of the
tuning half and on the middle frames of its films, judged on the other half of the pictures, both
ways: films are learned on each time and never judged. Nothing of it ships.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filmgate.arrays import F32
from filmgate.dedupe.fingerprint import dct, keypoint_descriptors
from filmgate.dedupe.index.settings import IndexSettings
from tests.benchmarks.common import (
    Cell,
    Figure,
    Result,
    Sheet,
    machine,
    note,
    parser,
    publish,
    slug,
)
from tests.benchmarks.descriptor_pairs import SEED, Described, described

DIMENSIONS = 32
"""Directions that the learned unit vectors keep; 16 to 63 differ little."""
_KEPT = 120
_STEPS = 2000
_BITS = keypoint_descriptors.SIDE**2 - 1

Counts = NDArray[np.int64]
Projection = NDArray[np.float64]
Rows = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Contender:
    """A way to describe a patch, given the projection learned for the fold that is judged."""

    name: str
    signs: bool
    embed: Callable[[F32, Projection], Rows]


CONTENDERS = (
    Contender("63 signs of the DCT, as shipped", True, lambda rows, _: rows),
    Contender("63 signs of the learned projection", True, lambda rows, p: rows @ p),
    Contender("unit vectors of the DCT, as shipped", False, lambda rows, _: rows),
    Contender("learned unit vectors", False, lambda rows, p: rows @ p[:, :DIMENSIONS]),
)


def main() -> None:
    parser(__doc__).parse_args()
    begun = time.perf_counter()
    pictures = described()
    note(f"{len(pictures)} pictures and their copies after {time.perf_counter() - begun:.0f} s.")
    learned = [projection(p for p in pictures if p.fold != fold) for fold in (0, 1)]
    rows = tuple(_row(contender, pictures, learned) for contender in CONTENDERS)
    sheet = Sheet(
        "Keypoints of copies against those of other pictures",
        (
            "described by",
            "false at 80 % recall",
            "at 95 %",
            "recall at the shipped radius",
            "false",
        ),
        rows,
        (
            f"The {_KEPT} most telling keypoints of each picture, as the index keeps them.",
            "Recall is of keypoints that both pictures have; false, the share of all other pairs.",
        ),
    )
    seconds = time.perf_counter() - begun
    publish(Result("descriptor", (sheet,), _figures(rows), {"seed": SEED}, seconds, machine()))


def _figures(rows: Iterable[tuple[Cell, ...]]) -> tuple[Figure, ...]:
    measures = ("false_at_80_recall", "false_at_95_recall", "recall", "false")
    return tuple(
        Figure(f"descriptor.{slug(str(name))}.{measure}", float(value), "share")
        for name, *values in rows
        for measure, value in zip(measures, values, strict=True)
        if value is not None
    )


def _row(
    contender: Contender, pictures: list[Described], learned: list[Projection]
) -> tuple[Cell, ...]:
    true, false = np.zeros(_STEPS + 1, np.int64), np.zeros(_STEPS + 1, np.int64)
    for fold in (0, 1):
        mine = [picture for picture in pictures if picture.fold == fold]
        for right, wrong in _distances(mine, contender, learned[fold]):
            true += np.bincount(right, minlength=_STEPS + 1)
            false += np.bincount(wrong, minlength=_STEPS + 1)
    rates = (false_at(true, false, recall) for recall in (0.80, 0.95))
    if not contender.signs:
        return (contender.name, *rates, None, None)
    radius = IndexSettings().keypoint_radius
    within = [float(counts[: radius + 1].sum() / counts.sum()) for counts in (true, false)]
    return (contender.name, *rates, *within)


def _distances(
    pictures: list[Described], contender: Contender, learned: Projection
) -> Iterator[tuple[Counts, Counts]]:
    """Steps between keypoints of a copy and those of its picture at one spot; and all others'."""

    def embed(some: NDArray[np.int8]) -> F32:
        made = contender.embed(_rows(some[:_KEPT]), learned)
        return np.where(made > 0, 1, -1).astype(np.float32) if contender.signs else _normed(made)

    own = [embed(picture.patches) for picture in pictures]
    owner = np.repeat(np.arange(len(own)), [len(rows) for rows in own])
    kept = np.concatenate(own)
    for number, picture in enumerate(pictures):
        for copy in picture.copies:
            steps = _steps(embed(copy.patches) @ kept.T, contender.signs)
            pairs = copy.pairs[(copy.pairs < _KEPT).all(axis=1)]
            right = steps[:, owner == number][pairs[:, 1], pairs[:, 0]]
            yield right, steps[:, owner != number].ravel()


def _steps(products: F32, signs: bool) -> Counts:
    """Bits that differ, or cosine distance from 0 to 2 in steps."""
    apart = (_BITS - products) / 2 if signs else (1 - products) / 2 * _STEPS
    return np.clip(np.rint(apart), 0, _STEPS).astype(np.int64)


def false_at(true: Counts, false: Counts, recall: float) -> float:
    """The share of false pairs within the distance at which a share of true ones is.

    Between two steps it is interpolated, on a scale of logarithms.

    Args:
        true, false: pairs at each step of distance.
    """
    found, wrong = np.cumsum(true) / true.sum(), np.cumsum(false) / false.sum()
    least = 1 / false.sum()
    return float(np.exp(np.interp(recall, found, np.log(np.maximum(wrong, least)))))


def projection(pictures: Iterable[Described]) -> Projection:
    """Directions in which other patches differ most for what those of one spot do: (63, 63).

    The differences within pairs are whitened, then the principal axes of those between taken.
    Pairs count in all eight orientations, so that no bit has a threshold other than 0.
    """
    a, b = (np.concatenate(side) for side in zip(*_sides(pictures), strict=True))
    others = np.random.default_rng(SEED).permutation(len(b))
    totals = np.zeros((2, _BITS, _BITS))
    for mirror, turn in dct.ORIENTATIONS:
        mine, theirs = (_rows(dct.orient(side, mirror, turn)) for side in (a, b))
        for total, apart in zip(totals, (mine - theirs, mine - theirs[others]), strict=True):
            np.add(total, apart.T.astype(np.float64) @ apart, out=total)
    within, between = totals
    spread, axes = np.linalg.eigh(within)
    whitening = axes / np.sqrt(spread)
    _, principal = np.linalg.eigh(whitening.T @ between @ whitening)
    found: Projection = whitening @ principal[:, ::-1]
    return found


def _sides(
    pictures: Iterable[Described],
) -> Iterator[tuple[NDArray[np.int8], NDArray[np.int8]]]:
    for picture in pictures:
        for copy in picture.copies:
            yield picture.patches[copy.pairs[:, 0]], copy.patches[copy.pairs[:, 1]]


def _rows(some: NDArray[np.int8]) -> F32:
    """float32 (n, 63): unit vectors; the mean, always zero, is left out."""
    return keypoint_descriptors.unit_vectors(some)[:, 1:]


def _normed(rows: Rows) -> F32:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.maximum(lengths, 1e-9)).astype(np.float32)


if __name__ == "__main__":
    main()
