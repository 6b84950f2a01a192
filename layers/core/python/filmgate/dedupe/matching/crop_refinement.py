"""Local search that moves the edges of a crop while the similarity grows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from filmgate.arrays import F32, I8
from filmgate.dedupe.fingerprint import dct
from filmgate.dedupe.fingerprint.dct import SIDE
from filmgate.dedupe.matching.transform import (
    REQUIRED_MATCH_SHARE,
    WHOLE,
    Box,
    Registration,
    crop_matrix,
    evaluate_transforms,
    shared_band,
    similarity_matrix,
    unwhiten,
)

# Constants without another source are hand-set on the tuning half of the matching benchmark.

_STEPS = (0.04, 0.02, 0.01)
"""Shares of the picture by which edges are moved, coarse to fine."""
_MIN_SIDE = 0.45
"""Share of an axis that a box keeps: smaller ones resolve too few frequencies to be compared."""
_MIN_SHARED_SIDE = 0.65
"""The same for a box on both sides, which leaves out a strip and not half of the picture."""
_MIN_RELATIVE_GAIN = 1e-3
"""Relative growth of the z score below which the search stops."""
_MIN_SQUARED_LENGTH = 1e-12
"""Squared lengths are at least this, so that empty pictures do not divide by zero."""
_MOVES: tuple[tuple[int, int, int, int], ...] = (
    (1, 0, 0, 0),
    (0, 1, 0, 0),
    (0, 0, 1, 0),
    (0, 0, 0, 1),
    (1, 1, 0, 0),
    (0, 0, 1, 1),
    (1, -1, 1, -1),
)
"""Edges that move together: one edge, both edges of an axis, or all outwards and inwards."""


def refine_crop(query_frames: I8, reference_frames: I8, start: Registration) -> Registration:
    """Return the best crop near the given one, on the side or sides that are cropped there.

    Args:
        query_frames, reference_frames: int8 (n, 16, 16) and (m, 16, 16).
    """
    best = start
    for step in _STEPS:
        # Under a better crop other frames may be the best matches.
        pairs = _FramePairs(*_best_matches(query_frames, reference_frames, best), best)
        best = pairs.evaluate([best])[0]
        improved = True
        while improved:
            neighbours = pairs.evaluate(list(_neighbours(best, step)))
            winner = max(neighbours, key=lambda crop: crop.z_score, default=best)
            improved = winner.z_score > best.z_score * (1 + _MIN_RELATIVE_GAIN)
            best = winner if improved else best
    return evaluate_transforms(query_frames, reference_frames, best.a, best.b)


def _best_matches(
    query_frames: I8, reference_frames: I8, registration: Registration
) -> tuple[I8, I8]:
    """Return the query frames that match best, and their matches."""
    matrix = similarity_matrix(query_frames, reference_frames, registration.a, registration.b)
    count = max(1, round(len(query_frames) * REQUIRED_MATCH_SHARE))
    rows = np.argsort(matrix.max(axis=1))[-count:]
    return query_frames[rows], reference_frames[matrix[rows].argmax(axis=1)]


class _FramePairs:
    """Matched frames, compared under many crops at once.

    All registrations must have the orientation of the one given here, and no small rotation.
    """

    def __init__(self, a: I8, b: I8, registration: Registration) -> None:
        self._raw = tuple(
            unwhiten(dct.orient(frames, transform.mirror, transform.right_angle_deg))
            for frames, transform in ((a, registration.a), (b, registration.b))
        )

    def evaluate(self, candidates: Sequence[Registration]) -> list[Registration]:
        """Return the candidates, each with the mean similarity of the pairs under it."""
        if not candidates:
            return []
        bands = np.stack([_band_mask(shared_band(crop.a, crop.b)) for crop in candidates])
        a = self._cropped(0, [crop.a.box for crop in candidates]) * bands
        b = self._cropped(1, [crop.b.box for crop in candidates]) * bands
        lengths = np.einsum("knf,knf->kn", a, a) * np.einsum("knf,knf->kn", b, b)
        products = np.einsum("knf,knf->kn", a, b)
        means = (products / np.sqrt(np.maximum(lengths, _MIN_SQUARED_LENGTH))).mean(axis=1)
        return [
            Registration(crop.a, crop.b, float(mean))
            for crop, mean in zip(candidates, means, strict=True)
        ]

    def _cropped(self, side: int, boxes: list[Box]) -> F32:
        """Return coefficients of one side's frames in each box: (k, n, 256).

        Where all boxes are equal, k is 1.
        """
        raw = self._raw[side]
        distinct = boxes[:1] if len(set(boxes)) == 1 else boxes
        rows = np.stack([crop_matrix(top, bottom) for top, bottom, _, _ in distinct])
        columns = np.stack([crop_matrix(left, right).T for _, _, left, right in distinct])
        cropped = rows[:, None] @ raw @ columns[:, None] * dct.whitening()
        flat = cropped.reshape(len(distinct), len(raw), SIDE * SIDE)
        return flat.astype(np.float32, copy=False)


@lru_cache(maxsize=SIDE * SIDE)
def _band_mask(band: tuple[int, int]) -> F32:
    """Return ones for the coefficients in a band, else zeros: (1, 256)."""
    mask = np.zeros((SIDE, SIDE), dtype=np.float32)
    mask[: band[0], : band[1]] = 1
    return mask.reshape(1, SIDE * SIDE)


def _neighbours(registration: Registration, step: float) -> Iterator[Registration]:
    """Yield registrations with a slightly changed crop, on both sides if both have the same."""
    a, b = registration.a, registration.b
    shared = a.box == b.box
    cropped = b if b.box != WHOLE else a
    min_side = _MIN_SHARED_SIDE if shared else _MIN_SIDE
    for move in _MOVES:
        for signed_step in (-step, step):
            box = _moved_box(cropped.box, move, signed_step)
            too_small = min(box[1] - box[0], box[3] - box[2]) < min_side
            if too_small or box in {WHOLE, cropped.box}:
                continue
            yield Registration(
                replace(a, box=box) if shared or cropped is a else a,
                replace(b, box=box) if shared or cropped is b else b,
                0.0,
            )


def _moved_box(box: Box, move: tuple[int, int, int, int], step: float) -> Box:
    top, bottom, left, right = (
        round(min(1.0, max(0.0, edge + direction * step)), 4)
        for edge, direction in zip(box, move, strict=True)
    )
    return top, bottom, left, right
